// Asks each pattern about one query at a time.
#include "platform/cli/attention_picture.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include "platform/cli/attention_text.h"
#include "platform/cli/printable.h"
#include "platform/files/memory_block.h"
#include "runtime/attention/attention_job.h"
#include "runtime/memory/arena.h"
#include "runtime/ops/head_patterns.h"

namespace earshot::cli {
namespace {

int64_t QueryRow(const AttentionOrder& order, int64_t position, int64_t num_queries) {
  if (!order.queries.empty()) return order.queries[static_cast<size_t>(position)];
  return order.query_step == 1 ? position : InterleavedRow(position, num_queries, order.query_step);
}

// The rows of keys that a position of a range stands for.
attention::RowGroup KeysAt(const AttentionPattern& pattern, const QueryBlock& block, KeySource source,
                           int64_t position) {
  switch (source) {
    case KeySource::kPooled:
      return attention::GroupOf(position, block.num_keys, pattern.PoolLength(block.head));
    case KeySource::kListed:
      return {block.listed[static_cast<size_t>(position)], block.listed[static_cast<size_t>(position)] + 1};
    case KeySource::kPast:
      return {0, 0};
    case KeySource::kKeys:
      break;
  }
  const std::span<const int32_t> order = pattern.Order(block.head, block.num_queries, block.num_keys).keys;
  const int64_t key = order.empty() ? position : order[static_cast<size_t>(position)];
  return {key, key + 1};
}

void AddRange(const AttentionPattern& pattern, const QueryBlock& block, int64_t index,
              std::vector<Sight>& row) {
  const KeyRange range = pattern.Range(block, index);
  KeyLimits limits = {range.begin, range.end};
  if (!range.exact) pattern.RowLimits(block, index, {&limits, 1});
  const Sight sight = range.source == KeySource::kPooled ? Sight::kInMean : Sight::kItself;
  for (int64_t position = range.begin; position < range.end; position += range.step) {
    if (position < limits.begin || position >= limits.end) continue;
    const attention::RowGroup keys = KeysAt(pattern, block, range.source, position);
    std::fill(row.data() + keys.begin, row.data() + keys.end, sight);
  }
}

const FullPattern kFull;
const CausalPattern kCausal;

// The pattern of an op, in memory of its own where the file describes it.
class OpPattern {
 public:
  static Result<OpPattern> Create(const fb::Attention& attention) {
    OpPattern result;
    if (attention.pattern() == fb::PatternKind::Heads) {
      EARSHOT_ASSIGN_OR_RETURN(MemoryBlock memory, MemoryBlock::Allocate(HeadPatternsBytes(attention)));
      Arena arena(memory.bytes());
      EARSHOT_ASSIGN_OR_RETURN(result.pattern_, CreateHeadPatterns(attention, arena));
      result.memory_.emplace(std::move(memory));
    } else {
      result.pattern_ = attention.pattern() == fb::PatternKind::Causal
                            ? static_cast<const AttentionPattern*>(&kCausal)
                            : &kFull;
    }
    return result;
  }
  const AttentionPattern& operator*() const { return *pattern_; }

 private:
  std::optional<MemoryBlock> memory_;
  const AttentionPattern* pattern_ = nullptr;
};

// With the keys that stand for others: in front of the queries' own (Paired), or instead of them (Summaries).
int64_t NumKeys(const fb::Attention& attention, int64_t num_tokens) {
  if (attention.heads() == nullptr) return num_tokens;
  const fb::KeySelection& selection = *attention.heads()->Get(0)->selections()->Get(0);
  if (selection.kind() == fb::SelectionKind::Paired)
    return num_tokens + (num_tokens + selection.step() - 1) / selection.step() * selection.count();
  if (selection.kind() == fb::SelectionKind::Summaries)
    return selection.count() + num_tokens / selection.step();
  return num_tokens;
}

const fb::HeadPattern& HeadOf(const fb::Attention& attention, int64_t head) {
  const auto index = static_cast<flatbuffers::uoffset_t>(attention.heads()->size() == 1 ? 0 : head);
  return *attention.heads()->Get(index);
}

std::span<const int32_t> ListedOf(const fb::Attention& attention, int64_t head) {
  static constexpr std::array<int32_t, 1> kFirst = {0};
  if (attention.heads() == nullptr) return {};
  return HasSelection(HeadOf(attention, head), fb::SelectionKind::Listed) ? std::span<const int32_t>(kFirst)
                                                                          : std::span<const int32_t>();
}

std::string PatternText(const fb::Attention& attention, int64_t head) {
  if (attention.heads() == nullptr) return attention.pattern() == fb::PatternKind::Causal ? "causal" : "full";
  return HeadPatternText(HeadOf(attention, head));
}

void AddPanel(std::vector<AttentionPanel>& panels, AttentionPanel panel) {
  const auto same = std::ranges::find(panels, panel.seen, &AttentionPanel::seen);
  if (same == panels.end()) {
    panels.push_back(std::move(panel));
  } else {
    same->heads.push_back(std::move(panel.heads.front()));
  }
}

// As many as a table of blocks describes, at most.
int64_t NumQueries(const fb::Attention& attention, int64_t num_tokens) {
  if (attention.heads() == nullptr) return num_tokens;
  const fb::KeySelection& selection = *attention.heads()->Get(0)->selections()->Get(0);
  if (selection.kind() != fb::SelectionKind::Blocks) return num_tokens;
  const int64_t num_rows = int64_t{selection.block_begins()->size()} - 1;
  return std::min(num_tokens, num_rows * int64_t{selection.step()});
}

Status AddPanels(const fb::Attention& attention, const std::string& name, int64_t num_tokens,
                 std::vector<AttentionPanel>& panels) {
  EARSHOT_ASSIGN_OR_RETURN(const OpPattern pattern, OpPattern::Create(attention));
  const int64_t num_queries = NumQueries(attention, num_tokens);
  for (int64_t head = 0; head < attention.num_heads(); ++head) {
    const SightRun run = {
        .queries = num_queries, .keys = NumKeys(attention, num_queries), .listed = ListedOf(attention, head)};
    AddPanel(panels, {.heads = {name + ", head " + std::to_string(head)},
                      .pattern = PatternText(attention, head),
                      .seen = SeenByHead(*pattern, head, run)});
  }
  return Status::Ok();
}

}  // namespace

SightMatrix SeenByHead(const AttentionPattern& pattern, int64_t head, const SightRun& run) {
  SightMatrix seen(static_cast<size_t>(run.queries),
                   std::vector<Sight>(static_cast<size_t>(run.keys), Sight::kNothing));
  const AttentionOrder order = pattern.Order(head, run.queries, run.keys);
  for (int64_t position = 0; position < run.queries; ++position) {
    const QueryBlock block = {.head = head,
                              .query_begin = position,
                              .query_end = position + 1,
                              .num_queries = run.queries,
                              .num_keys = run.keys,
                              .listed = run.listed};
    std::vector<Sight>& row = seen[static_cast<size_t>(QueryRow(order, position, run.queries))];
    for (int64_t index = 0; index < pattern.NumRanges(block); ++index) AddRange(pattern, block, index, row);
  }
  return seen;
}

Result<std::vector<AttentionPanel>> AttentionPanels(const Program& program, int64_t num_tokens) {
  std::vector<AttentionPanel> panels;
  for (const fb::Method* method : *program.model().methods()) {
    for (const fb::Op* op : *method->ops()) {
      const fb::Attention* attention = op->attributes_as_Attention();
      if (attention == nullptr) continue;
      const std::string name = Printable(method->name()->string_view()) + ": " +
                               (op->name() == nullptr ? "" : Printable(op->name()->string_view()));
      EARSHOT_RETURN_IF_ERROR(AddPanels(*attention, name, num_tokens, panels));
    }
  }
  return panels;
}

}  // namespace earshot::cli
