// Who reads and writes what: the questions a pass asks before it rewrites.
#ifndef EARSHOT_CONVERTER_PASSES_USES_H_
#define EARSHOT_CONVERTER_PASSES_USES_H_

#include <string>
#include <vector>

#include "converter/ir/graph.h"

namespace earshot::passes {

struct ValueUses {
  int num_readers = 0;  // operands of ops that are this very value
  int num_views = 0;    // views cut out of it
  int num_writers = 0;
  int last_writer = ir::kNone;  // op
};

// One entry for each value of the method.
std::vector<ValueUses> CountValueUses(const ir::Method& method);

// How many operands of ops in all methods, and fields of the graph, refer to each tensor.
std::vector<int> CountTensorUses(const ir::Graph& graph);

// The value that holds the memory: the base of a view, else the value itself.
int BaseOf(const ir::Method& method, int value);

// Whether any op with index in [begin, end) that is not in `except` reads or writes memory of `base`.
struct OpRange {
  int begin = 0;
  int end = 0;
};
bool IsTouched(const ir::Method& method, OpRange range, int base, const std::vector<int>& except = {});

// Tensor behind operand `index` of the op if the whole tensor is what the op reads, else kNone.
int OperandTensor(const ir::Method& method, const ir::Op& op, size_t index);

// Removes the ops for which `removed` is true; the others keep their order.
void RemoveOps(ir::Method& method, const std::vector<bool>& removed);

// One name for what several things became: "a.q.w" and "a.k.w" make "a.q+k.w".
std::string JoinNames(const std::vector<std::string>& names);

}  // namespace earshot::passes

#endif  // EARSHOT_CONVERTER_PASSES_USES_H_
