// One function for each class of configuration.
#include "models/sparse/graph_block_layouts.h"

#include <algorithm>
#include <utility>

namespace earshot::sparse {

void BlockLayout::SetRange(int64_t row_begin, int64_t row_end, int64_t col_begin, int64_t col_end) {
  for (int64_t row = std::max<int64_t>(0, row_begin); row < std::min(row_end, num_blocks_); ++row) {
    for (int64_t col = std::max<int64_t>(0, col_begin); col < std::min(col_end, num_blocks_); ++col)
      Set(row, col);
  }
}

void BlockLayout::DropFuture() {
  for (int64_t row = 0; row < num_blocks_; ++row) {
    for (int64_t col = row + 1; col < num_blocks_; ++col) Set(row, col, false);
  }
}

ir::KeySelection BlockLayout::Selection(int64_t block) const {
  ir::KeySelection selection = {.kind = ir::SelectionKind::kBlocks, .step = block, .block_begins = {0}};
  for (int64_t row = 0; row < num_blocks_; ++row) {
    for (int64_t col = 0; col < num_blocks_; ++col) {
      if (Sees(row, col)) selection.blocks.push_back(col);
    }
    selection.block_begins.push_back(static_cast<int64_t>(selection.blocks.size()));
  }
  return selection;
}

namespace {

bool IsUnidirectional(ir::HyperParameters& settings, const char* absent) {
  return settings.TextOr("attention", absent) == "unidirectional";
}

// Half-open ranges of blocks, as their begins and, where those are given, their ends.
struct BlockRange {
  int64_t begin;
  int64_t end;
};
Result<std::vector<BlockRange>> GlobalRanges(ir::HyperParameters& settings) {
  std::vector<BlockRange> ranges;
  std::vector<int64_t> begins = {0}, ends;
  constexpr ir::IntegerBounds kBlocks = {0, 1 << 20};
  if (settings.Has("global_block_indices")) begins = settings.Integers("global_block_indices", kBlocks);
  if (settings.Has("global_block_end_indices")) ends = settings.Integers("global_block_end_indices", kBlocks);
  if (!ends.empty() && ends.size() != begins.size())
    return Status::Error(StatusCode::kInvalidModel, "%zu ranges of global blocks have %zu ends",
                         begins.size(), ends.size());
  for (size_t i = 0; i < begins.size(); ++i)
    ranges.push_back({begins[i], ends.empty() ? begins[i] + 1 : ends[i]});
  return ranges;
}

struct FixedConfig {
  int64_t num_local = 4;
  int64_t num_global = 1;
  int64_t num_patterns = 1;
  bool is_causal = false;
  bool is_horizontal = false;
};

// Groups of blocks; the last blocks of a group, or others by the pattern, are seen by all that follow.
BlockLayout FixedLayout(const FixedConfig& config, int64_t head, int64_t num_blocks) {
  BlockLayout layout(num_blocks);
  for (int64_t row = 0; row < num_blocks; ++row) {
    const int64_t group = row / config.num_local * config.num_local;
    layout.SetRange(row, row + 1, group, config.is_causal ? row + 1 : group + config.num_local);
  }
  const auto add_global = [&](int64_t begin) {
    const int64_t end = begin + config.num_global;
    layout.SetRange(config.is_causal ? begin : 0, num_blocks, begin, end);
    if (config.is_horizontal) layout.SetRange(begin, end, 0, num_blocks);
  };
  const int64_t first = config.num_local - (1 + head % config.num_patterns) * config.num_global;
  const int64_t whole_groups = num_blocks / config.num_local * config.num_local;
  for (int64_t begin = first; begin < whole_groups; begin += config.num_local) add_global(begin);
  if (whole_groups < num_blocks) add_global(std::min(whole_groups + first, num_blocks - config.num_global));
  return layout;
}

Result<FixedConfig> ReadFixed(ir::HyperParameters& settings) {
  FixedConfig config = {.num_local = settings.IntegerOr("num_local_blocks", 4),
                        .num_global = settings.IntegerOr("num_global_blocks", 1),
                        .num_patterns = settings.IntegerOr("num_different_global_patterns", 1),
                        .is_causal = IsUnidirectional(settings, "bidirectional"),
                        .is_horizontal = settings.FlagOr("horizontal_global_attention", false)};
  if (config.num_local % config.num_global == 0 &&
      config.num_patterns <= config.num_local / config.num_global)
    return config;
  return Status::Error(StatusCode::kInvalidModel, "%lld blocks have no %lld patterns of %lld global ones",
                       static_cast<long long>(config.num_local), static_cast<long long>(config.num_patterns),
                       static_cast<long long>(config.num_global));
}

void AddSlidingWindow(int64_t width, BlockLayout& layout) {
  for (int64_t row = 0; row < layout.num_blocks(); ++row)
    layout.SetRange(row, row + 1, row - width / 2, row + width / 2 + 1);
}

// Local windows of given sizes, the last one repeated, and global blocks.
Result<BlockLayout> VariableLayout(ir::HyperParameters& settings, bool is_causal, int64_t num_blocks) {
  BlockLayout layout(num_blocks);
  std::vector<int64_t> windows = {4};
  if (settings.Has("local_window_blocks")) windows = settings.Integers("local_window_blocks");
  if (!settings.status().ok()) return settings.status();
  int64_t begin = 0;
  for (size_t i = 0; begin < num_blocks; ++i) {
    const int64_t end = std::min(begin + windows[std::min(i, windows.size() - 1)], num_blocks);
    for (int64_t row = begin; row < end; ++row)
      layout.SetRange(row, row + 1, begin, is_causal ? row + 1 : end);
    begin = end;
  }
  const bool is_horizontal = settings.FlagOr("horizontal_global_attention", false);
  EARSHOT_ASSIGN_OR_RETURN(const std::vector<BlockRange> globals, GlobalRanges(settings));
  for (const BlockRange& global : globals) {
    if (is_horizontal) layout.SetRange(global.begin, global.end, 0, num_blocks);
    layout.SetRange(is_causal ? global.begin : 0, num_blocks, global.begin, global.end);
  }
  return layout;
}

// Sliding windows with global rows and columns, where there are any.
Result<BlockLayout> SlidingLayout(ir::HyperParameters& settings, bool has_globals, int64_t num_blocks) {
  BlockLayout layout(num_blocks);
  AddSlidingWindow(settings.IntegerOr("num_sliding_window_blocks", 3), layout);
  if (!has_globals) return layout;
  EARSHOT_ASSIGN_OR_RETURN(const std::vector<BlockRange> globals, GlobalRanges(settings));
  for (const BlockRange& global : globals) {
    layout.SetRange(global.begin, global.end, 0, num_blocks);
    layout.SetRange(0, num_blocks, global.begin, global.end);
  }
  return layout;
}

Result<HeadLayouts> DrawnLayouts(const LayoutSize& size, const std::vector<float>& drawn) {
  HeadLayouts layouts;
  const int64_t n = size.num_blocks;
  if (static_cast<int64_t>(drawn.size()) != size.heads * n * n)
    return Status::Error(StatusCode::kInvalidModel, "the layout of its random blocks has another size");
  for (int64_t head = 0; head < size.heads; ++head) {
    BlockLayout& layout = layouts.heads.emplace_back(n);
    for (int64_t i = 0; i < n * n; ++i)
      layout.Set(i / n, i % n, drawn[static_cast<size_t>(head * n * n + i)] != 0.0f);
  }
  return layouts;
}

}  // namespace

bool IsDrawn(ir::HyperParameters& settings) {
  return settings.IntegerOr("num_random_blocks", 0, {0, 1 << 20}) > 0;
}

Result<HeadLayouts> MakeLayouts(const std::string& class_name, ir::HyperParameters& settings,
                                const LayoutSize& size, const std::vector<float>& drawn) {
  HeadLayouts layouts;
  const bool is_sliding = class_name == "LocalSlidingWindowSparsityConfig";
  const bool is_causal = IsUnidirectional(settings, is_sliding ? "unidirectional" : "bidirectional");
  const bool differs = settings.FlagOr("different_layout_per_head", false);
  // Of drawn layouts, the rest of the settings is in the draw.
  if (!drawn.empty()) {
    settings.Ignore({"num_sliding_window_blocks", "num_global_blocks", "local_window_blocks",
                     "global_block_indices", "global_block_end_indices", "horizontal_global_attention"});
    EARSHOT_ASSIGN_OR_RETURN(layouts, DrawnLayouts(size, drawn));
  } else if (class_name == "FixedSparsityConfig") {
    EARSHOT_ASSIGN_OR_RETURN(const FixedConfig config, ReadFixed(settings));
    for (int64_t head = 0; head < (differs ? size.heads : 1); ++head)
      layouts.heads.push_back(FixedLayout(config, head, size.num_blocks));
  } else if (class_name == "VariableSparsityConfig") {
    EARSHOT_ASSIGN_OR_RETURN(BlockLayout layout, VariableLayout(settings, is_causal, size.num_blocks));
    layouts.heads.push_back(std::move(layout));
  } else if (class_name == "BSLongformerSparsityConfig" || is_sliding) {
    EARSHOT_ASSIGN_OR_RETURN(BlockLayout layout, SlidingLayout(settings, !is_sliding, size.num_blocks));
    if (is_causal) layout.DropFuture();
    layouts.heads.push_back(std::move(layout));
  } else {
    return Status::Error(StatusCode::kUnsupported, "the layout of %.100s is not built without random blocks",
                         class_name.c_str());
  }
  layouts.is_causal = is_causal;
  return layouts;
}

}  // namespace earshot::sparse
