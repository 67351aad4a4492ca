// A finished transcript, as every output format is made from it.
#ifndef EARSHOT_PLATFORM_CLI_WRITERS_TRANSCRIPT_H_
#define EARSHOT_PLATFORM_CLI_WRITERS_TRANSCRIPT_H_

#include <string>
#include <vector>

namespace earshot {

struct TranscriptSegment {
  int id = 0;          // from 0 in the order of the recording
  double start_s = 0;  // seconds from the beginning of the recording
  double end_s = 0;
  // UTF-8 as the model decoded it, with the space that parts it from the segment before (none in Chinese, for
  // example): the texts of all segments in a row are the text of the recording.
  std::string text = {};
  std::vector<int> tokens = {};
  double avg_logprob = 0;  // mean natural log probability of a token
  double compression_ratio = 0;
  double no_speech_prob = 0;
  double temperature = 0;
};

struct Transcript {
  std::string language = {};  // code, "en"
  double duration_s = 0;      // of the recording
  std::vector<TranscriptSegment> segments = {};
};

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_CLI_WRITERS_TRANSCRIPT_H_
