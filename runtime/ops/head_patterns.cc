// One pattern for each entry, and MixedHeads over them where there are several.
#include "runtime/ops/head_patterns.h"

#include <algorithm>
#include <new>

#include "runtime/attention/patterns/mixed_heads.h"
#include "runtime/schema/validate.h"

namespace earshot {
namespace {

using flatbuffers::uoffset_t;

// Of `count` keys in steps of `step`.
int64_t Reach(uint32_t count, int64_t step) { return std::min<int64_t>(count * step, kMaxDimension); }

void AddSelection(const fb::KeySelection& selection, WindowSpec& spec) {
  switch (selection.kind()) {
    case fb::SelectionKind::All:
      spec.left = spec.right = kMaxDimension;
      return;
    case fb::SelectionKind::Local:
      spec.left = selection.left();
      spec.right = selection.right();
      return;
    case fb::SelectionKind::Global:
      spec.global = selection.count();
      return;
    case fb::SelectionKind::Strided:
      spec.beyond = KeysBeyond::kStrided;
      spec.step = selection.step();
      spec.offset = selection.offset();
      spec.width = selection.width();
      return;
    case fb::SelectionKind::Pooled:
      spec.beyond = KeysBeyond::kPooled;
      spec.step = selection.step();
      return;
    case fb::SelectionKind::Bucket:
      spec.left = selection.left();
      spec.right = selection.right();
      spec.bucket = selection.step();
      spec.bucket_offset = int64_t{selection.offset()} - int64_t{selection.count()};
      return;
    case fb::SelectionKind::Dilated:
      spec.beyond = KeysBeyond::kDilated;
      spec.step = selection.step();
      spec.reach_left = Reach(selection.left(), spec.step);
      spec.reach_right = Reach(selection.right(), spec.step);
      return;
    case fb::SelectionKind::Listed:  // the run lists them
    case fb::SelectionKind::Blocks:  // BlockTableOf
    case fb::SelectionKind::Paired:  // these two: HeadPatternSlot::Make
    case fb::SelectionKind::Summaries:
      return;
  }
}

std::span<const uint32_t> SpanOf(const flatbuffers::Vector<uint32_t>& list) {
  return {list.data(), list.size()};
}

// Where the objects lie in one piece of memory.
struct Layout {
  explicit Layout(size_t num_heads)
      : list_offset(AlignUp(num_heads * sizeof(HeadPatternSlot))),
        mixed_offset(list_offset + AlignUp(num_heads * sizeof(const AttentionPattern*))),
        size_bytes(mixed_offset + AlignUp(sizeof(MixedHeads))) {}
  size_t list_offset, mixed_offset, size_bytes;
};

}  // namespace

WindowSpec WindowSpecOf(const fb::HeadPattern& head) {
  WindowSpec spec = {.causal = head.causal(), .own_last = head.own_last()};
  for (const fb::KeySelection* selection : *head.selections()) AddSelection(*selection, spec);
  return spec;
}

BlockTable BlockTableOf(const fb::HeadPattern& head) {
  const fb::KeySelection& selection = *head.selections()->Get(0);
  return {.block = selection.step(),
          .begins = SpanOf(*selection.block_begins()),
          .blocks = SpanOf(*selection.blocks()),
          .causal = head.causal()};
}

bool HasSelection(const fb::HeadPattern& head, fb::SelectionKind kind) {
  for (const fb::KeySelection* selection : *head.selections()) {
    if (selection->kind() == kind) return true;
  }
  return false;
}

bool HasSelection(const fb::Attention& attention, fb::SelectionKind kind) {
  if (attention.heads() == nullptr) return false;
  for (const fb::HeadPattern* head : *attention.heads()) {
    if (HasSelection(*head, kind)) return true;
  }
  return false;
}

const AttentionPattern* HeadPatternSlot::Make(const fb::HeadPattern& head) {
  const fb::KeySelection& first = *head.selections()->Get(0);
  switch (first.kind()) {
    case fb::SelectionKind::Blocks:
      return new (memory_) BlockPattern(BlockTableOf(head));
    case fb::SelectionKind::Paired:
      return new (memory_)
          PairedPattern({.queries = first.step(), .keys = first.count(), .causal = head.causal()});
    case fb::SelectionKind::Summaries:
      return new (memory_) SummaryPattern(first.count(), first.step());
    default:
      return new (memory_) WindowPattern(WindowSpecOf(head));
  }
}

int64_t CountPairs(const fb::HeadPattern& head, int64_t num_queries, int64_t num_keys) {
  HeadPatternSlot slot;
  const AttentionPattern& pattern = *slot.Make(head);
  int64_t pairs = 0;
  for (int64_t query = 0; query < num_queries; ++query) {
    const QueryBlock row = {0, query, query + 1, num_queries, num_keys};
    for (int64_t i = 0; i < pattern.NumRanges(row); ++i) {
      const KeyRange range = pattern.Range(row, i);  // exact, for one row
      pairs += std::max<int64_t>(0, (range.end - range.begin + range.step - 1) / range.step);
    }
  }
  return pairs;
}

int64_t LongestWindow(const fb::Attention& attention) {
  int64_t longest = 0;
  for (const fb::HeadPattern* head : *attention.heads())
    longest = std::max(longest, WindowSpecOf(*head).left);
  return longest;
}

int64_t MinPoolLength(const fb::Attention& attention) {
  int64_t shortest = 0;
  if (attention.heads() == nullptr) return shortest;
  for (const fb::HeadPattern* head : *attention.heads()) {
    HeadPatternSlot slot;
    const int64_t length = slot.Make(*head)->PoolLength(0);
    if (length > 0) shortest = shortest == 0 ? length : std::min(shortest, length);
  }
  return shortest;
}

size_t HeadPatternsBytes(const fb::Attention& attention) {
  return attention.heads() == nullptr ? 0 : Layout(attention.heads()->size()).size_bytes;
}

Result<const AttentionPattern*> CreateHeadPatterns(const fb::Attention& attention, Arena& persistent) {
  const size_t num_heads = attention.heads()->size();
  const Layout layout(num_heads);
  auto* memory = static_cast<std::byte*>(persistent.Allocate(layout.size_bytes));
  if (memory == nullptr) return Status::Error(StatusCode::kOutOfMemory, "the persistent arena is full");
  auto** list = static_cast<const AttentionPattern**>(static_cast<void*>(memory + layout.list_offset));
  for (size_t i = 0; i < num_heads; ++i) {
    auto* slot = new (memory + i * sizeof(HeadPatternSlot)) HeadPatternSlot;
    list[i] = slot->Make(*attention.heads()->Get(static_cast<uoffset_t>(i)));
  }
  if (num_heads == 1) return list[0];
  return static_cast<const AttentionPattern*>(new (memory + layout.mixed_offset)
                                                  MixedHeads({list, num_heads}));
}

}  // namespace earshot
