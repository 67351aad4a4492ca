// Conversion in memory, and both ways to run.
#include "tests/unit/runtime/ops/op_testing.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>
#include <utility>

#include "converter/emit/flatbuffer_writer.h"
#include "converter/passes/pipeline.h"
#include "converter/plan/memory_planner.h"
#include "converter/plan/plan_verifier.h"
#include "converter/quantize/quantize.h"
#include "platform/files/memory_block.h"
#include "platform/threads/worker_threads.h"
#include "runtime/engine/program.h"
#include "runtime/engine/session.h"
#include "runtime/schema/format_version.h"
#include "tests/support/ir_interpreter.h"

namespace earshot::test {
namespace {

void ThrowOnError(const Status& status) {
  if (!status.ok()) throw std::runtime_error(status.message());
}

MemoryBlock Aligned(const std::vector<std::byte>& bytes) {
  Result<MemoryBlock> block = MemoryBlock::Allocate(bytes.size());
  ThrowOnError(block.status());
  std::memcpy(block->bytes().data(), bytes.data(), bytes.size());
  return std::move(block).value();
}

void Fill(const MatrixView& view, const std::vector<double>& values) {
  for (int64_t i = 0; i < view.rows * view.cols; ++i) {
    const int64_t at = i / view.cols * view.stride + i % view.cols;
    const double value = values.at(static_cast<size_t>(i));
    if (view.dtype == DType::kI32) {
      view.As<int32_t>().data[at] = static_cast<int32_t>(value);
    } else {
      view.As<float>().data[at] = static_cast<float>(value);
    }
  }
}

double At(const MatrixView& view, int64_t i) {
  const int64_t at = i / view.cols * view.stride + i % view.cols;
  return view.dtype == DType::kI32 ? view.As<int32_t>().data[at]
                                   : static_cast<double>(view.As<float>().data[at]);
}

}  // namespace

std::vector<double> Noise(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<double>(static_cast<float>(random()) / 2147483648.0f - 1.0f));
  return values;
}

std::vector<float> NoiseFloats(int64_t count, uint32_t seed) {
  const std::vector<double> values = Noise(count, seed);
  return {values.begin(), values.end()};
}

ir::Graph OneMethod(const std::function<void(ir::Graph&, ir::MethodBuilder&)>& build) {
  ir::Graph graph;
  graph.family = "test";
  ir::MethodBuilder method(graph, "m");
  build(graph, method);
  ThrowOnError(std::move(method).Finish());
  return graph;
}

std::vector<std::byte> ModelFile(ir::Graph graph, const std::function<void(fb::ModelT&)>& edit,
                                 DType weights) {
  ThrowOnError(passes::RunPasses(graph, passes::Pipeline()));
  ThrowOnError(quantize::Quantize(graph, {.weights = weights}).status());
  ThrowOnError(plan::PlanMemory(graph));
  ThrowOnError(plan::VerifyPlan(graph));
  const Result<emit::ModelFile> layout = emit::PrepareModelFile(graph);
  ThrowOnError(layout.status());
  std::vector<std::byte> file;
  ThrowOnError(emit::WriteModelFile(graph, layout.value(), [&file](std::span<const std::byte> bytes) {
    file.insert(file.end(), bytes.begin(), bytes.end());
    return Status::Ok();
  }));
  if (edit == nullptr) return file;
  std::unique_ptr<fb::ModelT> model(fb::GetSizePrefixedModel(file.data())->UnPack());
  const size_t weights_begin = file.size() - model->weights_bytes;
  edit(*model);
  flatbuffers::FlatBufferBuilder builder;
  fb::FinishSizePrefixedModelBuffer(builder, fb::Model::Pack(builder, model.get()));
  std::vector<std::byte> edited(builder.GetSize());
  std::memcpy(edited.data(), builder.GetBufferPointer(), edited.size());
  edited.resize((edited.size() + kWeightsAlignment - 1) / kWeightsAlignment * kWeightsAlignment);
  edited.insert(edited.end(), file.begin() + static_cast<std::ptrdiff_t>(weights_begin), file.end());
  return edited;
}

Status LoadStatus(const std::vector<std::byte>& file) {
  const MemoryBlock bytes = Aligned(file);
  EARSHOT_ASSIGN_OR_RETURN(const Program program, Program::Load(bytes.bytes()));
  EARSHOT_ASSIGN_OR_RETURN(const MemoryRequirements needed, Session::Measure(program, {}));
  EARSHOT_ASSIGN_OR_RETURN(const MemoryBlock memory, MemoryBlock::Allocate(needed.total_bytes()));
  Arena arena(memory.bytes());
  return Session::Create(program, arena, {}).status();
}

double DifferenceFromOracle(const ir::Graph& graph, const std::vector<MethodCall>& calls,
                            size_t num_threads) {
  const MemoryBlock file = Aligned(ModelFile(graph));
  const Program program = Program::Load(file.bytes()).value();
  const auto threads = WorkerThreads::Start(num_threads);
  ThrowOnError(threads.status());
  const SessionOptions options = {.pool = threads->pool()};
  const Result<MemoryRequirements> needed = Session::Measure(program, options);
  ThrowOnError(needed.status());
  const MemoryBlock memory = MemoryBlock::Allocate(needed->total_bytes()).value();
  Arena arena(memory.bytes());
  Result<Session> session = Session::Create(program, arena, options);
  ThrowOnError(session.status());
  IrInterpreter oracle(graph);
  double largest = 0.0;
  for (const MethodCall& call : calls) {
    std::vector<int64_t> symbols;
    for (const ir::Symbol& symbol : graph.methods[0].symbols) symbols.push_back(call.symbols.at(symbol.name));
    for (const auto& [name, values] : call.inputs) {
      oracle.SetInput(name, values);
      Fill(session->View(0, session->FindValue(0, name).value(), symbols).value(), values);
    }
    oracle.Run("m", call.symbols);
    ThrowOnError(session->Run(0, symbols));
    for (const ir::Value& value : graph.methods[0].values) {
      if (value.kind != ir::ValueKind::kOutput) continue;
      const std::vector<double> expected = oracle.Read(value.name);
      const MatrixView view = session->View(0, session->FindValue(0, value.name).value(), symbols).value();
      if (view.rows * view.cols != std::ssize(expected))
        throw std::runtime_error(value.name + " has another size");
      for (int64_t i = 0; i < view.rows * view.cols; ++i) {
        const double difference = std::abs(At(view, i) - expected[static_cast<size_t>(i)]);
        largest = difference <= largest ? largest : difference;  // NaN stays
      }
    }
  }
  return largest;
}

Status RunStatus(const ir::Graph& graph, const MethodCall& call) {
  const MemoryBlock file = Aligned(ModelFile(graph));
  const Program program = Program::Load(file.bytes()).value();
  const MemoryBlock memory =
      MemoryBlock::Allocate(Session::Measure(program, {}).value().total_bytes()).value();
  Arena arena(memory.bytes());
  Result<Session> session = Session::Create(program, arena, {});
  ThrowOnError(session.status());
  std::vector<int64_t> symbols;
  for (const ir::Symbol& symbol : graph.methods[0].symbols) symbols.push_back(call.symbols.at(symbol.name));
  for (const auto& [name, values] : call.inputs)
    Fill(session->View(0, session->FindValue(0, name).value(), symbols).value(), values);
  return session->Run(0, symbols);
}

}  // namespace earshot::test
