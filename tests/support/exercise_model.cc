// Converting a small model in memory, and running whatever a file holds.
#include "tests/support/exercise_model.h"

#include <cstring>
#include <map>
#include <stdexcept>
#include <string>

#include "converter/emit/flatbuffer_writer.h"
#include "converter/import/import_model.h"
#include "converter/passes/pipeline.h"
#include "converter/plan/memory_planner.h"
#include "converter/quantize/quantize.h"
#include "platform/files/memory_block.h"
#include "runtime/engine/program.h"
#include "runtime/engine/session.h"
#include "tests/support/synthetic_whisper.h"

namespace earshot::test {
namespace {

void ThrowOnError(const Status& status) {
  if (!status.ok()) throw std::runtime_error(status.message());
}

// Symbols at minimum + part / 2 of their range.
Status RunMethod(Session& session, int method, int part) {
  const fb::Method& declared =
      *session.program().model().methods()->Get(static_cast<flatbuffers::uoffset_t>(method));
  std::vector<int64_t> symbols;
  for (const fb::Symbol* symbol : *declared.symbols()) {
    const int64_t range = int64_t{symbol->maximum()} - symbol->minimum();
    symbols.push_back(symbol->minimum() + range * part / 2);
  }
  return session.Run(method, symbols);
}

}  // namespace

std::vector<std::byte> ConvertSyntheticWhisper(DType weights) {
  const SyntheticWhisper model = MakeSyntheticWhisper();
  const TemporaryDirectory directory(
      "earshot_synthetic",
      {{"config.json", SyntheticConfigJson()}, {"tokenizer.json", SyntheticTokenizerJson()}},
      {{"model.safetensors", SafetensorsBytes(model.tensors, "F32")}});
  Result<ir::Graph> graph = checkpoint::ImportModel(directory.path());
  ThrowOnError(graph.status());
  ThrowOnError(passes::RunPasses(graph.value(), passes::Pipeline()));
  ThrowOnError(quantize::Quantize(graph.value(), {.weights = weights}).status());
  ThrowOnError(plan::PlanMemory(graph.value()));
  const auto file = emit::PrepareModelFile(graph.value());
  ThrowOnError(file.status());
  std::vector<std::byte> bytes;
  ThrowOnError(emit::WriteModelFile(graph.value(), file.value(), [&bytes](std::span<const std::byte> part) {
    bytes.insert(bytes.end(), part.begin(), part.end());
    return Status::Ok();
  }));
  return bytes;
}

Status ExerciseModel(std::span<const std::byte> file) {
  constexpr size_t kMaxBytes = size_t{64} << 20;
  if (file.empty()) return Status::Error(StatusCode::kInvalidModel, "an empty file");
  EARSHOT_ASSIGN_OR_RETURN(const MemoryBlock copy, MemoryBlock::Allocate(file.size()));
  std::memcpy(copy.bytes().data(), file.data(), file.size());
  EARSHOT_ASSIGN_OR_RETURN(const Program program, Program::Load(copy.bytes()));
  constexpr std::string_view kOptionalMethods[] = {"decode_beams", "decode_windows"};
  const SessionOptions options = {.optional_methods = kOptionalMethods, .ranks_nearly = true};
  EARSHOT_ASSIGN_OR_RETURN(const MemoryRequirements needed, Session::Measure(program, options));
  if (needed.total_bytes() > kMaxBytes) {
    return Status::Error(StatusCode::kOutOfMemory, "the model wants %zu bytes", needed.total_bytes());
  }
  EARSHOT_ASSIGN_OR_RETURN(const MemoryBlock memory, MemoryBlock::Allocate(needed.total_bytes()));
  Arena arena(memory.bytes());
  EARSHOT_ASSIGN_OR_RETURN(Session session, Session::Create(program, arena, options));
  Status first_error;
  for (int method = 0; method < static_cast<int>(program.model().methods()->size()); ++method) {
    for (int part = 0; part <= 2; ++part) {
      const Status status = RunMethod(session, method, part);
      if (first_error.ok()) first_error = status;
    }
  }
  return first_error;
}

}  // namespace earshot::test
