// A transcript as JSON.
#include "platform/cli/writers/transcript_json.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "models/common/text/text_edit.h"
#include "models/common/text/unicode.h"
#include "platform/cli/writers/timestamp.h"

namespace earshot {
namespace {

using Json = nlohmann::ordered_json;

double RoundedSeconds(double seconds) { return static_cast<double>(Milliseconds(seconds)) / 1000.0; }

std::string WholeText(const Transcript& transcript) {
  std::string text;
  for (const TranscriptSegment& segment : transcript.segments) text += segment.text;
  return unicode::EncodeUtf8(text_edit::Trim(unicode::DecodeUtf8(text)));
}

Json SegmentJson(const TranscriptSegment& segment) {
  return {{"id", segment.id},
          {"start", RoundedSeconds(segment.start_s)},
          {"end", RoundedSeconds(segment.end_s)},
          {"text", segment.text},
          {"tokens", segment.tokens},
          {"avg_logprob", segment.avg_logprob},
          {"compression_ratio", segment.compression_ratio},
          {"no_speech_prob", segment.no_speech_prob},
          {"temperature", segment.temperature}};
}

}  // namespace

std::string TranscriptJson(const Transcript& transcript) {
  Json segments = Json::array();
  for (const TranscriptSegment& segment : transcript.segments) segments.push_back(SegmentJson(segment));
  const Json json = {{"text", WholeText(transcript)},
                     {"language", transcript.language},
                     {"duration", RoundedSeconds(transcript.duration_s)},
                     {"segments", std::move(segments)}};
  constexpr int kOneLine = -1;
  return json.dump(kOneLine, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

}  // namespace earshot
