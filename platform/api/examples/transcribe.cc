// Transcribes a recording: transcribe_cc MODEL RECORDING
#include <cstdio>

#include "models/whisper/session.h"
#include "platform/audio/audio_reader.h"
#include "platform/files/mapped_file.h"
#include "platform/files/memory_block.h"
#include "platform/threads/worker_threads.h"

earshot::Status Transcribe(const char* model_path, const char* recording) {
  EARSHOT_ASSIGN_OR_RETURN(const auto audio, earshot::DecodeAudioFile(recording));
  EARSHOT_ASSIGN_OR_RETURN(const auto file, earshot::MappedFile::Open(model_path));
  EARSHOT_ASSIGN_OR_RETURN(const auto program, earshot::Program::Load(file.bytes()));
  EARSHOT_ASSIGN_OR_RETURN(const auto threads, earshot::WorkerThreads::Start(2));
  const earshot::SessionOptions options = {
      .pool = threads.pool(), .weights_file = file.AsWeightsFile(), .ranks_nearly = true};
  EARSHOT_ASSIGN_OR_RETURN(const auto needed, earshot::whisper::WhisperSession::Measure(program, options));
  EARSHOT_ASSIGN_OR_RETURN(const auto memory, earshot::MemoryBlock::Allocate(needed.total_bytes()));
  EARSHOT_ASSIGN_OR_RETURN(auto session,
                           earshot::whisper::WhisperSession::Create(program, memory.bytes(), options));
  const earshot::whisper::Sink sink = {.on_segment = [](void*, const earshot::whisper::Segment& segment) {
    std::printf("[%lld ms] %.*s\n", static_cast<long long>(segment.start_ms),
                static_cast<int>(segment.text.size()), segment.text.data());
  }};
  return session.Transcribe(std::span<const float>(audio), {.language = "en"}, sink, nullptr);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const earshot::Status status = Transcribe(argv[1], argv[2]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message());
  return status.ok() ? 0 : 1;
}
