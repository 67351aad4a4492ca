// The sessions that hear samples, with the random weights of reference cases: nothing is allocated after
// Create.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "converter/emit/memory_file.h"
#include "converter/import/import_model.h"
#include "converter/passes/pipeline.h"
#include "converter/plan/memory_planner.h"
#include "converter/quantize/quantize.h"
#include "models/common/random.h"
#include "models/ctc/session.h"
#include "models/moonshine/session.h"
#include "platform/files/memory_block.h"
#include "platform/threads/worker_threads.h"
#include "tests/memory/allocation_guard.h"

namespace earshot {
namespace {

const std::string kCases = EARSHOT_SHARED_DIR "/zoo/cases/";

// The graph of a case with some vocabulary, as a model file in memory.
MemoryBlock ModelOf(const std::string& name, int64_t vocab_size) {
  auto graph = checkpoint::ImportModel(kCases + name);
  REQUIRE(graph.ok());
  for (int64_t id = 0; id < vocab_size; ++id) graph->tokenizer.pieces.push_back(" w" + std::to_string(id));
  REQUIRE(passes::RunPasses(graph.value(), passes::Pipeline()).ok());
  REQUIRE(quantize::Quantize(graph.value(), {.weights = DType::kI8}).ok());
  REQUIRE(plan::PlanMemory(graph.value()).ok());
  auto bytes = emit::WriteModelToMemory(graph.value());
  REQUIRE(bytes.ok());
  return std::move(bytes).value();
}

Status ReadSamples(void* context, int64_t first_sample, std::span<float> samples) {
  const auto& audio = *static_cast<const std::vector<float>*>(context);
  std::copy_n(audio.begin() + first_sample, samples.size(), samples.begin());
  return {};
}

template <class SessionType>
void CheckSession(const std::string& name, int64_t vocab_size) {
  const MemoryBlock model = ModelOf(name, vocab_size);
  const Program program = Program::Load(model.bytes()).value();
  auto threads = WorkerThreads::Start(2);
  REQUIRE(threads.ok());
  const SessionOptions options = {.pool = threads->pool()};
  const MemoryRequirements stated = SessionType::Measure(program, options).value();
  auto memory = MemoryBlock::Allocate(stated.total_bytes());
  REQUIRE(memory.ok());
  auto session = SessionType::Create(program, memory->bytes(), options);
  INFO(name << ": " << session.status().message());
  REQUIRE(session.ok());
  std::vector<float> audio(size_t{32} * 16000);
  Pcg32 random(3);
  for (float& sample : audio) sample = static_cast<float>(random.NextUnit() - 0.5);
  speech::Summary summary;
  Status status;
  {
    const test::AllocationGuard guard(test::OnAllocation::kAbort);
    status = session->Transcribe({.context = &audio, .total_samples = std::ssize(audio), .read = ReadSamples},
                                 {}, {}, &summary);
  }
  INFO(status.message());
  CHECK(status.ok());
  CHECK(summary.windows >= 2);
  CHECK(session->used().total_bytes() <= stated.total_bytes());
}

TEST_CASE("CTC models and Moonshine for streams allocate nothing while they transcribe") {
  CheckSession<ctc::CtcSession>("wav2vec2-ctc", 32);
  CheckSession<ctc::CtcSession>("wav2vec2conformer-relative", 29);
  CheckSession<ctc::CtcSession>("parakeet-ctc", 41);
  CheckSession<moonshine::MoonshineSession>("moonshine-streaming", 70);
}

}  // namespace
}  // namespace earshot
