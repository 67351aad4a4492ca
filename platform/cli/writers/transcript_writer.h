// Transcripts as text in one of the output formats, piece by piece while they arise or all at once.
#ifndef EARSHOT_PLATFORM_CLI_WRITERS_TRANSCRIPT_WRITER_H_
#define EARSHOT_PLATFORM_CLI_WRITERS_TRANSCRIPT_WRITER_H_

#include <string>
#include <string_view>
#include <vector>

#include "platform/cli/writers/transcript.h"
#include "platform/cli/writers/transcript_format.h"
#include "runtime/core/status.h"

namespace earshot {

// Begin, Add for each segment, End: what they return, one after the other, is the file. It can be printed at
// once; only JSON says nothing before End. The result is always UTF-8: ill-formed bytes become U+FFFD. In the
// line formats a text is freed from everything that would end its line or subtitle early, and a segment
// without text is left out of txt, srt and vtt. Owns: for JSON the segments so far. Threads: one object per
// thread. Errors: none.
class TranscriptWriter {
 public:
  explicit TranscriptWriter(TranscriptFormat format) : format_(format) {}

  std::string Begin() const;
  std::string Add(const TranscriptSegment& segment);
  // Language and duration of the whole, for JSON.
  std::string End(std::string_view language, double duration_s);

 private:
  std::string Cue(const TranscriptSegment& segment);

  TranscriptFormat format_;
  int num_cues_ = 0;
  std::vector<TranscriptSegment> segments_;
};

// The whole file.
std::string RenderTranscript(const Transcript& transcript, TranscriptFormat format);

// <directory>/<stem>.<format>
std::string TranscriptPath(const std::string& directory, const std::string& stem, TranscriptFormat format);

// Writes TranscriptPath, whole or not at all. Errors: those of AtomicFileWriter.
Status SaveTranscript(const Transcript& transcript, TranscriptFormat format, const std::string& directory,
                      const std::string& stem);

}  // namespace earshot

#endif  // EARSHOT_PLATFORM_CLI_WRITERS_TRANSCRIPT_WRITER_H_
