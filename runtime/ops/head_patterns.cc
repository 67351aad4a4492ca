// One WindowPattern for each entry, and MixedHeads over them where there are several.
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
  }
}

// Where the objects lie in one piece of memory.
struct Layout {
  explicit Layout(size_t num_heads)
      : list_offset(AlignUp(num_heads * sizeof(WindowPattern))),
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

int64_t MinPoolLength(const fb::Attention& attention) {
  int64_t shortest = 0;
  if (attention.heads() == nullptr) return shortest;
  for (const fb::HeadPattern* head : *attention.heads()) {
    const int64_t length = WindowPattern(WindowSpecOf(*head)).PoolLength(0);
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
    const fb::HeadPattern& head = *attention.heads()->Get(static_cast<uoffset_t>(i));
    list[i] = new (memory + i * sizeof(WindowPattern)) WindowPattern(WindowSpecOf(head));
  }
  if (num_heads == 1) return list[0];
  return static_cast<const AttentionPattern*>(new (memory + layout.mixed_offset)
                                                  MixedHeads({list, num_heads}));
}

}  // namespace earshot
