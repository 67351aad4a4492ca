// A transcript as one JSON object, with the keys that whisper's users read.
#ifndef EARSHOT_PLATFORM_CLI_WRITERS_TRANSCRIPT_JSON_H_
#define EARSHOT_PLATFORM_CLI_WRITERS_TRANSCRIPT_JSON_H_

#include <string>

#include "platform/cli/writers/transcript.h"

namespace earshot {

// {"text", "language", "duration", "segments": [{"id", "start", "end", "text", "tokens", "avg_logprob",
// "compression_ratio", "no_speech_prob", "temperature"}]} on one line with a line break at its end. Times are
// seconds, rounded to milliseconds. Ill-formed UTF-8 becomes U+FFFD, NaN and infinity become null.
std::string TranscriptJson(const Transcript& transcript);

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_CLI_WRITERS_TRANSCRIPT_JSON_H_
