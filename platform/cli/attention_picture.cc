// Asks each pattern about one query at a time.
#include "platform/cli/attention_picture.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "platform/cli/printable.h"
#include "platform/cli/units.h"
#include "platform/files/memory_block.h"
#include "runtime/attention/attention_job.h"
#include "runtime/memory/arena.h"
#include "runtime/ops/head_patterns.h"

namespace earshot::cli {
namespace {

constexpr std::array<int32_t, 1> kListed = {0};

int64_t At(std::span<const int32_t> order, int64_t position) {
  return order.empty() ? position : order[static_cast<size_t>(position)];
}

int64_t QueryRow(const AttentionOrder& order, int64_t position, int64_t num_queries) {
  if (order.query_step > 1) return InterleavedRow(position, num_queries, order.query_step);
  return At(order.queries, position);
}

// The keys, first and past the last, that a position of a range stands for.
attention::RowGroup KeysAt(const AttentionPattern& pattern, const QueryBlock& block, const KeyRange& range,
                           int64_t position) {
  switch (range.source) {
    case KeySource::kPooled:
      return attention::GroupOf(position, block.num_keys, pattern.PoolLength(block.head));
    case KeySource::kListed:
      return {kListed[static_cast<size_t>(position)], kListed[static_cast<size_t>(position)] + 1};
    case KeySource::kPast:
      return {0, 0};
    case KeySource::kKeys:
      break;
  }
  const int64_t key = At(pattern.Order(block.head, block.num_queries, block.num_keys).keys, position);
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
    const attention::RowGroup keys = KeysAt(pattern, block, range, position);
    for (int64_t key = keys.begin; key < keys.end; ++key) row[static_cast<size_t>(key)] = sight;
  }
}

// The pattern of an op, in memory of its own where the file describes it.
class OpPattern {
 public:
  static Result<OpPattern> Create(const fb::Attention& attention) {
    OpPattern result;
    if (attention.pattern() == fb::PatternKind::Heads) {
      EARSHOT_ASSIGN_OR_RETURN(result.memory_, MemoryBlock::Allocate(HeadPatternsBytes(attention)));
      Arena arena(result.memory_->bytes());
      EARSHOT_ASSIGN_OR_RETURN(result.heads_, CreateHeadPatterns(attention, arena));
    } else if (attention.pattern() == fb::PatternKind::Causal) {
      result.heads_ = &kCausal;
    } else {
      result.heads_ = &kFull;
    }
    return result;
  }
  const AttentionPattern& operator*() const { return *heads_; }

 private:
  static inline const FullPattern kFull;
  static inline const CausalPattern kCausal;
  std::optional<MemoryBlock> memory_;
  const AttentionPattern* heads_ = nullptr;
};

void AddPanel(std::vector<AttentionPanel>& panels, const std::string& head, SightMatrix seen) {
  const auto same = std::ranges::find(panels, seen, &AttentionPanel::seen);
  if (same != panels.end()) {
    same->heads.push_back(head);
  } else {
    panels.push_back({{head}, std::move(seen)});
  }
}

constexpr int kSide = 256, kMargin = 16, kCaption = 44, kColumns = 4;

std::string Attribute(const char* name, double value) {
  return std::string(" ") + name + "=\"" + Fixed(value, 2) + "\"";
}

std::string Escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '&') {
      result += "&amp;";
    } else if (c == '<') {
      result += "&lt;";
    } else {
      result += c;
    }
  }
  return result;
}

std::string Rectangle(double x, double y, double width, double height, const char* colour) {
  return "<rect" + Attribute("x", x) + Attribute("y", y) + Attribute("width", width) +
         Attribute("height", height) + " fill=\"" + colour + "\"/>\n";
}

// Cells of one kind that lie side by side are one rectangle.
std::string Row(const std::vector<Sight>& row, double x, double y, double cell) {
  std::string text;
  for (size_t begin = 0; begin < row.size();) {
    size_t end = begin + 1;
    while (end < row.size() && row[end] == row[begin]) ++end;
    if (row[begin] != Sight::kNothing) {
      text += Rectangle(x + cell * static_cast<double>(begin), y, cell * static_cast<double>(end - begin), cell,
                        row[begin] == Sight::kItself ? "#1b6e53" : "#a9d5c5");
    }
    begin = end;
  }
  return text;
}

double Share(const SightMatrix& seen) {
  double pairs = 0, all = 0;
  for (const std::vector<Sight>& row : seen) {
    pairs += static_cast<double>(std::ranges::count_if(row, [](Sight s) { return s != Sight::kNothing; }));
    all += static_cast<double>(row.size());
  }
  return all > 0 ? pairs / all : 0.0;
}

std::string Panel(const AttentionPanel& panel, double x, double y) {
  const double cell = static_cast<double>(kSide) / static_cast<double>(std::max<size_t>(1, panel.seen.size()));
  std::string text = Rectangle(x, y, kSide, kSide, "#f2f2f2");
  for (size_t row = 0; row < panel.seen.size(); ++row)
    text += Row(panel.seen[row], x, y + cell * static_cast<double>(row), cell);
  std::string heads = panel.heads.front();
  if (panel.heads.size() > 1) heads += " and " + std::to_string(panel.heads.size() - 1) + " more";
  text += "<text" + Attribute("x", x) + Attribute("y", y + kSide + 16) + ">" + Escaped(heads) + "</text>\n";
  return text + "<text" + Attribute("x", x) + Attribute("y", y + kSide + 32) + ">" +
         Fixed(100.0 * Share(panel.seen), 1) + " % of the pairs</text>\n";
}

}  // namespace

SightMatrix SeenByHead(const AttentionPattern& pattern, int64_t head, int64_t num_tokens) {
  const auto count = static_cast<size_t>(num_tokens);
  SightMatrix seen(count, std::vector<Sight>(count, Sight::kNothing));
  const AttentionOrder order = pattern.Order(head, num_tokens, num_tokens);
  for (int64_t position = 0; position < num_tokens; ++position) {
    const QueryBlock block = {.head = head,
                              .query_begin = position,
                              .query_end = position + 1,
                              .num_queries = num_tokens,
                              .num_keys = num_tokens,
                              .listed = kListed};
    std::vector<Sight>& row = seen[static_cast<size_t>(QueryRow(order, position, num_tokens))];
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
      EARSHOT_ASSIGN_OR_RETURN(const OpPattern pattern, OpPattern::Create(*attention));
      const std::string name = Printable(method->name()->string_view()) + ": " +
                               (op->name() == nullptr ? "" : Printable(op->name()->string_view()));
      for (int64_t head = 0; head < attention->num_heads(); ++head)
        AddPanel(panels, name + ", head " + std::to_string(head), SeenByHead(*pattern, head, num_tokens));
    }
  }
  return panels;
}

std::string AttentionSvg(const std::vector<AttentionPanel>& panels) {
  const int count = static_cast<int>(panels.size());
  const int columns = std::min(kColumns, std::max(1, count)), rows = (count + columns - 1) / columns;
  const int width = kMargin + columns * (kSide + kMargin), height = kMargin + rows * (kSide + kCaption);
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + std::to_string(width) + " " +
                    std::to_string(height) + "\" font-family=\"sans-serif\" font-size=\"12\">\n" +
                    Rectangle(0, 0, width, height, "white");
  for (int i = 0; i < count; ++i) {
    svg += Panel(panels[static_cast<size_t>(i)], kMargin + i % columns * (kSide + kMargin),
                 kMargin + i / columns * (kSide + kCaption));
  }
  return svg + "</svg>\n";
}

}  // namespace earshot::cli
