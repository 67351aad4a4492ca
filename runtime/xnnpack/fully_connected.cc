// FullyConnected over XNNPACK's operator API: create packs (start-up), reshape + setup + run compute.
#include "runtime/xnnpack/fully_connected.h"

#include <xnnpack.h>

#include <algorithm>
#include <limits>
#include <new>

#include "runtime/core/float16.h"
#include "runtime/core/typed_bytes.h"

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

int64_t RoundUp(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

int64_t PartChannels(const FullyConnectedParams& params) {
  if (params.weight_dtype != DType::kF16) return params.out_channels;
  const int64_t fit = kWidenBytes / (params.in_channels * 4) / kMaxChannelTile * kMaxChannelTile;
  return std::min(params.out_channels, std::max(fit, kMaxChannelTile));
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
  switch (params.weight_dtype) {
    case DType::kI8:
      return channels + kBiasSumAndScaleBytes;
    case DType::kI4:
      return channels / 2 + channels / static_cast<size_t>(kI4BlockElems) * 2 + kBiasSumAndScaleBytes;
    default:
      return channels * 4 + kBiasSumAndScaleBytes;
  }
}

}  // namespace

// Rows of `in` as int8, with a scale and zero point each.
struct FullyConnected::Quantized {
  int8_t* rows;                         // [M, K]
  xnn_quantization_params* parameters;  // [M]
};

size_t FullyConnected::PersistentBytesBound(const FullyConnectedParams& params) {
  const auto channels = static_cast<size_t>(RoundUp(params.out_channels, kMaxChannelTile));
  const auto parts = static_cast<size_t>(NumParts(params));
  return AlignUp(parts * sizeof(Part)) + AlignUp(channels * PackedChannelBytes(params)) +
         (parts + 1) * (kOperatorBytes + kArenaAlignment);
}

size_t FullyConnected::WorkspaceBytes(const FullyConnectedParams& params) {
  if (params.weight_dtype == DType::kF16)
    return AlignUp(static_cast<size_t>(PartChannels(params) * params.in_channels) * 4);
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
                              std::span<std::byte> workspace) {
  params_ = params;
  const auto num_parts = static_cast<size_t>(NumParts(params));
  Part* parts = persistent.AllocateArray<Part>(num_parts);
  if (parts == nullptr) return Status::Error(StatusCode::kOutOfMemory, "the persistent arena is full");
  if (IsQuantized(params.weight_dtype)) {
    EARSHOT_RETURN_IF_ERROR(FromXnnpack(xnn_create_convert_nc_f32_qd8(0, &quantize_), "create a quantizer"));
  }
  const int64_t part_channels = PartChannels(params);
  for (size_t i = 0; i < num_parts; ++i) {
    const int64_t begin = static_cast<int64_t>(i) * part_channels;
    Part* part = new (&parts[i]) Part{nullptr, begin};
    EARSHOT_RETURN_IF_ERROR(
        CreatePart(begin, std::min(part_channels, params.out_channels - begin), workspace, &part->op));
    parts_ = {parts, i + 1};  // what the destructor deletes
  }
  return Status::Ok();
}

Status FullyConnected::CreatePart(int64_t out_begin, int64_t out_channels, std::span<std::byte> workspace,
                                  xnn_operator** op) const {
  const auto k = static_cast<size_t>(params_.in_channels), n = static_cast<size_t>(out_channels);
  const auto in_stride =
      static_cast<size_t>(IsQuantized(params_.weight_dtype) ? params_.in_channels : params_.in_stride);
  const auto out_stride = static_cast<size_t>(params_.out_stride);
  const auto first = static_cast<size_t>(out_begin);
  const float* bias = params_.bias == nullptr ? nullptr : params_.bias + first;
  xnn_status status = xnn_status_unsupported_parameter;
  switch (params_.weight_dtype) {
    case DType::kF32:
      status = xnn_create_fully_connected_nc_f32(k, n, in_stride, out_stride,
                                                 ElementsAt<float>(params_.weights) + first * k, bias,
                                                 -kUnbounded, kUnbounded, 0, nullptr, nullptr, op);
      break;
    case DType::kF16: {
      float* widened = ElementsAt<float>(workspace.data());
      const Float16* weights = ElementsAt<Float16>(params_.weights) + first * k;
      std::transform(weights, weights + n * k, widened, [](Float16 weight) { return ToFloat(weight); });
      status = xnn_create_fully_connected_nc_f32(k, n, in_stride, out_stride, widened, bias, -kUnbounded,
                                                 kUnbounded, 0, nullptr, nullptr, op);
      break;
    }
    case DType::kI8:
      status = xnn_create_fully_connected_nc_qd8_f32_qc8w(
          k, n, in_stride, out_stride, ElementsAt<float>(params_.scales) + first,
          ElementsAt<int8_t>(params_.weights) + first * k, bias, -kUnbounded, kUnbounded, 0, nullptr, nullptr,
          op);
      break;
    case DType::kI4:
      status = xnn_create_fully_connected_nc_qd8_f32_qb4w(
          k, n, in_stride, out_stride, kI4BlockElems, kInt4ZeroPoint, ElementsAt<uint16_t>(params_.scales),
          params_.weights, bias, -kUnbounded, kUnbounded, 0, nullptr, nullptr, op);
      break;
    case DType::kI32:
      break;
  }
  return FromXnnpack(status, "create a dense layer");
}

Status FullyConnected::Run(Matrix<const float> in, Matrix<float> out, std::span<std::byte> workspace,
                           const ThreadPool& pool) {
  if (in.rows == 0) return Status::Ok();
  if (!IsQuantized(params_.weight_dtype)) return RunParts(in.data, in.rows, out, pool);
  const Quantized quantized = QuantizedIn(workspace);
  EARSHOT_RETURN_IF_ERROR(QuantizeRows(in, quantized, pool));
  return RunQuantized(quantized, in.rows, out, pool);
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
  xnn_operator* op = parts_[0].op;
  const auto m = static_cast<size_t>(rows);
  const bool int8 = params_.weight_dtype == DType::kI8;
  xnn_status status = int8 ? xnn_reshape_fully_connected_nc_qd8_f32_qc8w(op, m, pool.native())
                           : xnn_reshape_fully_connected_nc_qd8_f32_qb4w(op, m, pool.native());
  if (status == xnn_status_success) {
    status =
        int8 ? xnn_setup_fully_connected_nc_qd8_f32_qc8w(op, quantized.rows, out.data, quantized.parameters)
             : xnn_setup_fully_connected_nc_qd8_f32_qb4w(op, quantized.rows, out.data, quantized.parameters);
  }
  if (status == xnn_status_success) status = xnn_run_operator(op, pool.native());
  return FromXnnpack(status, "run a dense layer");
}

}  // namespace earshot
