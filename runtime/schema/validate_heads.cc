// Semantic validation of the patterns of attention heads.
#include <array>
#include <cstddef>

#include "runtime/schema/validate.h"

namespace earshot {
namespace {

using flatbuffers::uoffset_t;

constexpr size_t kNumKinds = static_cast<size_t>(fb::SelectionKind::MAX) + 1;

template <class... Arguments>
Status Bad(const char* format, Arguments... arguments) {
  return Status::Error(StatusCode::kInvalidModel, format, arguments...);
}

Status ValidateStep(const fb::KeySelection& selection) {
  if (selection.step() < 1 || selection.step() > kMaxDimension)
    return Bad("keys cannot be taken with a step of %u", selection.step());
  if (selection.offset() < selection.step()) return Status::Ok();
  return Bad("an offset of %u is not within a step of %u", selection.offset(), selection.step());
}

Status ValidateSelection(const fb::KeySelection& selection) {
  switch (selection.kind()) {
    case fb::SelectionKind::All:
      return Status::Ok();
    case fb::SelectionKind::Local:
      if (selection.left() <= kMaxDimension && selection.right() <= kMaxDimension) return Status::Ok();
      return Bad("a window of %u keys before and %u after the query is too large", selection.left(),
                 selection.right());
    case fb::SelectionKind::Global:
      if (selection.count() >= 1 && selection.count() <= kMaxDimension) return Status::Ok();
      return Bad("%u is no number of global keys", selection.count());
    case fb::SelectionKind::Strided:
    case fb::SelectionKind::Pooled:
      return ValidateStep(selection);
    case fb::SelectionKind::Paired:
      if (selection.count() < 1) return Bad("groups of no keys for blocks of queries");
      [[fallthrough]];
    case fb::SelectionKind::Summaries:
      if (selection.count() > kMaxDimension) return Bad("%u keys are too many", selection.count());
      return ValidateStep(selection);
  }
  return Status::Error(StatusCode::kUnsupported, "this build has no selection of keys %d",
                       static_cast<int>(selection.kind()));
}

// *pool_length: step of the pooled keys of earlier heads with the same keys, 0 where there are none.
Status ValidateHead(const fb::HeadPattern& head, uint32_t* pool_length) {
  if (head.selections()->size() == 0) return Bad("it selects no keys");
  std::array<bool, kNumKinds> has = {};
  for (const fb::KeySelection* selection : *head.selections()) {
    EARSHOT_RETURN_IF_ERROR(ValidateSelection(*selection));
    bool& seen = has[static_cast<size_t>(selection->kind())];
    if (seen)
      return Bad("it selects keys twice in the same way (%s)", fb::EnumNameSelectionKind(selection->kind()));
    seen = true;
    if (selection->kind() != fb::SelectionKind::Pooled) continue;
    if (*pool_length != 0 && *pool_length != selection->step())
      return Bad("it pools %u keys, a head that shares them %u", selection->step(), *pool_length);
    *pool_length = selection->step();
  }
  const auto has_kind = [&has](fb::SelectionKind kind) { return has[static_cast<size_t>(kind)]; };
  if (has_kind(fb::SelectionKind::All) && head.selections()->size() > 1)
    return Bad("it selects all keys and others beside them");
  const bool has_summaries = has_kind(fb::SelectionKind::Summaries);
  if ((has_kind(fb::SelectionKind::Paired) || has_summaries) && head.selections()->size() > 1)
    return Bad("it selects paired keys or summaries and others beside them");
  if (has_summaries && head.causal()) return Bad("summaries are causal by themselves");
  if (has_kind(fb::SelectionKind::Strided) && has_kind(fb::SelectionKind::Pooled))
    return Bad("it selects strided and pooled keys");
  return Status::Ok();
}

}  // namespace

Status ValidateHeadPatterns(const fb::Attention& attention) {
  const uoffset_t count = attention.heads() == nullptr ? 0 : attention.heads()->size();
  if (attention.pattern() != fb::PatternKind::Heads) {
    return count == 0 ? Status::Ok() : Bad("it has patterns of heads, which its own pattern does not use");
  }
  if (count != 1 && count != attention.num_heads())
    return Bad("it has the patterns of %u heads, not of 1 or %u", count, attention.num_heads());
  // Whether the counts of heads fit each other the op itself checks, with the widths.
  const uint32_t group = attention.num_kv_heads() == 0 ? 1 : attention.num_heads() / attention.num_kv_heads();
  uint32_t pool_length = 0;
  for (uoffset_t i = 0; i < count; ++i) {
    if (group <= 1 || i % group == 0) pool_length = 0;
    if (const Status status = ValidateHead(*attention.heads()->Get(i), &pool_length); !status.ok()) {
      return status.WithContext("the pattern of head %u", i);
    }
  }
  return Status::Ok();
}

}  // namespace earshot
