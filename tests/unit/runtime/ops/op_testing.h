// Runs small graphs twice: through passes, planner, file and engine, and through the interpreter.
#ifndef EARSHOT_TESTS_UNIT_RUNTIME_OPS_OP_TESTING_H_
#define EARSHOT_TESTS_UNIT_RUNTIME_OPS_OP_TESTING_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "converter/ir/graph.h"
#include "converter/ir/graph_builder.h"
#include "runtime/core/status.h"
#include "runtime/schema/model_generated.h"

namespace earshot::test {

using Inputs = std::map<std::string, std::vector<double>>;
using Symbols = std::map<std::string, int64_t>;

// `count` numbers in [-1, 1), the same for a seed.
std::vector<double> Noise(int64_t count, uint32_t seed = 1);
std::vector<float> NoiseFloats(int64_t count, uint32_t seed = 1);

// A graph with one method "m" that `build` fills; states and tensors go into the graph.
ir::Graph OneMethod(const std::function<void(ir::Graph&, ir::MethodBuilder&)>& build);

// The bytes of the model file; `edit` may spoil it. Throws where the graph does not convert.
std::vector<std::byte> ModelFile(ir::Graph graph, const std::function<void(fb::ModelT&)>& edit = nullptr,
                                 DType weights = DType::kF32);

// What Program::Load or Session::Create says of these bytes.
Status LoadStatus(const std::vector<std::byte>& file);

// Largest difference between the outputs of the engine and those of the interpreter over a sequence of runs,
// which share states. Throws where either fails.
struct MethodCall {
  Inputs inputs;
  Symbols symbols;
};
double DifferenceFromOracle(const ir::Graph& graph, const std::vector<MethodCall>& calls,
                            size_t num_threads = 2);

// What the engine says of one run with these inputs. Throws where the graph does not get so far.
Status RunStatus(const ir::Graph& graph, const MethodCall& call);

}  // namespace earshot::test

#endif  // EARSHOT_TESTS_UNIT_RUNTIME_OPS_OP_TESTING_H_
