// Which blocks of keys the blocks of queries see, by the sparsity configurations of DeepSpeed.
#ifndef EARSHOT_MODELS_SPARSE_GRAPH_BLOCK_LAYOUTS_H_
#define EARSHOT_MODELS_SPARSE_GRAPH_BLOCK_LAYOUTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "converter/ir/graph.h"
#include "converter/ir/hyper_parameters.h"
#include "runtime/core/status.h"

namespace earshot::sparse {

// One head's layout: a square of blocks.
class BlockLayout {
 public:
  explicit BlockLayout(int64_t num_blocks)
      : num_blocks_(num_blocks), seen_(static_cast<size_t>(num_blocks * num_blocks), false) {}

  int64_t num_blocks() const { return num_blocks_; }
  bool Sees(int64_t row, int64_t col) const { return seen_[Index(row, col)]; }
  void Set(int64_t row, int64_t col, bool seen = true) { seen_[Index(row, col)] = seen; }
  // Rows and columns of the square that lie within it, half-open.
  void SetRange(int64_t row_begin, int64_t row_end, int64_t col_begin, int64_t col_end);
  void DropFuture();

  // Compressed sparse rows.
  ir::KeySelection Selection(int64_t block) const;

 private:
  size_t Index(int64_t row, int64_t col) const { return static_cast<size_t>(row * num_blocks_ + col); }

  int64_t num_blocks_;
  std::vector<bool> seen_;
};

struct LayoutSize {
  int64_t heads = 1;
  int64_t num_blocks = 1;
};

struct HeadLayouts {
  std::vector<BlockLayout> heads;  // one for all heads, or one for each
  bool is_causal = false;          // elements, too: no key later than the query
};

// A configuration by the name of its class. `drawn`: the layouts of all heads, [heads, blocks, blocks] not
// zero where seen, for a configuration with random blocks; else empty. kUnsupported.
Result<HeadLayouts> MakeLayouts(const std::string& class_name, ir::HyperParameters& settings,
                                const LayoutSize& size, const std::vector<float>& drawn);

// Whether the configuration draws blocks at random.
bool IsDrawn(ir::HyperParameters& settings);

}  // namespace earshot::sparse

#endif  // EARSHOT_MODELS_SPARSE_GRAPH_BLOCK_LAYOUTS_H_
