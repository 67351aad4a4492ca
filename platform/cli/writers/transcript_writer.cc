// Transcripts in the output formats.
#include "platform/cli/writers/transcript_writer.h"

#include <algorithm>
#include <utility>

#include "platform/cli/writers/caption_text.h"
#include "platform/cli/writers/timestamp.h"
#include "platform/cli/writers/transcript_json.h"
#include "platform/files/atomic_file.h"

namespace earshot {

std::string TranscriptWriter::Begin() const {
  switch (format_) {
    case TranscriptFormat::kVtt:
      return "WEBVTT\n\n";
    case TranscriptFormat::kTsv:
      return "start\tend\ttext\n";
    default:
      return "";
  }
}

std::string TranscriptWriter::Add(const TranscriptSegment& segment) {
  switch (format_) {
    case TranscriptFormat::kTxt: {
      const std::string line = OneLine(segment.text);
      return line.empty() ? "" : line + "\n";
    }
    case TranscriptFormat::kSrt:
    case TranscriptFormat::kVtt:
      return Cue(segment);
    case TranscriptFormat::kTsv: {
      const int64_t start_ms = Milliseconds(segment.start_s);
      const int64_t end_ms = std::max(start_ms, Milliseconds(segment.end_s));
      return std::to_string(start_ms) + "\t" + std::to_string(end_ms) + "\t" + OneLine(segment.text) + "\n";
    }
    case TranscriptFormat::kJson:
      segments_.push_back(segment);
      break;
  }
  return "";
}

std::string TranscriptWriter::End(std::string_view language, double duration_s) {
  if (format_ != TranscriptFormat::kJson) return "";
  return TranscriptJson({.language = std::string(language),
                         .duration_s = duration_s,
                         .segments = std::exchange(segments_, {})});
}

std::string TranscriptWriter::Cue(const TranscriptSegment& segment) {
  const bool is_srt = format_ == TranscriptFormat::kSrt;
  const std::string text = is_srt ? SrtText(segment.text) : VttText(segment.text);
  if (text.empty()) return "";
  const auto timestamp = is_srt ? SrtTimestamp : VttTimestamp;
  const int64_t start_ms = Milliseconds(segment.start_s);
  const int64_t end_ms = std::max(start_ms, Milliseconds(segment.end_s));
  const std::string number = is_srt ? std::to_string(++num_cues_) + "\n" : "";
  return number + timestamp(start_ms) + " --> " + timestamp(end_ms) + "\n" + text + "\n\n";
}

std::string RenderTranscript(const Transcript& transcript, TranscriptFormat format) {
  TranscriptWriter writer(format);
  std::string text = writer.Begin();
  for (const TranscriptSegment& segment : transcript.segments) text += writer.Add(segment);
  return text + writer.End(transcript.language, transcript.duration_s);
}

std::string TranscriptPath(const std::string& directory, const std::string& stem, TranscriptFormat format) {
  return directory + "/" + stem + "." + TranscriptFormatName(format);
}

Status SaveTranscript(const Transcript& transcript, TranscriptFormat format, const std::string& directory,
                      const std::string& stem) {
  return WriteFileAtomically(TranscriptPath(directory, stem, format), {RenderTranscript(transcript, format)});
}

}  // namespace earshot
