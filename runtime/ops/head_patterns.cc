// A pattern for each entry, and MixedHeads over them where there are several.
#include "runtime/ops/head_patterns.h"

#include <algorithm>
#include <new>

#include "runtime/attention/patterns/mixed_heads.h"
#include "runtime/schema/validate.h"

namespace earshot {
namespace {

using flatbuffers::uoffset_t;

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
      return;
    case fb::SelectionKind::Pooled:
      spec.beyond = KeysBeyond::kPooled;
      spec.step = selection.step();
      return;
    case fb::SelectionKind::Paired:
    case fb::SelectionKind::Summaries:
      return;  // no windows
  }
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
  WindowSpec spec = {.causal = head.causal()};
  for (const fb::KeySelection* selection : *head.selections()) AddSelection(*selection, spec);
  return spec;
}

const AttentionPattern* HeadPatternSlot::Make(const fb::HeadPattern& head) {
  const fb::KeySelection& first = *head.selections()->Get(0);
  if (first.kind() == fb::SelectionKind::Paired)
    return new (memory_)
        PairedPattern({.queries = first.step(), .keys = first.count(), .causal = head.causal()});
  if (first.kind() == fb::SelectionKind::Summaries)
    return new (memory_) SummaryPattern(first.count(), first.step());
  return new (memory_) WindowPattern(WindowSpecOf(head));
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
