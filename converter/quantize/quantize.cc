// The policy: what a tensor is used for decides its type.
#include "converter/quantize/quantize.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <span>
#include <thread>
#include <utility>

#include "converter/quantize/calibrated_int4.h"
#include "converter/quantize/name_patterns.h"
#include "converter/quantize/narrow_states.h"

namespace earshot::quantize {
namespace {

enum class Role : uint8_t { kUnused, kMatrix, kVocabulary, kConvolution, kOther };

Role RoleOfOperand(const ir::Op& op, size_t operand, int64_t cols) {
  if (std::holds_alternative<ir::FeedForward>(op.attributes) && (operand == 1 || operand == 3))
    return Role::kMatrix;
  if (operand != 1) return Role::kOther;
  if (std::holds_alternative<ir::Linear>(op.attributes)) return Role::kMatrix;
  if (std::holds_alternative<ir::Embedding>(op.attributes)) return Role::kVocabulary;
  // Weights of convolutions by channels are few, and read by plain loops: they stay f32, as do those of other
  // ops.
  if (const auto* conv = std::get_if<ir::Conv1d>(&op.attributes))
    return conv->groups > 1 && cols == conv->kernel ? Role::kOther : Role::kConvolution;
  if (const auto* conv = std::get_if<ir::Conv2d>(&op.attributes)) {
    const bool is_channelwise = conv->groups > 1 && cols == int64_t{conv->kernel_rows} * conv->kernel_cols;
    return is_channelwise ? Role::kOther : Role::kConvolution;
  }
  return Role::kOther;
}

Role Combine(Role a, Role b) {
  if (a == Role::kUnused || a == b) return b;
  const bool is_tied_table =
      (a == Role::kMatrix && b == Role::kVocabulary) || (a == Role::kVocabulary && b == Role::kMatrix);
  return is_tied_table ? Role::kVocabulary : Role::kOther;
}

std::vector<Role> FindRoles(const ir::Graph& graph) {
  std::vector<Role> roles(graph.tensors.size(), Role::kUnused);
  for (const ir::Method& method : graph.methods) {
    for (const ir::Op& op : method.ops) {
      for (size_t operand = 0; operand < op.inputs.size(); ++operand) {
        const ir::Value& value = method.values[static_cast<size_t>(op.inputs[operand])];
        const bool is_view = value.kind == ir::ValueKind::kView;
        const ir::Value& base = is_view ? method.values[static_cast<size_t>(value.base)] : value;
        if (base.kind != ir::ValueKind::kConstant) continue;
        Role& role = roles[static_cast<size_t>(base.tensor)];
        role = Combine(
            role, is_view ? Role::kOther
                          : RoleOfOperand(op, operand, graph.tensors[static_cast<size_t>(base.tensor)].cols));
      }
    }
  }
  return roles;
}

struct Choice {
  DType dtype = DType::kF32;
  const char* note = "";
};

bool HasIntegerWeights(const Options& options) {
  return options.weights == DType::kI8 || options.weights == DType::kI4;
}

DType WantedType(const ir::Tensor& tensor, Role role, const Options& options) {
  if (tensor.rows == 1) return DType::kF32;
  const DType default_vocabulary = options.weights == DType::kI4 ? DType::kI8 : options.weights;
  switch (role) {
    case Role::kMatrix:
      return options.weights;
    case Role::kVocabulary:
      return options.vocabulary.value_or(default_vocabulary);
    case Role::kConvolution:
      return options.weights == DType::kF32 ? DType::kF32 : DType::kF16;
    case Role::kUnused:
    case Role::kOther:
      return DType::kF32;
  }
  return DType::kF32;
}

// Shell patterns of tensor names.
struct Exceptions {
  std::vector<std::string> from_int4;
  std::span<const std::string> int8_convolutions;
};

Choice ChooseType(const ir::Tensor& tensor, Role role, const Options& options, const Exceptions& exceptions) {
  if (role == Role::kConvolution && HasIntegerWeights(options) &&
      MatchesAny(tensor.name, exceptions.int8_convolutions))
    return {DType::kI8, ""};
  const DType wanted = WantedType(tensor, role, options);
  if (wanted == DType::kI4 && MatchesAny(tensor.name, exceptions.from_int4))
    return {DType::kI8, "4 bits cost accuracy here"};
  if (wanted == DType::kI4 && tensor.cols % kI4BlockElems != 0) {
    return {DType::kI8, "columns are no multiple of 32"};
  }
  constexpr float kLargestF16 = 65504.0f;
  const auto fits = [](float value) { return std::abs(value) <= kLargestF16; };
  if (wanted == DType::kF16 && !std::ranges::all_of(tensor.values, fits)) {
    return {DType::kF32, "too large for f16"};
  }
  return {wanted, ""};
}

// A pattern without effect is a mistake that would show as lost accuracy only.
Status CheckKeepInt8(const ir::Graph& graph, std::span<const Role> roles, const Options& options) {
  for (const std::string& pattern : options.keep_int8) {
    bool has_effect = false;
    for (size_t i = 0; i < graph.tensors.size() && !has_effect; ++i) {
      has_effect = WantedType(graph.tensors[i], roles[i], options) == DType::kI4 &&
                   MatchesAny(graph.tensors[i].name, {&pattern, 1});
    }
    if (has_effect) continue;
    return Status::Error(
        StatusCode::kInvalidArgument,
        "no matrix that is to become int4 has a name like \"%s\"; the report lists the names",
        pattern.c_str());
  }
  return Status::Ok();
}

Status CheckFinite(const ir::Tensor& tensor) {
  const auto bad = std::ranges::find_if_not(tensor.values, [](float value) { return std::isfinite(value); });
  if (bad == tensor.values.end()) return Status::Ok();
  const int64_t index = bad - tensor.values.begin();
  return Status::Error(
      StatusCode::kInvalidModel,
      "tensor \"%s\" holds a number that is not finite at row %lld, column %lld: the checkpoint is damaged",
      tensor.name.c_str(), static_cast<long long>(index / tensor.cols),
      static_cast<long long>(index % tensor.cols));
}

// Null where the tensor is not to be calibrated.
InputMoments* FindMoments(const ir::Tensor& tensor, DType dtype, MomentsByTensor* all) {
  if (all == nullptr || dtype != DType::kI4) return nullptr;
  const auto found = all->find(tensor.name);
  return found == all->end() || found->second.count() == 0 ? nullptr : &found->second;
}

TensorReport QuantizeTensor(ir::Tensor& tensor, const Choice& choice, InputMoments* moments) {
  const std::vector<float> original = tensor.values;
  if (moments != nullptr) {
    EncodeInt4Calibrated(tensor, FactorOfInverse(moments->Products(ThreadPool()), tensor.cols));
  } else {
    EncodeTensor(tensor, choice.dtype);
  }
  TensorReport report;
  report.name = tensor.name;
  report.rows = tensor.rows;
  report.cols = tensor.cols;
  report.dtype = choice.dtype;
  report.bytes = tensor.data.size() + tensor.scales.size();
  report.error = MeasureError(original, DecodeTensor(tensor));
  report.note = moments == nullptr ? choice.note : "calibrated";
  return report;
}

// Calls task(i) for every i in [0, count) on several threads.
template <class Task>
void RunInParallel(size_t count, unsigned num_threads, const Task& task) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < count; i = next++) task(i);
  };
  std::vector<std::jthread> workers;
  for (unsigned i = 1; i < num_threads && i < count; ++i) workers.emplace_back(work);
  work();
}

void UpdateValueTypes(ir::Graph& graph) {
  for (ir::Method& method : graph.methods) {
    for (ir::Value& value : method.values) {
      if (value.kind == ir::ValueKind::kConstant) {
        value.dtype = graph.tensors[static_cast<size_t>(value.tensor)].dtype;
      }
    }
    for (ir::Value& value : method.values) {
      if (value.kind == ir::ValueKind::kView) {
        value.dtype = method.values[static_cast<size_t>(value.base)].dtype;
      }
    }
  }
}

void ChooseArithmetic(ir::Graph& graph, const Options& options) {
  const DType wanted = options.attention.value_or(HasIntegerWeights(options) ? DType::kI8 : DType::kF32);
  for (ir::Method& method : graph.methods) {
    for (ir::Op& op : method.ops) {
      auto* attention = std::get_if<ir::Attention>(&op.attributes);
      if (attention == nullptr) continue;
      const bool is_int8 = wanted == DType::kI8 && MatchesAny(op.name, graph.encoder_attention);
      attention->arithmetic = is_int8 ? ir::AttentionArithmetic::kInt8 : ir::AttentionArithmetic::kF32;
    }
  }
}

}  // namespace

Result<std::vector<TensorReport>> Quantize(ir::Graph& graph, const Options& options) {
  const std::vector<Role> roles = FindRoles(graph);
  EARSHOT_RETURN_IF_ERROR(CheckKeepInt8(graph, roles, options));
  Exceptions exceptions = {graph.int4_exceptions, graph.int8_convolutions};
  exceptions.from_int4.insert(exceptions.from_int4.end(), options.keep_int8.begin(), options.keep_int8.end());
  std::vector<Choice> choices;
  for (size_t i = 0; i < graph.tensors.size(); ++i) {
    EARSHOT_RETURN_IF_ERROR(CheckFinite(graph.tensors[i]));
    choices.push_back(ChooseType(graph.tensors[i], roles[i], options, exceptions));
  }
  std::vector<TensorReport> reports(graph.tensors.size());
  const unsigned num_threads =
      options.num_threads != 0 ? options.num_threads : std::max(1u, std::thread::hardware_concurrency());
  RunInParallel(graph.tensors.size(), num_threads, [&](size_t i) {
    ir::Tensor& tensor = graph.tensors[i];
    reports[i] =
        QuantizeTensor(tensor, choices[i], FindMoments(tensor, choices[i].dtype, options.input_moments));
  });
  UpdateValueTypes(graph);
  ChooseArithmetic(graph, options);
  if (HasIntegerWeights(options)) KeepStatesInInt8(graph, graph.int8_states);
  if (options.weights != DType::kF32) KeepStatesInF16(graph, graph.f16_states);
  return reports;
}

}  // namespace earshot::quantize
