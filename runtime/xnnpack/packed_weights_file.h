// A file of packed weights: what a session packs at its start, kept for the next one, which then uses it in
// place. It belongs to one model and to CPUs whose kernels want the same layout. The caller maps it.
//
// Layout, little endian:
//   header   64 bytes: magic "EARSPACK", u32 version, u32 matrices, u64 model id, u64 layout id, u64 bytes of
//   data,
//            u64 XXH64 of the table, u64 zero, u64 XXH64 of the 56 bytes before
//   table    PackedMatrixRecord for each matrix, then the XXH64 of each MiB of data, zeros up to a multiple
//   of 4096 data     matrices at multiples of 64, and 128 bytes that kernels may read past the last
#ifndef EARSHOT_RUNTIME_XNNPACK_PACKED_WEIGHTS_FILE_H_
#define EARSHOT_RUNTIME_XNNPACK_PACKED_WEIGHTS_FILE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/core/status.h"
#include "runtime/core/thread_pool.h"

namespace earshot {

class PackedWeights;

// Names a packed matrix by what it was made from.
struct PackedMatrixKey {
  static constexpr uint64_t kNoBias = UINT64_MAX;

  uint64_t weights = 0;       // where the originals begin: bytes from the begin of the model's weights
  uint64_t bias = kNoBias;    // likewise
  uint32_t out_begin = 0;     // first output channel; a matrix may be packed in parts
  uint32_t out_channels = 0;  // N of the part
  uint32_t in_channels = 0;   // K
  uint32_t form = 0;          // 0: the whole weights; 1: their leading bits (coarse_weights.h)

  bool operator==(const PackedMatrixKey&) const = default;
};

struct PackedMatrixRecord {
  PackedMatrixKey key;
  uint64_t data_offset = 0;  // from the begin of the data
  uint64_t data_bytes = 0;
};

// What a file must have been made for to be of use.
struct PackedWeightsTarget {
  uint64_t model_id = 0;                      // Program::Fingerprint
  uint64_t layout_id = 0;                     // PackedLayoutId
  std::span<const std::byte> originals = {};  // the model's weights, which keys count from
};

// A file that has been checked. Borrows its bytes, which must stay readable and unchanged as long as this or
// a session made with it. Copyable; immutable, so free to share between threads.
class PackedWeightsFile {
 public:
  PackedWeightsFile() = default;  // holds no matrix

  // Checks everything: that the file is for this target, every extent, and the checksum of every byte (on all
  // threads of the pool: some 7 GB/s each on a PC; the first run reads the same bytes anyway, so that this
  // costs little more than having them read earlier). `file`: the whole file, at a multiple of 64. Never
  // allocates. Errors: kInvalidModel (damaged, or no such file), kInvalidArgument (made from another model),
  // kUnsupported (made by another version of Earshot, or on another kind of CPU).
  static Result<PackedWeightsFile> Load(std::span<const std::byte> file, const PackedWeightsTarget& target,
                                        const ThreadPool& pool);

  // The matrix of that key, in place; empty if there is none.
  std::span<const std::byte> Find(const PackedMatrixKey& key) const;

  std::span<const std::byte> file() const { return file_; }
  std::span<const std::byte> originals() const { return originals_; }

 private:
  std::span<const std::byte> file_;
  std::span<const std::byte> data_;
  std::span<const std::byte> originals_;
  size_t num_matrices_ = 0;
};

// Takes the next bytes of a file; an error ends the writing.
struct PackedWeightsSink {
  void* context = nullptr;
  Status (*write)(void* context, std::span<const std::byte> bytes) = nullptr;
};

// Writes all matrices of `weights`, front to back. Never allocates. Errors: those of the sink.
Status WritePackedWeightsFile(const PackedWeights& weights, const PackedWeightsTarget& target,
                              const PackedWeightsSink& sink);

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_XNNPACK_PACKED_WEIGHTS_FILE_H_
