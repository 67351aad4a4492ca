// After Session::Create nothing in the process touches the heap or maps memory: a recording of more than
// three minutes is transcribed while every allocator function aborts.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstdlib>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "models/moonshine/session.h"
#include "platform/audio/audio_reader.h"
#include "platform/cli/op_trace.h"
#include "platform/files/mapped_file.h"
#include "platform/files/memory_block.h"
#include "platform/threads/worker_threads.h"
#include "tests/memory/allocation_guard.h"
#include "tests/support/loaded_whisper.h"

namespace earshot {
namespace {

using test::AllocationGuard;
using test::LoadedWhisper;
using test::OnAllocation;

TEST_CASE("the guard sees allocations of the program, of the C++ library and of C code") {
  const AllocationGuard guard(OnAllocation::kCount);
  const auto array = std::make_unique<int[]>(1000);
  array[0] = 1;
  CHECK(guard.count() == 1);
  void* block = std::malloc(10);
  block = std::realloc(block, 100000);
  std::free(block);
  CHECK(guard.count() == 3);
  const auto memory = MemoryBlock::Allocate(4096);  // mmap
  CHECK(guard.count() == 4);
  CHECK(memory.ok());
}

struct Counts {
  int segments = 0;
  size_t text_bytes = 0;
};

void CountSegment(void* context, const speech::Segment& segment) {
  auto& counts = *static_cast<Counts*>(context);
  ++counts.segments;
  counts.text_bytes += segment.text.size();
}

TEST_CASE("transcribing three minutes allocates nothing") {
  const size_t num_threads = GENERATE(1u, 2u);
  const auto [weights, ranks_nearly, packed] =
      GENERATE(std::tuple("int8", true, ""), std::tuple("f32", false, ""),
               std::tuple("int8", true, EARSHOT_TEST_MODELS_DIR "/whisper-tiny.en.int8.packed"));
  const auto audio = DecodeAudioFile(EARSHOT_SHARED_DIR "/corpus/clips/long-ls-237-134500.flac", {});
  REQUIRE(audio.ok());
  REQUIRE(audio->size() > size_t{180} * 16000);
  auto model = LoadedWhisper::Open(
      EARSHOT_TEST_MODELS_DIR "/whisper-tiny.en." + std::string(weights) + ".earshot",
      {.num_threads = num_threads, .packed_weights = packed, .ranks_nearly = ranks_nearly});
  Counts counts;
  whisper::Summary summary;
  const whisper::Sink sink = {.context = &counts, .on_segment = CountSegment};
  Status status;
  {
    const AllocationGuard guard(OnAllocation::kAbort);
    // Temperatures above 0 draw samples: the fallback path must not allocate either.
    const float temperatures[] = {0.4f, 0.8f};
    status = model->session.Transcribe(std::span<const float>(audio.value()),
                                       {.temperatures = temperatures, .best_of = 2}, sink, &summary);
    if (status.ok()) {
      status =
          model->session.Transcribe(std::span<const float>(audio.value()), {.beam_size = 5}, sink, &summary);
    }
    if (status.ok()) {
      status =
          model->session.Transcribe(std::span<const float>(audio.value()), {.batch_size = 8}, sink, &summary);
    }
    if (status.ok())
      status = model->session.Transcribe(std::span<const float>(audio.value()), {}, sink, &summary);
  }
  INFO(status.message());
  REQUIRE(status.ok());
  CHECK(counts.segments > 20);
  CHECK(counts.text_bytes > 4000);
}

Status ReadSamples(void* context, int64_t first_sample, std::span<float> samples) {
  const auto& audio = *static_cast<const std::vector<float>*>(context);
  std::copy_n(audio.begin() + first_sample, samples.size(), samples.begin());
  return {};
}

TEST_CASE("Moonshine transcribes three minutes and allocates nothing") {
  const size_t num_threads = GENERATE(1u, 2u);
  const std::string weights = GENERATE("int8", "f32");
  const auto audio = DecodeAudioFile(EARSHOT_SHARED_DIR "/corpus/clips/long-ls-237-134500.flac", {});
  const auto file = MappedFile::Open(EARSHOT_TEST_MODELS_DIR "/moonshine-tiny." + weights + ".earshot");
  auto threads = WorkerThreads::Start(num_threads);
  REQUIRE((audio.ok() && file.ok() && threads.ok()));
  const Program program = Program::Load(file->bytes()).value();
  const SessionOptions options = {.pool = threads->pool()};
  const MemoryRequirements stated = moonshine::MoonshineSession::Measure(program, options).value();
  auto memory = MemoryBlock::Allocate(stated.total_bytes());
  REQUIRE(memory.ok());
  auto session = moonshine::MoonshineSession::Create(program, memory->bytes(), options);
  INFO(session.status().message());
  REQUIRE(session.ok());
  Counts counts;
  Status status;
  {
    const AllocationGuard guard(OnAllocation::kAbort);
    status = session->Transcribe({.context = const_cast<std::vector<float>*>(&audio.value()),
                                  .total_samples = std::ssize(audio.value()),
                                  .read = ReadSamples},
                                 {}, {.context = &counts, .on_segment = CountSegment}, nullptr);
  }
  INFO(status.message());
  REQUIRE(status.ok());
  CHECK(counts.segments > 6);
  CHECK(counts.text_bytes > 2500);
  CHECK(session->used().total_bytes() <= stated.total_bytes());
  CHECK(static_cast<double>(session->used().total_bytes()) >=
        0.97 * static_cast<double>(stated.total_bytes()));
}

TEST_CASE("tracing allocates nothing, and drops what does not fit") {
  constexpr const char* kModel = EARSHOT_TEST_MODELS_DIR "/whisper-tiny.en.int8.earshot";
  const auto audio = DecodeAudioFile(EARSHOT_DOWNLOADS_DIR "/speech/beckett.wav", {});
  REQUIRE(audio.ok());
  const auto file = MappedFile::Open(kModel);
  REQUIRE(file.ok());
  cli::OpTrace trace(Program::Load(file->bytes()).value(), 500);
  auto model = LoadedWhisper::Open(kModel, {.num_threads = 2, .observer = trace.observer()});
  const whisper::Sink sink = {.context = &trace,
                              .on_progress = [](void* context, int64_t processed_ms, int64_t) {
                                static_cast<cli::OpTrace*>(context)->EndWindow(processed_ms);
                              }};
  Status status;
  {
    const AllocationGuard guard(OnAllocation::kAbort);
    trace.BeginWindows();
    status = model->session.Transcribe(std::span<const float>(audio.value()), {}, sink, nullptr);
  }
  INFO(status.message());
  REQUIRE(status.ok());
  CHECK(trace.windows().size() == 1);
  CHECK(trace.ops().size() > 400);
  CHECK(trace.ops().size() <= 500);
  CHECK(trace.dropped_ops() > 0);
}

TEST_CASE("the memory stated before is the memory taken, within 3 percent") {
  const std::string weights = GENERATE("f32", "f16", "int8", "int4");
  auto model = LoadedWhisper::Open(EARSHOT_TEST_MODELS_DIR "/whisper-tiny.en." + weights + ".earshot",
                                   {.num_threads = 2});
  const auto stated_bytes = static_cast<double>(model->measured.total_bytes());
  const auto used_bytes = static_cast<double>(model->session.used().total_bytes());
  INFO("stated " << stated_bytes << ", used " << used_bytes);
  CHECK(used_bytes <= stated_bytes);
  CHECK(used_bytes >= 0.97 * stated_bytes);
}

}  // namespace
}  // namespace earshot
