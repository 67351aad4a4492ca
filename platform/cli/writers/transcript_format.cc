// The names of the output formats.
#include "platform/cli/writers/transcript_format.h"

namespace earshot {

const char* TranscriptFormatName(TranscriptFormat format) {
  switch (format) {
    case TranscriptFormat::kTxt:
      return "txt";
    case TranscriptFormat::kSrt:
      return "srt";
    case TranscriptFormat::kVtt:
      return "vtt";
    case TranscriptFormat::kTsv:
      return "tsv";
    case TranscriptFormat::kJson:
      return "json";
  }
  return "unknown";
}

Result<TranscriptFormat> ParseTranscriptFormat(std::string_view name) {
  for (const TranscriptFormat format : kAllTranscriptFormats) {
    if (name == TranscriptFormatName(format)) return format;
  }
  return Status::Error(StatusCode::kInvalidArgument,
                       "unknown transcript format \"%.*s\"; choose txt, srt, vtt, tsv or json",
                       static_cast<int>(name.substr(0, 40).size()), name.data());
}

}  // namespace earshot
