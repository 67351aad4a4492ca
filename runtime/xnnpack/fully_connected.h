// A dense layer on XNNPACK: out[M, N] = in[M, K] W[N, K]^T + bias[N], with f32 activations outside.
// int8 and int4 weights: the activations of each row are quantized to int8 at run time (one scale and zero
// point a row). Products with int8 weights are our own on CPUs where these are faster
// (runtime/kernels/dense_int8.h).
#ifndef EARSHOT_RUNTIME_XNNPACK_FULLY_CONNECTED_H_
#define EARSHOT_RUNTIME_XNNPACK_FULLY_CONNECTED_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/core/dtype.h"
#include "runtime/core/matrix_view.h"
#include "runtime/core/status.h"
#include "runtime/core/thread_pool.h"
#include "runtime/core/weights_file.h"
#include "runtime/kernels/dense_int8.h"
#include "runtime/memory/arena.h"
#include "runtime/xnnpack/coarse_weights.h"
#include "runtime/xnnpack/packed_weights.h"

struct xnn_operator;

namespace earshot {

struct FullyConnectedParams {
  DType weight_dtype = DType::kF32;
  int64_t in_channels = 0;   // K
  int64_t out_channels = 0;  // N
  int64_t in_stride = 0;     // of the rows of `in`, in elements
  int64_t out_stride = 0;
  int64_t max_rows = 0;                // largest M ever run
  const std::byte* weights = nullptr;  // [N, K] in the layout of DType; only read by Create
  const std::byte* scales = nullptr;   // kI8: f32 [N]; kI4: bf16 [N, K / 32]; only read by Create
  const float* bias = nullptr;         // [N] or nullptr; only read by Create
  // kI8 without bias, K even: multiply by the leading 4 bits of the weights (coarse_weights.h). The input
  // holds x * deviation; x . mean is left to the caller. Only read by Create.
  const CoarseColumns* coarse = nullptr;
  WeightsFile weights_file;  // told of weights that Create has packed
};

// What Create takes of the persistent arena, at most, on any CPU that XNNPACK supports.
struct FullyConnectedMemory {
  size_t own_bytes = 0;
  size_t packed_bytes = 0;  // more, unless a layer with the same packed_id was created before
  uint64_t packed_id = 0;
  size_t setup_bytes = 0;  // of workspace, for Create
};

// Lives in an arena: XNNPACK's operators and packed weights too. Not copyable (the operators have one owner).
class FullyConnected {
 public:
  // Reads no weights.
  static FullyConnectedMemory Measure(const FullyConnectedParams& params, const PackedWeights& packed);
  // Persistent bytes of a layer by itself.
  static size_t PersistentBytesBound(const FullyConnectedParams& params);
  // Workspace that Create needs, 64-byte aligned.
  static size_t SetupBytes(const FullyConnectedParams& params);
  // Workspace that Run needs, 64-byte aligned.
  static size_t WorkspaceBytes(const FullyConnectedParams& params);

  FullyConnected() = default;
  FullyConnected(const FullyConnected&) = delete;
  FullyConnected& operator=(const FullyConnected&) = delete;
  ~FullyConnected();

  // Takes the packed weights from `packed`, without reading the originals, or packs them into `persistent`
  // and adds them. `packed` (optional) outlives the layer. Errors: kOutOfMemory (arena too small),
  // kUnsupported (XNNPACK refused), kInvalidModel (packed weights that are too short).
  Status Create(const FullyConnectedParams& params, Arena& persistent, std::span<std::byte> workspace,
                PackedWeights* packed = nullptr);

  // in: [M, K], out: [M, N], with the strides given to Create and M <= max_rows. XNN_EXTRA_BYTES past the end
  // of `in` must be readable (arenas see to that). Never allocates.
  Status Run(Matrix<const float> in, Matrix<float> out, std::span<std::byte> workspace,
             const ThreadPool& pool);

 private:
  // Columns of the result, from out_begin: an operator, or panels for int8_kernel_.
  struct Part {
    xnn_operator* op = nullptr;
    int64_t out_begin = 0;
    int64_t out_channels = 0;
    const std::byte* panels = nullptr;
  };
  struct Quantized;
  struct PartSetup;

  Status CreatePart(const PartSetup& setup, Part& part) const;
  Status CreateFromStored(const PartSetup& setup, std::span<const std::byte> stored, Part& part) const;
  Status PackPart(const PartSetup& setup, Part& part, std::span<const std::byte>& packed) const;
  void ReleaseOriginals(int64_t out_begin, int64_t out_channels) const;
  Status RunParts(const float* in, int64_t rows, Matrix<float> out, const ThreadPool& pool);
  Status QuantizeRows(Matrix<const float> in, const Quantized& quantized, const ThreadPool& pool);
  Status RunQuantized(const Quantized& quantized, int64_t rows, Matrix<float> out, const ThreadPool& pool);
  void RunPanels(const Quantized& quantized, Matrix<float> out, const ThreadPool& pool) const;
  Quantized QuantizedIn(std::span<std::byte> workspace) const;

  FullyConnectedParams params_;
  std::span<Part> parts_;
  xnn_operator* quantize_ = nullptr;      // f32 rows -> int8 rows; only for kI8 and kI4
  kernels::DenseInt8Kernel int8_kernel_;  // if it can multiply, instead of operators
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_XNNPACK_FULLY_CONNECTED_H_
