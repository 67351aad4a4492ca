// The output formats of transcripts, the same five that whisper and faster-whisper users know.
#ifndef EARSHOT_PLATFORM_CLI_WRITERS_TRANSCRIPT_FORMAT_H_
#define EARSHOT_PLATFORM_CLI_WRITERS_TRANSCRIPT_FORMAT_H_

#include <string_view>

#include "runtime/core/status.h"

namespace earshot {

enum class TranscriptFormat {
  kTxt,   // a line per segment
  kSrt,   // SubRip subtitles
  kVtt,   // WebVTT subtitles (W3C)
  kTsv,   // a table: start and end in milliseconds, text
  kJson,  // everything, as one object
};

inline constexpr TranscriptFormat kAllTranscriptFormats[] = {TranscriptFormat::kTxt, TranscriptFormat::kSrt,
                                                             TranscriptFormat::kVtt, TranscriptFormat::kTsv,
                                                             TranscriptFormat::kJson};

// "txt", "srt", "vtt", "tsv", "json": the option's value and the file's extension. Static storage.
const char* TranscriptFormatName(TranscriptFormat format);

// Errors: kInvalidArgument for any other name; the message lists the names.
Result<TranscriptFormat> ParseTranscriptFormat(std::string_view name);

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_CLI_WRITERS_TRANSCRIPT_FORMAT_H_
