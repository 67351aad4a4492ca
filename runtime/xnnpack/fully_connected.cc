// FullyConnected over XNNPACK's operator API: create packs (start-up), reshape + setup + run compute.
#include "runtime/xnnpack/fully_connected.h"

#include <xnnpack.h>

#include <algorithm>
#include <limits>
#include <new>

#include "runtime/core/float16.h"
#include "runtime/core/typed_bytes.h"
#include "runtime/core/xxh64.h"
#include "runtime/xnnpack/weights_provider.h"
#include "runtime/xnnpack/xnnpack_arena.h"

namespace earshot {
namespace {

constexpr float kUnbounded = std::numeric_limits<float>::infinity();
// XNNPACK's int4 weights are unsigned nibbles around 8, as DType::kI4 stores them.
constexpr uint8_t kInt4ZeroPoint = 8;

// Bounds over all of XNNPACK's micro-kernels: packed output channels come in tiles of at most 64 (nr), packed
// input channels in groups of at most 32 bytes (kr * sr), and an operator object with its parameters takes
// less than 4 KiB.
constexpr int64_t kMaxChannelTile = 64;
constexpr int64_t kMaxInputGroup = 32;
constexpr size_t kOperatorBytes = 4096;

// Micro-kernels work on tiles of up to 14 rows. In a last tile that is not full they compute the missing rows
// too, from the parameters behind those of the last row, and write them where the last row goes: unless all
// are equal, what remains there is wrong. XNN_EXTRA_QUANTIZATION_PARAMS (10) is too few for the largest tile.
constexpr size_t kExtraParameters = 15;
static_assert(kExtraParameters >= XNN_EXTRA_QUANTIZATION_PARAMS);

// f16 weights are widened to f32 for packing through a buffer of about this size, a slice of output channels
// at a time.
constexpr int64_t kWidenBytes = 4 << 20;

// Of our own kernels. Where there is more than one thread, one that is held up leaves its parts to the
// others.
constexpr int64_t kTasksPerThread = 4;
// Rows of a part, at most: with 384 inputs each they fill a first-level cache.
constexpr int64_t kTaskRows = 128;
// Panels of a part, a multiple: kernels are at their best with so many.
constexpr int64_t kTaskPanels = 4;

// Larger int8 matrices (vocabularies) are packed in slices of about this size, so that the whole matrix and
// its packed copy are never in memory at once.
constexpr int64_t kInt8SliceBytes = 8 << 20;

// Coarse weights are made and packed in slices of about this size.
constexpr int64_t kCoarseSliceBytes = 4 << 20;

int64_t RoundUp(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

int64_t PartChannels(const FullyConnectedParams& params) {
  int64_t fit = params.out_channels;
  if (params.weight_dtype == DType::kF16) fit = kWidenBytes / (params.in_channels * 4);
  if (params.weight_dtype == DType::kI8) fit = kInt8SliceBytes / params.in_channels;
  if (params.coarse != nullptr) fit = kCoarseSliceBytes / params.in_channels;
  if (fit >= params.out_channels) return params.out_channels;
  return std::min(params.out_channels, std::max(fit / kMaxChannelTile * kMaxChannelTile, kMaxChannelTile));
}

int64_t NumParts(const FullyConnectedParams& params) {
  const int64_t part = PartChannels(params);
  return (params.out_channels + part - 1) / part;
}

bool IsQuantized(DType dtype) { return dtype == DType::kI8 || dtype == DType::kI4; }

Status FromXnnpack(xnn_status status, const char* what) {
  if (status == xnn_status_success) return Status::Ok();
  const StatusCode code =
      status == xnn_status_out_of_memory ? StatusCode::kOutOfMemory : StatusCode::kUnsupported;
  return Status::Error(code, "XNNPACK refused to %s (status %d)", what, static_cast<int>(status));
}

size_t PackedChannelBytes(const FullyConnectedParams& params) {
  const auto channels = static_cast<size_t>(RoundUp(params.in_channels, kMaxInputGroup));
  constexpr size_t kBiasSumAndScaleBytes = 12;
  if (params.coarse != nullptr) return channels / 2 + kBiasSumAndScaleBytes;
  switch (params.weight_dtype) {
    case DType::kI8:
      return channels + kBiasSumAndScaleBytes;
    case DType::kI4:
      return channels / 2 + channels / static_cast<size_t>(kI4BlockElems) * 2 + kBiasSumAndScaleBytes;
    default:
      return channels * 4 + kBiasSumAndScaleBytes;
  }
}

// Our own for these weights, if there is one.
kernels::DenseInt8Kernel OwnKernel(const FullyConnectedParams& params) {
  if (params.weight_dtype != DType::kI8) return {};
  return kernels::DenseInt8KernelOfCpu(params.coarse != nullptr ? 4 : 8);
}

size_t PackedBytesBound(const FullyConnectedParams& params) {
  // Parts are whole panels, but for the last, and each begins at a multiple of the alignment.
  if (const kernels::DenseInt8Kernel own = OwnKernel(params); own.multiply != nullptr) {
    return kernels::PackedDenseInt8Bytes(own.layout, params.out_channels, params.in_channels) +
           static_cast<size_t>(NumParts(params)) * kArenaAlignment;
  }
  const auto channels = static_cast<size_t>(RoundUp(params.out_channels, kMaxChannelTile));
  return AlignUp(channels * PackedChannelBytes(params));
}

// What XNNPACK reads to pack the weights of an operator.
struct Originals {
  const void* weights = nullptr;
  const void* scales = nullptr;
  const float* bias = nullptr;
};

// Bytes of the coarse weights of one part, before they are packed.
size_t CoarseBytes(const FullyConnectedParams& params, int64_t out_channels) {
  return AlignUp(static_cast<size_t>(out_channels * params.in_channels));
}

// Coarse weights of one part, a byte each, and their scales, made in the workspace.
Originals CoarseOriginals(const FullyConnectedParams& params, int64_t out_begin, int64_t out_channels,
                          std::span<std::byte> workspace) {
  const int64_t k = params.in_channels;
  auto* coarse = ElementsAt<int8_t>(workspace.data());
  auto* scales = ElementsAt<float>(workspace.data() + CoarseBytes(params, out_channels));
  const int8_t* values = ElementsAt<int8_t>(params.weights) + out_begin * k;
  CoarsenWeights(
      {.values = {values, out_channels, k, k}, .scales = ElementsAt<float>(params.scales) + out_begin},
      *params.coarse, coarse, scales);
  return {coarse, scales, nullptr};
}

// Two of them a byte, in their place, as XNNPACK wants them.
void PackNibbles(const FullyConnectedParams& params, int64_t out_channels, std::span<std::byte> workspace) {
  const auto bytes = static_cast<size_t>(out_channels * params.in_channels / 2);
  const auto* coarse = ElementsAt<int8_t>(workspace.data());
  const auto nibble = [coarse](size_t i) { return static_cast<uint32_t>(coarse[i] + kInt4ZeroPoint); };
  for (size_t i = 0; i < bytes; ++i)
    workspace[i] = static_cast<std::byte>(nibble(2 * i) | nibble(2 * i + 1) << 4);
}

// The originals of one part; f16 weights are widened into the workspace.
Originals OriginalsOf(const FullyConnectedParams& params, size_t out_begin, size_t out_channels,
                      std::span<std::byte> workspace) {
  if (params.coarse != nullptr) {
    return CoarseOriginals(params, static_cast<int64_t>(out_begin), static_cast<int64_t>(out_channels),
                           workspace);
  }
  const auto k = static_cast<size_t>(params.in_channels);
  Originals originals = {params.weights, params.scales,
                         params.bias == nullptr ? nullptr : params.bias + out_begin};
  if (params.weight_dtype == DType::kI8) {
    originals.weights = params.weights + out_begin * k;
    originals.scales = params.scales + out_begin * sizeof(float);
  }
  if (params.weight_dtype != DType::kF16) return originals;
  float* widened = ElementsAt<float>(workspace.data());
  const Float16* weights = ElementsAt<Float16>(params.weights) + out_begin * k;
  std::transform(weights, weights + out_channels * k, widened,
                 [](Float16 weight) { return ToFloat(weight); });
  originals.weights = widened;
  return originals;
}

size_t ScalesBytes(const FullyConnectedParams& params) {
  if (params.weight_dtype == DType::kI8) return static_cast<size_t>(params.out_channels) * sizeof(float);
  if (params.weight_dtype != DType::kI4) return 0;
  return static_cast<size_t>(params.out_channels * (params.in_channels / kI4BlockElems)) * sizeof(uint16_t);
}

// Stands for the originals where their packed form is there: of all of them XNNPACK looks at the scales
// alone, whether they are positive numbers. The real ones would bring pages of the model file into memory.
Originals StandIn(const FullyConnectedParams& params, std::span<std::byte> workspace) {
  constexpr uint16_t kBFloat16One = 0x3F80;
  const auto scales = workspace.first(ScalesBytes(params));
  if (params.weight_dtype == DType::kI8) {
    std::fill_n(ElementsAt<float>(scales.data()), scales.size() / sizeof(float), 1.0f);
  } else {
    std::fill_n(ElementsAt<uint16_t>(scales.data()), scales.size() / sizeof(uint16_t), kBFloat16One);
  }
  return {workspace.data(), scales.data(), nullptr};
}

PackedMatrixKey KeyOf(const FullyConnectedParams& params, const PackedWeights& packed, int64_t out_begin,
                      int64_t out_channels) {
  return {.weights = packed.PlaceOf(params.weights),
          .bias = params.bias == nullptr ? PackedMatrixKey::kNoBias : packed.PlaceOf(params.bias),
          .out_begin = static_cast<uint32_t>(out_begin),
          .out_channels = static_cast<uint32_t>(out_channels),
          .in_channels = static_cast<uint32_t>(params.in_channels),
          .form = params.coarse != nullptr ? 1u : 0u};
}

xnn_status CreateOperator(const FullyConnectedParams& params, size_t out_channels, const Originals& originals,
                          Packing& packing, xnn_operator** op) {
  const PackingScope scope(packing);
  const auto k = static_cast<size_t>(params.in_channels);
  const auto out_stride = static_cast<size_t>(params.out_stride);
  if (params.coarse != nullptr) {
    return xnn_create_fully_connected_nc_qd8_f32_qc4w(
        k, out_channels, k, out_stride, kInt4ZeroPoint, static_cast<const float*>(originals.scales),
        originals.weights, originals.bias, -kUnbounded, kUnbounded, 0, nullptr, WeightsProvider(), op);
  }
  switch (params.weight_dtype) {
    case DType::kF32:
    case DType::kF16:
      return xnn_create_fully_connected_nc_f32(k, out_channels, static_cast<size_t>(params.in_stride),
                                               out_stride, static_cast<const float*>(originals.weights),
                                               originals.bias, -kUnbounded, kUnbounded, 0, nullptr,
                                               WeightsProvider(), op);
    case DType::kI8:
      return xnn_create_fully_connected_nc_qd8_f32_qc8w(
          k, out_channels, k, out_stride, static_cast<const float*>(originals.scales),
          static_cast<const int8_t*>(originals.weights), originals.bias, -kUnbounded, kUnbounded, 0, nullptr,
          WeightsProvider(), op);
    case DType::kI4:
      return xnn_create_fully_connected_nc_qd8_f32_qb4w(
          k, out_channels, k, out_stride, kI4BlockElems, kInt4ZeroPoint,
          static_cast<const uint16_t*>(originals.scales), originals.weights, originals.bias, -kUnbounded,
          kUnbounded, 0, nullptr, WeightsProvider(), op);
    case DType::kI32:
      break;
  }
  return xnn_status_unsupported_parameter;
}

// How operators of a kind are run.
struct QuantizedOperator {
  xnn_status (*reshape)(xnn_operator* op, size_t rows, pthreadpool* pool);
  xnn_status (*setup)(xnn_operator* op, const int8_t* in, float* out,
                      const xnn_quantization_params* parameters);
};

QuantizedOperator KindOf(const FullyConnectedParams& params) {
  if (params.coarse != nullptr)
    return {xnn_reshape_fully_connected_nc_qd8_f32_qc4w, xnn_setup_fully_connected_nc_qd8_f32_qc4w};
  if (params.weight_dtype == DType::kI8)
    return {xnn_reshape_fully_connected_nc_qd8_f32_qc8w, xnn_setup_fully_connected_nc_qd8_f32_qc8w};
  return {xnn_reshape_fully_connected_nc_qd8_f32_qb4w, xnn_setup_fully_connected_nc_qd8_f32_qb4w};
}

Status CheckPackedSize(size_t stored_bytes, size_t needed_bytes) {
  if (needed_bytes != 0 && stored_bytes == needed_bytes) return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel, "its packed weights have %zu bytes where %zu are needed",
                       stored_bytes, needed_bytes);
}

}  // namespace

struct FullyConnected::PartSetup {
  Arena& persistent;
  std::span<std::byte> workspace;
  PackedWeights* packed;
};

// Rows of `in` as int8, with a scale and zero point each.
struct FullyConnected::Quantized {
  int8_t* rows;                         // [M, K]
  xnn_quantization_params* parameters;  // [M]
};

FullyConnectedMemory FullyConnected::Measure(const FullyConnectedParams& params,
                                             const PackedWeights& packed) {
  const auto parts = static_cast<size_t>(NumParts(params));
  FullyConnectedMemory memory = {
      .own_bytes = AlignUp(parts * sizeof(Part)) + (parts + 1) * (kOperatorBytes + kArenaAlignment),
      .setup_bytes = SetupBytes(params)};
  const PackedMatrixKey first = KeyOf(params, packed, 0, PartChannels(params));
  if (packed.IsInFile(first)) return memory;
  memory.packed_bytes = PackedBytesBound(params) + parts * PackedWeights::kListBytes;
  memory.packed_id = Xxh64Of(std::as_bytes(std::span(&first, 1)));
  return memory;
}

size_t FullyConnected::PersistentBytesBound(const FullyConnectedParams& params) {
  const FullyConnectedMemory memory = Measure(params, {});
  return memory.own_bytes + memory.packed_bytes;
}

size_t FullyConnected::SetupBytes(const FullyConnectedParams& params) {
  const int64_t part = PartChannels(params);
  if (params.weight_dtype == DType::kF16) return AlignUp(static_cast<size_t>(part * params.in_channels) * 4);
  const size_t stand_in_bytes = AlignUp(ScalesBytes(params));
  if (params.coarse == nullptr) return stand_in_bytes;
  const size_t made_bytes = CoarseBytes(params, part) + AlignUp(static_cast<size_t>(part) * sizeof(float));
  return std::max(stand_in_bytes, made_bytes);
}

size_t FullyConnected::WorkspaceBytes(const FullyConnectedParams& params) {
  if (!IsQuantized(params.weight_dtype)) return 0;
  const auto rows = static_cast<size_t>(params.max_rows);
  return AlignUp(rows * static_cast<size_t>(params.in_channels) + XNN_EXTRA_BYTES) +
         AlignUp((rows + kExtraParameters) * sizeof(xnn_quantization_params));
}

FullyConnected::Quantized FullyConnected::QuantizedIn(std::span<std::byte> workspace) const {
  const size_t rows_bytes =
      AlignUp(static_cast<size_t>(params_.max_rows * params_.in_channels) + XNN_EXTRA_BYTES);
  return {ElementsAt<int8_t>(workspace.data()),
          ElementsAt<xnn_quantization_params>(workspace.data() + rows_bytes)};
}

FullyConnected::~FullyConnected() {
  for (const Part& part : parts_) xnn_delete_operator(part.op);
  if (quantize_ != nullptr) xnn_delete_operator(quantize_);
}

Status FullyConnected::Create(const FullyConnectedParams& params, Arena& persistent,
                              std::span<std::byte> workspace, PackedWeights* packed) {
  params_ = params;
  int8_kernel_ = OwnKernel(params);
  const XnnpackArenaScope scope(persistent);
  const auto num_parts = static_cast<size_t>(NumParts(params));
  Part* parts = persistent.AllocateArray<Part>(num_parts);
  if (parts == nullptr) return Status::Error(StatusCode::kOutOfMemory, "the persistent arena is full");
  if (IsQuantized(params.weight_dtype)) {
    EARSHOT_RETURN_IF_ERROR(FromXnnpack(xnn_create_convert_nc_f32_qd8(0, &quantize_), "create a quantizer"));
  }
  const int64_t part_channels = PartChannels(params);
  for (size_t i = 0; i < num_parts; ++i) {
    const int64_t begin = static_cast<int64_t>(i) * part_channels;
    Part* part = new (&parts[i])
        Part{.out_begin = begin, .out_channels = std::min(part_channels, params.out_channels - begin)};
    EARSHOT_RETURN_IF_ERROR(
        CreatePart({.persistent = persistent, .workspace = workspace, .packed = packed}, *part));
    parts_ = {parts, i + 1};  // what the destructor deletes
    ReleaseOriginals(begin, part->out_channels);
  }
  return Status::Ok();
}

void FullyConnected::ReleaseOriginals(int64_t out_begin, int64_t out_channels) const {
  const auto bytes_of = [this](int64_t channels) {
    const size_t elems = static_cast<size_t>(channels * params_.in_channels);
    return static_cast<size_t>(DTypeBytes(params_.weight_dtype, elems));
  };
  params_.weights_file.Release({params_.weights + bytes_of(out_begin), bytes_of(out_channels)});
}

Status FullyConnected::CreatePart(const PartSetup& setup, Part& part) const {
  if (setup.packed == nullptr) {
    std::span<const std::byte> packed;
    return PackPart(setup, part, packed);
  }
  const PackedMatrixKey key = KeyOf(params_, *setup.packed, part.out_begin, part.out_channels);
  if (const auto stored = setup.packed->Find(key); !stored.empty())
    return CreateFromStored(setup, stored, part);
  std::span<const std::byte> packed;
  EARSHOT_RETURN_IF_ERROR(PackPart(setup, part, packed));
  return setup.packed->Add(key, packed, setup.persistent);
}

Status FullyConnected::PackPart(const PartSetup& setup, Part& part,
                                std::span<const std::byte>& packed) const {
  const auto channels = static_cast<size_t>(part.out_channels);
  const Originals originals =
      OriginalsOf(params_, static_cast<size_t>(part.out_begin), channels, setup.workspace);
  if (int8_kernel_.multiply == nullptr) {
    if (params_.coarse != nullptr) PackNibbles(params_, part.out_channels, setup.workspace);
    Packing packing = {.arena = &setup.persistent};
    EARSHOT_RETURN_IF_ERROR(
        FromXnnpack(CreateOperator(params_, channels, originals, packing, &part.op), "create a dense layer"));
    packed = packing.packed;
    return Status::Ok();
  }
  const size_t bytes =
      kernels::PackedDenseInt8Bytes(int8_kernel_.layout, part.out_channels, params_.in_channels);
  auto* panels = static_cast<std::byte*>(setup.persistent.Allocate(bytes));
  if (panels == nullptr) return Status::Error(StatusCode::kOutOfMemory, "the persistent arena is full");
  kernels::PackDenseInt8(int8_kernel_.layout,
                         {.weights = {static_cast<const int8_t*>(originals.weights), part.out_channels,
                                      params_.in_channels, params_.in_channels},
                          .scales = static_cast<const float*>(originals.scales),
                          .bias = originals.bias},
                         panels);
  part.panels = panels;
  packed = {panels, bytes};
  return Status::Ok();
}

Status FullyConnected::CreateFromStored(const PartSetup& setup, std::span<const std::byte> stored,
                                        Part& part) const {
  if (int8_kernel_.multiply != nullptr) {
    part.panels = stored.data();
    return CheckPackedSize(stored.size(), kernels::PackedDenseInt8Bytes(
                                              int8_kernel_.layout, part.out_channels, params_.in_channels));
  }
  const auto channels = static_cast<size_t>(part.out_channels);
  const Originals stand_in = StandIn(params_, setup.workspace);
  // Kernels believe in the size that they would have packed: a creation that must fail tells it.
  Packing measured;
  {
    alignas(kArenaAlignment) std::byte scratch[kOperatorBytes + kArenaAlignment];
    Arena arena(scratch);
    const XnnpackArenaScope scope(arena);
    xnn_operator* none = nullptr;
    CreateOperator(params_, channels, stand_in, measured, &none);
  }
  EARSHOT_RETURN_IF_ERROR(CheckPackedSize(stored.size(), measured.packed.size()));
  Packing packing = {.stored = stored.data()};
  return FromXnnpack(CreateOperator(params_, channels, stand_in, packing, &part.op), "create a dense layer");
}

Status FullyConnected::Run(Matrix<const float> in, Matrix<float> out, std::span<std::byte> workspace,
                           const ThreadPool& pool) {
  if (in.rows == 0) return Status::Ok();
  const ThreadPool workers = pool.For(in.rows * in.cols * out.cols);
  if (!IsQuantized(params_.weight_dtype)) return RunParts(in.data, in.rows, out, workers);
  const Quantized quantized = QuantizedIn(workspace);
  EARSHOT_RETURN_IF_ERROR(QuantizeRows(in, quantized, workers));
  if (int8_kernel_.multiply != nullptr) {
    RunPanels(quantized, out, workers);
    return Status::Ok();
  }
  return RunQuantized(quantized, in.rows, out, workers);
}

Status FullyConnected::RunParts(const float* in, int64_t rows, Matrix<float> out, const ThreadPool& pool) {
  for (const Part& part : parts_) {
    xnn_status status = xnn_reshape_fully_connected_nc_f32(part.op, static_cast<size_t>(rows), pool.native());
    if (status == xnn_status_success)
      status = xnn_setup_fully_connected_nc_f32(part.op, in, out.data + part.out_begin);
    if (status == xnn_status_success) status = xnn_run_operator(part.op, pool.native());
    EARSHOT_RETURN_IF_ERROR(FromXnnpack(status, "run a dense layer"));
  }
  return Status::Ok();
}

Status FullyConnected::QuantizeRows(Matrix<const float> in, const Quantized& quantized,
                                    const ThreadPool& pool) {
  const auto k = static_cast<size_t>(in.cols);
  xnn_status status = xnn_reshape_convert_nc_f32_qd8(quantize_, static_cast<size_t>(in.rows), k,
                                                     static_cast<size_t>(in.stride), k, pool.native());
  if (status == xnn_status_success)
    status = xnn_setup_convert_nc_f32_qd8(quantize_, in.data, quantized.rows, quantized.parameters);
  if (status == xnn_status_success) status = xnn_run_operator(quantize_, pool.native());
  if (status != xnn_status_success) return FromXnnpack(status, "quantize activations");
  std::fill_n(quantized.parameters + in.rows, kExtraParameters, quantized.parameters[in.rows - 1]);
  return Status::Ok();
}

Status FullyConnected::RunQuantized(const Quantized& quantized, int64_t rows, Matrix<float> out,
                                    const ThreadPool& pool) {
  const auto m = static_cast<size_t>(rows);
  const QuantizedOperator kind = KindOf(params_);
  for (const Part& part : parts_) {
    xnn_status status = kind.reshape(part.op, m, pool.native());
    if (status == xnn_status_success)
      status = kind.setup(part.op, quantized.rows, out.data + part.out_begin, quantized.parameters);
    if (status == xnn_status_success) status = xnn_run_operator(part.op, pool.native());
    EARSHOT_RETURN_IF_ERROR(FromXnnpack(status, "run a dense layer"));
  }
  return Status::Ok();
}

// Threads share out blocks of rows, and panels of weights for each of these.
void FullyConnected::RunPanels(const Quantized& quantized, Matrix<float> out, const ThreadPool& pool) const {
  static_assert(sizeof(kernels::RowQuantization) == sizeof(xnn_quantization_params) &&
                offsetof(kernels::RowQuantization, scale) == offsetof(xnn_quantization_params, scale));
  const auto* quantization =
      static_cast<const kernels::RowQuantization*>(static_cast<const void*>(quantized.parameters));
  const int64_t k = params_.in_channels, outputs = int8_kernel_.layout.panel * kTaskPanels;
  const size_t panel_bytes = kernels::DenseInt8PanelBytes(int8_kernel_.layout, k);
  const int64_t row_blocks = (out.rows + kTaskRows - 1) / kTaskRows;
  const int64_t wanted_tasks = static_cast<int64_t>(pool.num_threads()) * kTasksPerThread;
  for (const Part& part : parts_) {
    const int64_t groups = (part.out_channels + outputs - 1) / outputs;
    const int64_t column_blocks = std::min(groups, (wanted_tasks + row_blocks - 1) / row_blocks);
    pool.ParallelFor(static_cast<size_t>(row_blocks * column_blocks), [&](size_t task, size_t) {
      const int64_t row = static_cast<int64_t>(task) / column_blocks * kTaskRows;
      const int64_t block = static_cast<int64_t>(task) % column_blocks;
      const int64_t rows = std::min(kTaskRows, out.rows - row);
      const int64_t first = groups * block / column_blocks;
      const int64_t begin = first * outputs;
      const int64_t end = std::min(groups * (block + 1) / column_blocks * outputs, part.out_channels);
      int8_kernel_.multiply({.layout = int8_kernel_.layout,
                             .in = {quantized.rows + row * k, rows, k, k},
                             .quantization = quantization + row,
                             .panels = part.panels + static_cast<size_t>(first * kTaskPanels) * panel_bytes,
                             .out = out.Rows(row, rows).Columns(part.out_begin + begin, end - begin)});
    });
  }
}

}  // namespace earshot
