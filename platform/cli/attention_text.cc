// HeadPatternText and AttentionText.
#include "platform/cli/attention_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/schema/validate.h"

namespace earshot::cli {
namespace {

// As earshot-convert reads it (converter/patterns/head_pattern_text.h), as far as it reads patterns.
std::string SelectionText(const fb::KeySelection& selection) {
  const auto number = [](uint32_t n) { return ":" + std::to_string(n); };
  switch (selection.kind()) {
    case fb::SelectionKind::All:
      return "full";
    case fb::SelectionKind::Local:
      return "local" + number(selection.left()) +
             (selection.right() == selection.left() ? "" : number(selection.right()));
    case fb::SelectionKind::Global:
      return "global" + number(selection.count());
    case fb::SelectionKind::Strided:
      return "strided" + number(selection.step()) +
             (selection.offset() == 0 && selection.width() == 1 ? "" : number(selection.offset())) +
             (selection.width() == 1 ? "" : number(selection.width()));
    case fb::SelectionKind::Pooled:
      return "pooled" + number(selection.step());
    case fb::SelectionKind::Bucket:
      return "bucket" + number(selection.step()) + number(selection.left()) + number(selection.right());
    case fb::SelectionKind::Dilated: {
      const auto reach = [&](uint32_t count) {
        const bool is_all = uint64_t{count} * selection.step() >= uint64_t{kMaxDimension} - selection.step();
        return is_all ? std::string(":all") : number(count);
      };
      return "dilated" + number(selection.step()) + reach(selection.left()) + reach(selection.right());
    }
    case fb::SelectionKind::Listed:
      return "listed";
    case fb::SelectionKind::Blocks:
      return "blocks" + number(selection.step());
    case fb::SelectionKind::Paired:
      return "paired" + number(selection.step()) + number(selection.count());
    case fb::SelectionKind::Summaries:
      return "summaries" + number(selection.step()) + number(selection.count());
  }
  return "";
}

// "local:64", or each pattern with its heads: "0-2,5 local:64, 3-4 full".
std::string HeadsText(const fb::Attention& attention) {
  std::vector<std::string> texts;
  for (const fb::HeadPattern* head : *attention.heads()) texts.push_back(HeadPatternText(*head));
  if (texts.size() == 1) return texts.front();
  std::string text;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (std::find(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(i), texts[i]) !=
        texts.begin() + static_cast<std::ptrdiff_t>(i)) {
      continue;
    }
    std::string where;
    for (size_t begin = i, end; begin < texts.size(); begin = end) {
      end = begin + 1;
      if (texts[begin] != texts[i]) continue;
      while (end < texts.size() && texts[end] == texts[i]) ++end;
      where += (where.empty() ? "" : ",") + std::to_string(begin);
      if (end - begin > 1) where += "-" + std::to_string(end - 1);
    }
    text += (text.empty() ? "" : ", ") + where + " " + texts[i];
  }
  return text;
}

}  // namespace

std::string HeadPatternText(const fb::HeadPattern& head) {
  std::string text;
  for (const fb::KeySelection* selection : *head.selections())
    text += (text.empty() ? "" : "+") + SelectionText(*selection);
  if (head.causal()) text += "+causal";
  return head.own_last() ? text + ", its own key only without others" : text;
}

std::string AttentionText(const fb::Attention& attention) {
  std::string text = std::to_string(attention.num_heads()) + " heads";
  if (attention.num_kv_heads() != attention.num_heads())
    text += " on " + std::to_string(attention.num_kv_heads());
  if (attention.pattern() == fb::PatternKind::Heads) {
    text += ": " + HeadsText(attention);
  } else {
    text += attention.pattern() == fb::PatternKind::Causal ? ", causal" : ", full";
  }
  if (attention.past()) text += ", with the past";
  return attention.arithmetic() == fb::AttentionArithmetic::Int8 ? text + ", int8" : text;
}

}  // namespace earshot::cli
