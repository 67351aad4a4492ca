// Fuzzes the audio decoders through AudioReader: any bytes, opened from memory and read to the end or to a
// cap.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "platform/audio/audio_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A compressed input may hold hours of silence; the first minutes find the same bugs.
  constexpr size_t kMaxSamples = size_t{300} * 16000;
  earshot::Result<earshot::AudioReader> reader =
      earshot::AudioReader::OpenMemory(std::as_bytes(std::span(data, size)));
  if (!reader.ok()) return 0;
  static std::vector<float> block(4096);
  for (size_t total = 0; total < kMaxSamples;) {
    const earshot::Result<size_t> count = reader->Read(block);
    if (!count.ok() || count.value() == 0) break;
    for (size_t i = 0; i < count.value(); ++i) {
      if (!std::isfinite(block[i])) std::abort();
    }
    total += count.value();
  }
  if (!reader->warning().ok() && reader->warning().message()[0] == '\0') std::abort();
  return 0;
}
