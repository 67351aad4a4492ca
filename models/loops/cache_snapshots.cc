// Row by row copies between caches and snapshots.
#include "models/loops/cache_snapshots.h"

#include <cstring>

namespace earshot::loops {
namespace {

using flatbuffers::uoffset_t;

size_t RowBytes(const MatrixView& cache) {
  return static_cast<size_t>(DTypeBytes(cache.dtype, static_cast<size_t>(cache.cols)));
}

std::byte* CacheRow(const MatrixView& cache, int64_t row) {
  return cache.data + DTypeBytes(cache.dtype, static_cast<size_t>(row * cache.stride));
}

// Whether the method writes this state from row `position` on.
bool IsCache(const fb::Method& method, uoffset_t state) {
  for (const fb::Op* op : *method.ops()) {
    for (const int32_t output : *op->outputs()) {
      const fb::Value& value = *method.values()->Get(static_cast<uoffset_t>(output));
      if (value.kind() != fb::ValueKind::View || value.base() != static_cast<int32_t>(state)) continue;
      const int32_t symbol = value.row_begin() == nullptr ? -1 : value.row_begin()->symbol();
      if (symbol >= 0 &&
          method.symbols()->Get(static_cast<uoffset_t>(symbol))->name()->string_view() == "position")
        return true;
    }
  }
  return false;
}

}  // namespace

Result<CacheSnapshots> CacheSnapshots::Create(const MethodRun& method, int64_t count, int64_t max_rows,
                                              Run& run) {
  CacheSnapshots snapshots;
  snapshots.max_rows_ = max_rows;
  const auto& values = *method.method().values();
  for (uoffset_t i = 0; i < values.size(); ++i) {
    const fb::Value& value = *values.Get(i);
    if (value.kind() != fb::ValueKind::State || !IsCache(method.method(), i)) continue;
    if (snapshots.num_caches_ == kMaxCaches || value.name() == nullptr)
      return Status::Error(StatusCode::kUnsupported, "the method has more than %zu caches", kMaxCaches);
    EARSHOT_ASSIGN_OR_RETURN(const MatrixView cache, method.View(value.name()->string_view()));
    if (cache.rows < max_rows) {
      return Status::Error(StatusCode::kInvalidArgument, "the caches hold %lld rows, %lld are wanted",
                           static_cast<long long>(cache.rows), static_cast<long long>(max_rows));
    }
    snapshots.caches_[snapshots.num_caches_++] = cache;
    snapshots.row_bytes_ += RowBytes(cache);
  }
  EARSHOT_ASSIGN_OR_RETURN(
      snapshots.snapshots_,
      run.Scratch<std::byte>(count * max_rows * static_cast<int64_t>(snapshots.row_bytes_)));
  return snapshots;
}

void CacheSnapshots::Load(int64_t hypothesis, int64_t rows) const {
  for (int64_t row = 0; row < rows; ++row) {
    const std::byte* from = RowOf(hypothesis, row);
    for (size_t i = 0; i < num_caches_; from += RowBytes(caches_[i]), ++i)
      std::memcpy(CacheRow(caches_[i], row), from, RowBytes(caches_[i]));
  }
}

void CacheSnapshots::Store(int64_t hypothesis, int64_t row) const {
  std::byte* to = RowOf(hypothesis, row);
  for (size_t i = 0; i < num_caches_; to += RowBytes(caches_[i]), ++i)
    std::memcpy(to, CacheRow(caches_[i], row), RowBytes(caches_[i]));
}

void CacheSnapshots::Copy(int64_t from, int64_t to, int64_t rows) const {
  std::memcpy(RowOf(to, 0), RowOf(from, 0), static_cast<size_t>(rows) * row_bytes_);
}

}  // namespace earshot::loops
