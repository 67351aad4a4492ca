// Parsing, expansion to every head, and the way back to text.
#include "converter/patterns/pattern_list.h"

#include <fnmatch.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "converter/patterns/head_pattern_text.h"
#include "converter/patterns/split.h"

namespace earshot::patterns {
namespace {

constexpr int64_t kLast = std::numeric_limits<int32_t>::max();  // of "*"

std::string Text(std::string_view text) { return std::string(text); }

Status Bad(const std::string& message) {
  return Status::Error(StatusCode::kInvalidArgument, "%s", message.c_str());
}

struct NumberRange {
  int64_t first;
  int64_t last;
};

std::optional<NumberRange> ParseRange(std::string_view text) {
  if (text == "*") return NumberRange{0, kLast};
  const std::vector<std::string_view> ends = Split(text, '-');
  if (ends.size() > 2) return std::nullopt;
  const std::optional<int64_t> first = ParseNumber(ends.front()), last = ParseNumber(ends.back());
  if (!first || !last || *first > *last) return std::nullopt;
  return NumberRange{*first, *last};
}

Result<HeadRange> ParseWhere(std::string_view text) {
  const std::vector<std::string_view> numbers = Split(text, '.');
  const std::optional<NumberRange> layers = ParseRange(numbers.front());
  const std::optional<NumberRange> heads =
      numbers.size() > 1 ? ParseRange(numbers[1]) : NumberRange{0, kLast};
  if (numbers.size() > 2 || !layers || !heads)
    return Bad("\"" + Text(text) + "\" should be LAYER or LAYER.HEAD, each a number, a range as 0-2, or *");
  return HeadRange{layers->first, layers->last, heads->first, heads->last};
}

Result<PatternEntry> ParseEntry(std::string_view text) {
  PatternEntry entry;
  const size_t equals = text.find('=');
  if (equals != std::string_view::npos) {
    for (const std::string_view where : Split(text.substr(0, equals), ',')) {
      EARSHOT_ASSIGN_OR_RETURN(const HeadRange range, ParseWhere(where));
      entry.where.push_back(range);
    }
  }
  const std::string_view pattern = equals == std::string_view::npos ? text : text.substr(equals + 1);
  EARSHOT_ASSIGN_OR_RETURN(entry.pattern, ParseHeadPattern(pattern));
  return entry;
}

Status CheckWhere(const HeadRange& range, const std::vector<int64_t>& heads_of_layers) {
  const int64_t num_layers = std::ssize(heads_of_layers);
  const int64_t last_layer = range.last_layer == kLast ? num_layers - 1 : range.last_layer;
  if (last_layer >= num_layers) {
    return Bad("there is no layer " + std::to_string(last_layer) + ": the encoder has layers 0 to " +
               std::to_string(num_layers - 1));
  }
  if (range.last_head == kLast) return Status::Ok();
  for (int64_t layer = range.first_layer; layer <= last_layer; ++layer) {
    const int64_t num_heads = heads_of_layers[static_cast<size_t>(layer)];
    if (range.last_head < num_heads) continue;
    return Bad("there is no head " + std::to_string(range.last_head) + ": layer " + std::to_string(layer) +
               " has heads 0 to " + std::to_string(num_heads - 1));
  }
  return Status::Ok();
}

bool Names(const PatternEntry& entry, int64_t layer, int64_t head) {
  return entry.where.empty() || std::ranges::any_of(entry.where, [&](const HeadRange& range) {
           return layer >= range.first_layer && layer <= range.last_layer && head >= range.first_head &&
                  head <= range.last_head;
         });
}

bool IsFull(const ir::HeadPattern& head) { return head == FullHead(); }

// "0.1", "0.3-5", or "2" for a whole layer, joined by ",".
std::string WhereText(const HeadPatterns& patterns, const ir::HeadPattern& wanted) {
  std::string text;
  for (size_t layer = 0; layer < patterns.size(); ++layer) {
    const std::vector<ir::HeadPattern>& heads = patterns[layer];
    const auto add = [&](const std::string& where) { text += (text.empty() ? "" : ",") + where; };
    const std::string number = std::to_string(layer);
    if (std::ranges::all_of(heads, [&](const auto& head) { return head == wanted; })) {
      add(number);
      continue;
    }
    for (size_t begin = 0, end; begin < heads.size(); begin = end) {
      end = begin + 1;
      if (heads[begin] != wanted) continue;
      while (end < heads.size() && heads[end] == wanted) ++end;
      add(number + "." + std::to_string(begin) + (end - begin == 1 ? "" : "-" + std::to_string(end - 1)));
    }
  }
  return text;
}

}  // namespace

Result<PatternList> ParsePatternList(std::string_view text) {
  PatternList list;
  for (const std::string_view piece : Split(text, ';')) {
    Result<PatternEntry> entry = ParseEntry(piece);
    if (!entry.ok()) return entry.status();
    list.push_back(std::move(entry).value());
  }
  const auto is_for_all = [](const PatternEntry& entry) { return entry.where.empty(); };
  if (list.size() > 1 && std::ranges::any_of(list, is_for_all))
    return Bad("\"" + Text(text) +
               "\": each of several patterns needs its heads, as in \"0.2=full;*=local:64\"");
  return list;
}

bool IsEncoderAttention(const ir::Graph& graph, const ir::Op& op) {
  return std::holds_alternative<ir::Attention>(op.attributes) &&
         std::ranges::any_of(graph.encoder_attention, [&op](const std::string& pattern) {
           return fnmatch(pattern.c_str(), op.name.c_str(), 0) == 0;
         });
}

std::vector<ir::Attention*> EncoderAttention(ir::Graph& graph) {
  std::vector<ir::Attention*> layers;
  for (ir::Method& method : graph.methods) {
    for (ir::Op& op : method.ops) {
      if (IsEncoderAttention(graph, op)) layers.push_back(&std::get<ir::Attention>(op.attributes));
    }
  }
  return layers;
}

Result<HeadPatterns> ExpandPatterns(const PatternList& list, const std::vector<int64_t>& heads_of_layers) {
  for (const PatternEntry& entry : list) {
    for (const HeadRange& range : entry.where) EARSHOT_RETURN_IF_ERROR(CheckWhere(range, heads_of_layers));
  }
  HeadPatterns patterns;
  for (size_t layer = 0; layer < heads_of_layers.size(); ++layer) {
    std::vector<ir::HeadPattern>& heads = patterns.emplace_back();
    for (int64_t head = 0; head < heads_of_layers[layer]; ++head) {
      const auto entry = std::ranges::find_if(list, [&](const PatternEntry& candidate) {
        return Names(candidate, static_cast<int64_t>(layer), head);
      });
      heads.push_back(entry == list.end() ? FullHead() : entry->pattern);
    }
  }
  return patterns;
}

void SetEncoderPatterns(ir::Graph& graph, const HeadPatterns& patterns) {
  const std::vector<ir::Attention*> layers = EncoderAttention(graph);
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    const std::vector<ir::HeadPattern>& heads = patterns[layer];
    ir::Attention& attention = *layers[layer];
    const bool is_full = std::ranges::all_of(heads, IsFull);
    const bool is_one = std::ranges::all_of(heads, [&](const auto& head) { return head == heads.front(); });
    attention.pattern = is_full ? ir::PatternKind::kFull : ir::PatternKind::kHeads;
    attention.heads.clear();
    if (is_full) continue;
    attention.heads.assign(heads.begin(), is_one ? heads.begin() + 1 : heads.end());
  }
}

std::string PatternListText(const HeadPatterns& patterns) {
  std::vector<ir::HeadPattern> different;
  for (const std::vector<ir::HeadPattern>& heads : patterns) {
    for (const ir::HeadPattern& head : heads) {
      if (std::ranges::find(different, head) == different.end()) different.push_back(head);
    }
  }
  if (different.size() == 1) return HeadPatternText(different.front());
  std::string text;
  for (const ir::HeadPattern& pattern : different) {
    if (IsFull(pattern)) continue;
    text += (text.empty() ? "" : ";") + WhereText(patterns, pattern) + "=" + HeadPatternText(pattern);
  }
  return text;
}

}  // namespace earshot::patterns
