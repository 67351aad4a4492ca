// When the memory of each activation is needed.
#ifndef EARSHOT_CONVERTER_PLAN_LIVENESS_H_
#define EARSHOT_CONVERTER_PLAN_LIVENESS_H_

#include <cstdint>
#include <vector>

#include "converter/ir/graph.h"

namespace earshot::plan {

// Ops [begin, end) of a method: from the first that writes the memory to the last that reads or writes it.
struct Lifetime {
  int begin = 0;
  int end = 0;

  bool empty() const { return begin == end; }
  bool Overlaps(const Lifetime& other) const { return begin < other.end && other.begin < end; }
};

// One entry for each value of the method. What a view reads or writes counts for its base; entries of values
// that do not lie among the activations are empty, and so are those of activations that no op touches. A
// transient input is alive from the begin, a transient output beyond the last op.
std::vector<Lifetime> ActivationLifetimes(const ir::Method& method);

// Bytes of a value that is not a view, at the largest values of the symbols.
uint64_t LargestBytes(const ir::Method& method, const ir::Value& value);

// One piece of memory, used by one activation, or by several that take each other's place.
struct Buffer {
  uint64_t size_bytes = 0;
  Lifetime lifetime;
  std::vector<int> values;  // in the order they live
  uint64_t offset_bytes = 0;
};

// The activations of a method as buffers. An op writes in place, so that its result joins the buffer of an
// operand, where the kernel allows it and the operand has the same shape and is not needed afterwards: Add
// (either operand), LayerNorm, Activate, and Attention (over q). Never Linear, Conv1d and Embedding, which
// read an input more than once.
std::vector<Buffer> MakeBuffers(const ir::Method& method);

// Largest sum of the sizes of buffers that are alive at the same op: no plan can be smaller.
uint64_t PeakLiveBytes(const std::vector<Buffer>& buffers);

}  // namespace earshot::plan

#endif  // EARSHOT_CONVERTER_PLAN_LIVENESS_H_
