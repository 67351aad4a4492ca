// One table row for each kind of part.
#include "converter/patterns/head_pattern_text.h"

#include <algorithm>
#include <vector>

#include "converter/patterns/split.h"

namespace earshot::patterns {
namespace {

using ir::KeySelection;
using ir::SelectionKind;
using Numbers = std::vector<int64_t>;

struct PartKind {
  const char* name;
  SelectionKind kind;
  size_t fewest_numbers;
  size_t most_numbers;
  const char* form;
};

constexpr PartKind kPartKinds[] = {
    {"full", SelectionKind::kAll, 0, 0, "full"},
    {"local", SelectionKind::kLocal, 1, 2, "local:KEYS or local:BEFORE:AFTER"},
    {"global", SelectionKind::kGlobal, 1, 1, "global:KEYS"},
    {"strided", SelectionKind::kStrided, 1, 2, "strided:STEP or strided:STEP:FIRST"},
    {"pooled", SelectionKind::kPooled, 1, 1, "pooled:KEYS"},
    {"paired", SelectionKind::kPaired, 2, 2, "paired:QUERIES:KEYS"},
    {"summaries", SelectionKind::kSummaries, 2, 2, "summaries:STEP:ALWAYS"},
};

std::string Text(std::string_view text) { return std::string(text); }

Status Bad(const std::string& message) {
  return Status::Error(StatusCode::kInvalidArgument, "%s", message.c_str());
}

KeySelection MakeSelection(SelectionKind kind, const Numbers& numbers) {
  KeySelection selection = {.kind = kind};
  switch (kind) {
    case SelectionKind::kAll:
      break;
    case SelectionKind::kLocal:
      selection.left = numbers.front();
      selection.right = numbers.back();
      break;
    case SelectionKind::kGlobal:
      selection.count = numbers[0];
      break;
    case SelectionKind::kStrided:
      selection.offset = numbers.size() > 1 ? numbers[1] : 0;
      [[fallthrough]];
    case SelectionKind::kPooled:
      selection.step = numbers[0];
      break;
    case SelectionKind::kBucket:
    case SelectionKind::kDilated:
    case SelectionKind::kListed:
    case SelectionKind::kBlocks:
      break;  // have no words: they belong to architectures
    case SelectionKind::kPaired:
    case SelectionKind::kSummaries:
      selection.step = numbers[0];
      selection.count = numbers[1];
      break;
  }
  return selection;
}

Result<KeySelection> ParsePart(std::string_view part) {
  const std::vector<std::string_view> words = Split(part, ':');
  const auto* kind = std::ranges::find(kPartKinds, words[0], &PartKind::name);
  if (kind == std::end(kPartKinds)) {
    return Bad("\"" + Text(part) +
               "\" is no selection of keys: full, local, global, strided, pooled, paired, summaries, causal");
  }
  Numbers numbers;
  for (size_t i = 1; i < words.size(); ++i) {
    const std::optional<int64_t> number = ParseNumber(words[i]);
    if (!number) return Bad("\"" + Text(words[i]) + "\" in \"" + Text(part) + "\" is no number of keys");
    numbers.push_back(*number);
  }
  if (numbers.size() < kind->fewest_numbers || numbers.size() > kind->most_numbers)
    return Bad("\"" + Text(part) + "\" should be " + kind->form);
  const KeySelection selection = MakeSelection(kind->kind, numbers);
  const bool has_step = kind->kind != SelectionKind::kAll && kind->kind != SelectionKind::kLocal &&
                        kind->kind != SelectionKind::kGlobal;
  if (has_step && selection.step < 1) return Bad("\"" + Text(part) + "\": the step must be at least 1");
  if (has_step && selection.offset >= selection.step)
    return Bad("\"" + Text(part) + "\": the first key must be below the step");
  const bool has_count = kind->kind == SelectionKind::kGlobal || kind->kind == SelectionKind::kPaired;
  if (has_count && selection.count < 1) return Bad("\"" + Text(part) + "\": at least one key");
  return selection;
}

bool Has(const ir::HeadPattern& pattern, SelectionKind kind) {
  return std::ranges::find(pattern.selections, kind, &KeySelection::kind) != pattern.selections.end();
}

std::string PartText(const KeySelection& selection) {
  const auto number = [](int64_t n) { return ":" + std::to_string(n); };
  const auto* kind = std::ranges::find(kPartKinds, selection.kind, &PartKind::kind);
  const std::string name = kind == std::end(kPartKinds) ? "" : kind->name;
  switch (selection.kind) {
    case SelectionKind::kAll:
    case SelectionKind::kBucket:
    case SelectionKind::kDilated:
    case SelectionKind::kListed:
    case SelectionKind::kBlocks:
      break;
    case SelectionKind::kLocal:
      return name + number(selection.left) +
             (selection.right == selection.left ? "" : number(selection.right));
    case SelectionKind::kGlobal:
      return name + number(selection.count);
    case SelectionKind::kStrided:
    case SelectionKind::kPooled:
      return name + number(selection.step) + (selection.offset == 0 ? "" : number(selection.offset));
    case SelectionKind::kPaired:
    case SelectionKind::kSummaries:
      return name + number(selection.step) + number(selection.count);
  }
  return name;
}

}  // namespace

Result<ir::HeadPattern> ParseHeadPattern(std::string_view text) {
  ir::HeadPattern pattern;
  for (const std::string_view part : Split(text, '+')) {
    if (part == "causal") {
      if (pattern.causal) return Bad("\"" + Text(text) + "\" has causal twice");
      pattern.causal = true;
      continue;
    }
    EARSHOT_ASSIGN_OR_RETURN(const KeySelection selection, ParsePart(part));
    if (Has(pattern, selection.kind)) return Bad("\"" + Text(text) + "\" selects keys twice in the same way");
    pattern.selections.push_back(selection);
  }
  if (pattern.selections.empty()) return Bad("\"" + Text(text) + "\" selects no keys: full+causal, perhaps");
  if (Has(pattern, SelectionKind::kAll) && pattern.selections.size() > 1)
    return Bad("\"" + Text(text) + "\": full leaves nothing to add");
  if (Has(pattern, SelectionKind::kStrided) && Has(pattern, SelectionKind::kPooled))
    return Bad("\"" + Text(text) + "\": either strided or pooled keys stand for the rest");
  const bool has_summaries = Has(pattern, SelectionKind::kSummaries);
  if ((Has(pattern, SelectionKind::kPaired) || has_summaries) && pattern.selections.size() > 1)
    return Bad("\"" + Text(text) + "\": paired keys and summaries stand alone");
  if (has_summaries && pattern.causal)
    return Bad("\"" + Text(text) + "\": summaries are causal by themselves");
  return pattern;
}

std::string HeadPatternText(const ir::HeadPattern& pattern) {
  std::string text;
  for (const KeySelection& selection : pattern.selections)
    text += (text.empty() ? "" : "+") + PartText(selection);
  return pattern.causal ? text + "+causal" : text;
}

ir::HeadPattern FullHead() { return {.selections = {{.kind = SelectionKind::kAll}}}; }

}  // namespace earshot::patterns
