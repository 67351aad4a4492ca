// Reading and writing files of packed weights. What is read is never trusted: numbers are compared before
// they are used, in 64 bits, so that no sum can wrap.
#include "runtime/xnnpack/packed_weights_file.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "runtime/core/xxh64.h"
#include "runtime/memory/arena.h"
#include "runtime/xnnpack/packed_weights.h"

namespace earshot {
namespace {

constexpr std::array<char, 8> kMagic = {'E', 'A', 'R', 'S', 'P', 'A', 'C', 'K'};
constexpr uint32_t kVersion = 1;
constexpr size_t kPageBytes = 4096;
constexpr size_t kChunkBytes = size_t{1} << 20;
constexpr size_t kReadableTailBytes = 128;
constexpr uint64_t kMaxMatrices = uint64_t{1} << 24;
constexpr uint64_t kMaxDataBytes = uint64_t{1} << 48;

struct Header {
  std::array<char, 8> magic = kMagic;
  uint32_t version = kVersion;
  uint32_t num_matrices = 0;
  uint64_t model_id = 0;
  uint64_t layout_id = 0;
  uint64_t data_bytes = 0;
  uint64_t table_xxh64 = 0;
  uint64_t reserved = 0;
  uint64_t header_xxh64 = 0;
};
static_assert(sizeof(Header) == 64 && sizeof(PackedMatrixRecord) == 48);

uint64_t HashOf(const Header& header) {
  return Xxh64Of(std::as_bytes(std::span(&header, 1)).first(offsetof(Header, header_xxh64)));
}

uint64_t NumChunks(const Header& header) { return (header.data_bytes + kChunkBytes - 1) / kChunkBytes; }

uint64_t DataBegin(const Header& header) {
  const uint64_t table_end = sizeof(Header) + header.num_matrices * sizeof(PackedMatrixRecord) +
                             NumChunks(header) * sizeof(uint64_t);
  return (table_end + kPageBytes - 1) / kPageBytes * kPageBytes;
}

template <class T>
T ReadAt(std::span<const std::byte> bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

PackedMatrixRecord RecordAt(std::span<const std::byte> file, size_t index) {
  return ReadAt<PackedMatrixRecord>(file, sizeof(Header) + index * sizeof(PackedMatrixRecord));
}

Status Damaged(const char* what) {
  return Status::Error(StatusCode::kInvalidModel, "the packed weights are damaged: %s", what);
}

Status CheckHeader(std::span<const std::byte> file, const PackedWeightsTarget& target) {
  if (file.size() < sizeof(Header) || std::memcmp(file.data(), kMagic.data(), kMagic.size()) != 0)
    return Status::Error(StatusCode::kInvalidModel, "this is no file of packed weights");
  const auto header = ReadAt<Header>(file, 0);
  if (header.version != kVersion) {
    return Status::Error(StatusCode::kUnsupported,
                         "the packed weights have format version %u, this program reads %u", header.version,
                         kVersion);
  }
  if (header.header_xxh64 != HashOf(header)) return Damaged("the checksum of their header is wrong");
  if (header.layout_id != target.layout_id) {
    return Status::Error(StatusCode::kUnsupported,
                         "the weights were packed on another kind of CPU, or by another version of Earshot");
  }
  if (header.model_id != target.model_id)
    return Status::Error(StatusCode::kInvalidArgument, "the weights were packed from another model");
  if (header.num_matrices > kMaxMatrices || header.data_bytes > kMaxDataBytes ||
      DataBegin(header) + header.data_bytes != file.size()) {
    return Damaged("the file is cut short or has bytes too many");
  }
  return Status::Ok();
}

Status CheckTable(std::span<const std::byte> file) {
  const auto header = ReadAt<Header>(file, 0);
  const auto data_begin = static_cast<size_t>(DataBegin(header));
  if (Xxh64Of(file.subspan(sizeof(Header), data_begin - sizeof(Header))) != header.table_xxh64)
    return Damaged("the checksum of their table is wrong");
  for (size_t i = 0; i < header.num_matrices; ++i) {
    const PackedMatrixRecord record = RecordAt(file, i);
    if (record.data_offset % kArenaAlignment != 0 || record.data_offset > header.data_bytes ||
        record.data_bytes > header.data_bytes - record.data_offset ||
        header.data_bytes - record.data_offset - record.data_bytes < kReadableTailBytes) {
      return Damaged("a matrix lies outside of the file");
    }
  }
  return Status::Ok();
}

Status CheckData(std::span<const std::byte> file, const ThreadPool& pool) {
  const auto header = ReadAt<Header>(file, 0);
  const size_t hashes_begin = sizeof(Header) + header.num_matrices * sizeof(PackedMatrixRecord);
  const std::span<const std::byte> data = file.subspan(static_cast<size_t>(DataBegin(header)));
  std::atomic<bool> is_good = true;
  pool.ParallelFor(static_cast<size_t>(NumChunks(header)), [&](size_t chunk, size_t) {
    const size_t begin = chunk * kChunkBytes;
    const auto bytes = data.subspan(begin, std::min(kChunkBytes, data.size() - begin));
    if (Xxh64Of(bytes) != ReadAt<uint64_t>(file, hashes_begin + chunk * sizeof(uint64_t))) is_good = false;
  });
  return is_good ? Status::Ok() : Damaged("the checksum of their data is wrong");
}

// Cuts a stream of bytes into chunks and tells the hash of each.
template <class Tell>
class ChunkHasher {
 public:
  explicit ChunkHasher(const Tell& tell) : tell_(tell) {}

  Status Update(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto part = bytes.first(std::min(bytes.size(), kChunkBytes - chunk_bytes_));
      hash_.Update(part);
      chunk_bytes_ += part.size();
      bytes = bytes.subspan(part.size());
      if (chunk_bytes_ == kChunkBytes) EARSHOT_RETURN_IF_ERROR(Finish());
    }
    return Status::Ok();
  }
  // Ends the chunk at hand, if it is not empty.
  Status Finish() {
    if (chunk_bytes_ == 0) return Status::Ok();
    const uint64_t digest = hash_.Digest();
    hash_ = {};
    chunk_bytes_ = 0;
    return tell_(std::as_bytes(std::span(&digest, 1)));
  }

 private:
  const Tell& tell_;
  Xxh64 hash_;
  size_t chunk_bytes_ = 0;
};

class Writer {
 public:
  Writer(const PackedWeights& weights, const PackedWeightsTarget& target, const PackedWeightsSink& sink)
      : weights_(weights), sink_(sink) {
    header_.model_id = target.model_id;
    header_.layout_id = target.layout_id;
    weights.ForEachAdded([this](const PackedMatrixKey&, std::span<const std::byte> bytes) {
      ++header_.num_matrices;
      header_.data_bytes += AlignUp(bytes.size());
    });
    header_.data_bytes += kReadableTailBytes;
  }

  Status Write() {
    Xxh64 table;
    EARSHOT_RETURN_IF_ERROR(PutTable([&table](std::span<const std::byte> bytes) {
      table.Update(bytes);
      return Status::Ok();
    }));
    header_.table_xxh64 = table.Digest();
    header_.header_xxh64 = HashOf(header_);
    const auto put = [this](std::span<const std::byte> bytes) { return sink_.write(sink_.context, bytes); };
    EARSHOT_RETURN_IF_ERROR(put(std::as_bytes(std::span(&header_, 1))));
    EARSHOT_RETURN_IF_ERROR(PutTable(put));
    return PutData(put);
  }

 private:
  static constexpr std::array<std::byte, kPageBytes> kZeros{};

  template <class Put>
  Status PutTable(const Put& put) const {
    Status status;
    uint64_t end = 0;
    weights_.ForEachAdded([&](const PackedMatrixKey& key, std::span<const std::byte> bytes) {
      const PackedMatrixRecord record = {key, end, bytes.size()};
      end += AlignUp(bytes.size());
      if (status.ok()) status = put(std::as_bytes(std::span(&record, 1)));
    });
    EARSHOT_RETURN_IF_ERROR(status);
    ChunkHasher hasher(put);
    EARSHOT_RETURN_IF_ERROR(
        PutData([&hasher](std::span<const std::byte> bytes) { return hasher.Update(bytes); }));
    EARSHOT_RETURN_IF_ERROR(hasher.Finish());
    const uint64_t table_bytes =
        header_.num_matrices * sizeof(PackedMatrixRecord) + NumChunks(header_) * sizeof(uint64_t);
    return put(
        std::span(kZeros).first(static_cast<size_t>(DataBegin(header_) - sizeof(Header) - table_bytes)));
  }

  template <class Put>
  Status PutData(const Put& put) const {
    Status status;
    weights_.ForEachAdded([&](const PackedMatrixKey&, std::span<const std::byte> bytes) {
      if (status.ok()) status = put(bytes);
      if (status.ok()) status = put(std::span(kZeros).first(AlignUp(bytes.size()) - bytes.size()));
    });
    return status.ok() ? put(std::span(kZeros).first(kReadableTailBytes)) : status;
  }

  const PackedWeights& weights_;
  const PackedWeightsSink& sink_;
  Header header_;
};

}  // namespace

Result<PackedWeightsFile> PackedWeightsFile::Load(std::span<const std::byte> file,
                                                  const PackedWeightsTarget& target, const ThreadPool& pool) {
  if (reinterpret_cast<uintptr_t>(file.data()) % kArenaAlignment != 0)
    return Status::Error(StatusCode::kInvalidArgument,
                         "packed weights must lie at a 64-byte aligned address");
  EARSHOT_RETURN_IF_ERROR(CheckHeader(file, target));
  EARSHOT_RETURN_IF_ERROR(CheckTable(file));
  EARSHOT_RETURN_IF_ERROR(CheckData(file, pool));
  const auto header = ReadAt<Header>(file, 0);
  PackedWeightsFile checked;
  checked.file_ = file;
  checked.data_ = file.subspan(static_cast<size_t>(DataBegin(header)));
  checked.originals_ = target.originals;
  checked.num_matrices_ = header.num_matrices;
  return checked;
}

std::span<const std::byte> PackedWeightsFile::Find(const PackedMatrixKey& key) const {
  for (size_t i = 0; i < num_matrices_; ++i) {
    const PackedMatrixRecord record = RecordAt(file_, i);
    if (record.key == key) {
      return data_.subspan(static_cast<size_t>(record.data_offset), static_cast<size_t>(record.data_bytes));
    }
  }
  return {};
}

Status WritePackedWeightsFile(const PackedWeights& weights, const PackedWeightsTarget& target,
                              const PackedWeightsSink& sink) {
  return Writer(weights, target, sink).Write();
}

}  // namespace earshot
