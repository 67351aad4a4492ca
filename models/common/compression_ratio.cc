// CompressionRatio: zlib with its memory taken from the caller.
#include "models/common/compression_ratio.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>

#include "runtime/memory/arena.h"

namespace earshot {

// Lies in the caller's memory as a whole: zlib checks that its stream does not move.
struct CompressionRatio::State {
  explicit State(Arena memory) : arena(memory) {}
  Arena arena;
  z_stream stream{};
};

namespace {

voidpf Allocate(voidpf arena, uInt items, uInt size) {
  return static_cast<Arena*>(arena)->Allocate(static_cast<size_t>(items) * size);
}
void Free(voidpf, voidpf) {}  // goes with the arena

}  // namespace

Result<CompressionRatio> CompressionRatio::Create(std::span<std::byte> memory) {
  if (reinterpret_cast<uintptr_t>(memory.data()) % kArenaAlignment != 0) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "compression ratio: the memory is not aligned to %zu bytes", kArenaAlignment);
  }
  Arena arena(memory);
  void* state_memory = arena.Allocate(sizeof(State));
  if (state_memory == nullptr) {
    return Status::Error(StatusCode::kOutOfMemory, "compression ratio: %zu bytes given, %zu needed",
                         memory.size(), kWorkspaceBytes);
  }
  State* state = new (state_memory) State(arena);
  state->stream.zalloc = Allocate;
  state->stream.zfree = Free;
  state->stream.opaque = &state->arena;
  const int result = deflateInit(&state->stream, Z_DEFAULT_COMPRESSION);
  if (result == Z_MEM_ERROR) {
    return Status::Error(StatusCode::kOutOfMemory, "compression ratio: %zu bytes given, %zu needed",
                         memory.size(), std::max(state->arena.required_bytes(), kWorkspaceBytes));
  }
  if (result != Z_OK) return Status::Error(StatusCode::kInternal, "compression ratio: zlib error %d", result);
  return CompressionRatio(state);
}

float CompressionRatio::Compute(std::string_view text) {
  if (text.empty()) return 0.0f;
  z_stream& stream = state_->stream;
  deflateReset(&stream);
  // Only the length of the output matters, so it is written over and over into the same bytes.
  Bytef discarded[256];
  const size_t text_bytes = text.size();
  int result = Z_OK;
  while (result == Z_OK || result == Z_BUF_ERROR) {
    const size_t piece_bytes = std::min<size_t>(text.size(), std::numeric_limits<uInt>::max());
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(piece_bytes);
    stream.next_out = discarded;
    stream.avail_out = sizeof(discarded);
    result = deflate(&stream, piece_bytes == text.size() ? Z_FINISH : Z_NO_FLUSH);
    text.remove_prefix(piece_bytes - stream.avail_in);
  }
  return static_cast<float>(static_cast<double>(text_bytes) / static_cast<double>(stream.total_out));
}

}  // namespace earshot
