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

Status ValidateWindow(const fb::KeySelection& selection) {
  if (selection.left() <= kMaxDimension && selection.right() <= kMaxDimension) return Status::Ok();
  return Bad("a window of %u keys before and %u after the query is too large", selection.left(),
             selection.right());
}

Status ValidateBlocks(const fb::KeySelection& selection) {
  const auto* begins = selection.block_begins();
  const auto* blocks = selection.blocks();
  if (begins == nullptr || blocks == nullptr || begins->size() < 2 || begins->size() > kMaxDimension)
    return Bad("it has no table of blocks");
  if (begins->Get(0) != 0 || begins->Get(begins->size() - 1) != blocks->size())
    return Bad("the rows of its table do not cover its blocks");
  for (uoffset_t row = 0; row + 1 < begins->size(); ++row) {
    if (begins->Get(row) > begins->Get(row + 1) || begins->Get(row + 1) > blocks->size())
      return Bad("row %u of its table ends before it begins", row);
    for (uoffset_t i = begins->Get(row); i < begins->Get(row + 1); ++i) {
      const bool is_ascending = i == begins->Get(row) || blocks->Get(i - 1) <= blocks->Get(i);
      if (is_ascending && blocks->Get(i) <= kMaxDimension / selection.step()) continue;
      return Bad("row %u of its table lists block %u, which is too large or out of order", row,
                 blocks->Get(i));
    }
  }
  return Status::Ok();
}

Status ValidateSelection(const fb::KeySelection& selection) {
  switch (selection.kind()) {
    case fb::SelectionKind::All:
      return Status::Ok();
    case fb::SelectionKind::Local:
      return ValidateWindow(selection);
    case fb::SelectionKind::Global:
      if (selection.count() >= 1 && selection.count() <= kMaxDimension) return Status::Ok();
      return Bad("%u is no number of global keys", selection.count());
    case fb::SelectionKind::Strided:
      EARSHOT_RETURN_IF_ERROR(ValidateStep(selection));
      if (selection.width() >= 1 && selection.width() <= selection.step()) return Status::Ok();
      return Bad("of every %u keys %u cannot be taken", selection.step(), selection.width());
    case fb::SelectionKind::Pooled:
      return ValidateStep(selection);
    case fb::SelectionKind::Bucket:
      if (selection.count() >= selection.step())
        return Bad("a bucket of %u keys cannot begin %u keys before the first", selection.step(),
                   selection.count());
      [[fallthrough]];
    case fb::SelectionKind::Dilated:
      EARSHOT_RETURN_IF_ERROR(ValidateStep(selection));
      return ValidateWindow(selection);
    case fb::SelectionKind::Listed:
      return Status::Ok();
    case fb::SelectionKind::Blocks:
      EARSHOT_RETURN_IF_ERROR(ValidateStep(selection));
      return ValidateBlocks(selection);
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

Status ValidateTogether(const std::array<bool, kNumKinds>& has, size_t count) {
  const auto has_kind = [&has](fb::SelectionKind kind) { return has[static_cast<size_t>(kind)]; };
  if (has_kind(fb::SelectionKind::All) && count > 1) return Bad("it selects all keys and others beside them");
  if (has_kind(fb::SelectionKind::Blocks) && count > 1) return Bad("it selects blocks and keys beside them");
  if ((has_kind(fb::SelectionKind::Paired) || has_kind(fb::SelectionKind::Summaries)) && count > 1)
    return Bad("it selects paired keys or summaries and others beside them");
  if (has_kind(fb::SelectionKind::Strided) && has_kind(fb::SelectionKind::Pooled))
    return Bad("it selects strided and pooled keys");
  if (has_kind(fb::SelectionKind::Dilated) &&
      (has_kind(fb::SelectionKind::Strided) || has_kind(fb::SelectionKind::Pooled)))
    return Bad("it selects dilated keys, and strided or pooled ones");
  if (has_kind(fb::SelectionKind::Local) && has_kind(fb::SelectionKind::Bucket))
    return Bad("it selects two windows");
  if (has_kind(fb::SelectionKind::Listed) && has_kind(fb::SelectionKind::Pooled))
    return Bad("it selects listed and pooled keys");
  return Status::Ok();
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
  const bool is_window = has[static_cast<size_t>(fb::SelectionKind::Local)] ||
                         has[static_cast<size_t>(fb::SelectionKind::Bucket)];
  if (head.own_last() && (!head.causal() || !is_window || head.selections()->size() > 1))
    return Bad("it avoids the query's own key, but is no causal window");
  if (head.causal() && has[static_cast<size_t>(fb::SelectionKind::Summaries)])
    return Bad("summaries are causal by themselves");
  return ValidateTogether(has, head.selections()->size());
}

// Keys of earlier runs are known by their distance alone.
Status ValidatePast(const fb::Attention& attention) {
  if (!attention.past()) return Status::Ok();
  if (attention.pattern() != fb::PatternKind::Heads) return Bad("it has a past, but no windows");
  for (const fb::HeadPattern* head : *attention.heads()) {
    const bool is_window =
        head->selections()->size() == 1 && head->selections()->Get(0)->kind() == fb::SelectionKind::Local;
    if (!is_window || !head->causal()) return Bad("it has a past, but a head without a causal window");
  }
  return Status::Ok();
}

}  // namespace

Status ValidateHeadPatterns(const fb::Attention& attention) {
  if (attention.side_by_side() && (attention.pattern() != fb::PatternKind::Full || attention.past()))
    return Bad("sequences lie side by side, but do not see all of their keys");
  const uoffset_t count = attention.heads() == nullptr ? 0 : attention.heads()->size();
  if (attention.pattern() != fb::PatternKind::Heads) {
    if (count != 0) return Bad("it has patterns of heads, which its own pattern does not use");
    return ValidatePast(attention);
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
  return ValidatePast(attention);
}

}  // namespace earshot
