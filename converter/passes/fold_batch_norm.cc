// Fold batch norm: a factor and a summand for each channel vanish into the weights of the layer before
// (backward) or after (forward), exactly.
//
//   backward  W' = s W by output channel, b' = s b + t. The layer's result may have no other reader, and no
//   activation
//             function may stand between.
//   forward   W' = s W by input channel, b' = b + W t. The norm's result may have no other reader, and the
//   layer may see
//             nothing else: where a convolution pads with zeros, those are zeros after the norm, not before
//             it.
//
// What neither fits stays a ScaleShift, which is exact too. Each norm and what became of it goes into the
// graph's report.
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "converter/ir/graph_builder.h"
#include "converter/passes/pass.h"
#include "converter/passes/uses.h"

namespace earshot::passes {
namespace {

// Factor and summand of each channel.
struct Affine {
  std::vector<float> scale;
  std::vector<float> shift;
};

// The layers that a norm can vanish into.
struct LayerShape {
  int64_t channels = 0;       // of what the norm touches
  int64_t group_inputs = 0;   // input channels that an output channel reads
  int64_t group_outputs = 0;  // output channels of a group
  bool has_activation = false;
  bool has_padding = false;  // windows may leave the input
};

bool IsLayer(const ir::Op& op) {
  return std::holds_alternative<ir::Linear>(op.attributes) ||
         std::holds_alternative<ir::Conv1d>(op.attributes) ||
         std::holds_alternative<ir::Conv2d>(op.attributes);
}

LayerShape ShapeOf(const ir::Graph& graph, const ir::Method& method, const ir::Op& op) {
  const ir::Tensor& weight = graph.tensors[static_cast<size_t>(OperandTensor(method, op, 1))];
  LayerShape shape;
  int64_t groups = 1, taps = 1;
  if (const auto* linear = std::get_if<ir::Linear>(&op.attributes)) {
    shape.has_activation = linear->activation != ir::Activation::kNone;
  } else if (const auto* conv = std::get_if<ir::Conv1d>(&op.attributes)) {
    shape.has_activation = conv->activation != ir::Activation::kNone;
    shape.has_padding = conv->padding > 0 || conv->padding_end > 0;
    groups = conv->groups;
    taps = conv->kernel;
  } else if (const auto* image = std::get_if<ir::Conv2d>(&op.attributes)) {
    shape.has_activation = image->activation != fb::Activation::None;
    shape.has_padding = image->padding_rows > 0 || image->padding_cols > 0 || image->transposed;
    groups = image->groups;
    taps = int64_t{image->kernel_rows} * image->kernel_cols;
  }
  shape.group_inputs = weight.cols / taps;
  shape.group_outputs = weight.rows / groups;
  shape.channels = shape.group_inputs * groups;
  return shape;
}

// The first `channels` of factors that repeat for every position of an image; nothing if they do not.
std::optional<Affine> PerChannel(const ir::Graph& graph, const ir::Method& method, const ir::Op& norm,
                                 int64_t channels) {
  const int scale = OperandTensor(method, norm, 1), shift = OperandTensor(method, norm, 2);
  if (scale == ir::kNone || shift == ir::kNone) return std::nullopt;
  Affine affine = {graph.tensors[static_cast<size_t>(scale)].values,
                   graph.tensors[static_cast<size_t>(shift)].values};
  const size_t period = static_cast<size_t>(channels);
  if (period == 0 || affine.scale.size() % period != 0) return std::nullopt;
  for (size_t i = period; i < affine.scale.size(); ++i) {
    if (affine.scale[i] != affine.scale[i - period] || affine.shift[i] != affine.shift[i - period])
      return std::nullopt;
  }
  affine.scale.resize(period);
  affine.shift.resize(period);
  return affine;
}

class Folder {
 public:
  Folder(ir::Graph& graph, ir::Method& method) : graph_(graph), method_(method) {}

  void Run() {
    for (size_t i = 0; i < method_.ops.size(); ++i) {
      if (!std::holds_alternative<ir::ScaleShift>(method_.ops[i].attributes)) continue;
      ir::BatchNormFate fate = {
          .method = method_.name, .name = method_.ops[i].name, .fate = {}, .reason = {}};
      uses_ = CountValueUses(method_);
      const bool is_folded = TryBackward(i, fate) || TryForward(i, fate);
      if (!is_folded) fate.fate = "kept as scale and shift";
      if (is_folded) fate.reason.clear();
      graph_.batch_norms.push_back(std::move(fate));
      if (!is_folded) continue;
      std::vector<bool> removed(method_.ops.size(), false);
      removed[i] = true;
      RemoveOps(method_, removed);
      --i;
    }
  }

 private:
  const ir::Value& ValueAt(int value) const { return method_.values[static_cast<size_t>(value)]; }

  bool IsPrivate(int value) const {
    const ValueUses& uses = uses_[static_cast<size_t>(value)];
    return ValueAt(value).kind == ir::ValueKind::kActivation && uses.num_readers == 1 &&
           uses.num_writers == 1 && uses.num_views == 0;
  }

  bool TryBackward(size_t index, ir::BatchNormFate& fate) {
    const ir::Op& norm = method_.ops[index];
    const int in = norm.inputs[0], out = norm.outputs[0];
    const int producer = uses_[static_cast<size_t>(in)].last_writer;
    if (producer == ir::kNone || !IsLayer(method_.ops[static_cast<size_t>(producer)])) {
      fate.reason = "no layer with weights before it";
      return false;
    }
    ir::Op& layer = method_.ops[static_cast<size_t>(producer)];
    if (!IsPrivate(in)) {
      fate.reason = "the result of " + layer.name + " is used elsewhere too";
      return false;
    }
    const LayerShape shape = ShapeOf(graph_, method_, layer);
    const std::optional<Affine> affine = PerChannel(
        graph_, method_, norm, graph_.tensors[static_cast<size_t>(OperandTensor(method_, layer, 1))].rows);
    if (shape.has_activation || !affine) {
      fate.reason = "a nonlinearity between it and " + layer.name;
      return false;
    }
    if (IsTouched(method_, {producer, static_cast<int>(index)}, BaseOf(method_, out))) {
      fate.reason = "its place is in use while " + layer.name + " runs";
      return false;
    }
    ir::Tensor weight = Copy(layer, 1);
    ir::Tensor bias = Bias(layer, weight.rows);
    for (int64_t row = 0; row < weight.rows; ++row) {
      const size_t n = static_cast<size_t>(row);
      const double scale = static_cast<double>(affine->scale[n]);
      for (int64_t col = 0; col < weight.cols; ++col) {
        float& w = weight.values[static_cast<size_t>(row * weight.cols + col)];
        w = static_cast<float>(static_cast<double>(w) * scale);
      }
      bias.values[n] = static_cast<float>(static_cast<double>(bias.values[n]) * scale +
                                          static_cast<double>(affine->shift[n]));
    }
    fate.fate = "folded backward into " + layer.name;
    layer.outputs[0] = out;
    Replace(layer, std::move(weight), std::move(bias));
    return true;
  }

  bool TryForward(size_t index, ir::BatchNormFate& fate) {
    const ir::Op& norm = method_.ops[index];
    const int out = norm.outputs[0];
    const auto because = [&fate](const std::string& reason) {
      fate.reason += "; " + reason;
      return false;
    };
    if (!IsPrivate(out)) return because("its result is used more than once, or put out");
    size_t reader = index + 1;
    while (reader < method_.ops.size() && method_.ops[reader].inputs[0] != out) ++reader;
    if (reader == method_.ops.size() || !IsLayer(method_.ops[reader]))
      return because("no layer with weights after it");
    ir::Op& layer = method_.ops[reader];
    const LayerShape shape = ShapeOf(graph_, method_, layer);
    if (shape.has_padding) return because(layer.name + " pads with zeros");
    const std::optional<Affine> affine = PerChannel(graph_, method_, norm, shape.channels);
    if (!affine) return because("its factors differ between positions");
    ir::Tensor weight = Copy(layer, 1);
    ir::Tensor bias = Bias(layer, weight.rows);
    for (int64_t row = 0; row < weight.rows; ++row) {
      const int64_t first = row / shape.group_outputs * shape.group_inputs;
      double sum = static_cast<double>(bias.values[static_cast<size_t>(row)]);
      for (int64_t col = 0; col < weight.cols; ++col) {
        const size_t channel = static_cast<size_t>(first + col % shape.group_inputs);
        float& w = weight.values[static_cast<size_t>(row * weight.cols + col)];
        sum += static_cast<double>(w) * static_cast<double>(affine->shift[channel]);
        w = static_cast<float>(static_cast<double>(w) * static_cast<double>(affine->scale[channel]));
      }
      bias.values[static_cast<size_t>(row)] = static_cast<float>(sum);
    }
    fate.fate = "folded forward into " + layer.name;
    layer.inputs[0] = norm.inputs[0];
    Replace(layer, std::move(weight), std::move(bias));
    return true;
  }

  ir::Tensor Copy(const ir::Op& layer, size_t operand) const {
    return graph_.tensors[static_cast<size_t>(OperandTensor(method_, layer, operand))];
  }

  ir::Tensor Bias(const ir::Op& layer, int64_t channels) const {
    if (layer.inputs.size() > 2) return Copy(layer, 2);
    ir::Tensor bias;
    bias.name = layer.name + ".bias";
    bias.rows = 1;
    bias.cols = channels;
    bias.values.assign(static_cast<size_t>(channels), 0.0f);
    return bias;
  }

  // New tensors, since another method may use the old ones; those that nobody uses are dropped later.
  void Replace(ir::Op& layer, ir::Tensor weight, ir::Tensor bias) {
    layer.inputs.resize(1);
    for (ir::Tensor* tensor : {&weight, &bias}) {
      ir::Value value;
      value.name = tensor->name;
      value.kind = ir::ValueKind::kConstant;
      value.rows = ir::Dim::Fixed(tensor->rows);
      value.cols = ir::Dim::Fixed(tensor->cols);
      value.tensor = static_cast<int>(graph_.tensors.size());
      graph_.tensors.push_back(std::move(*tensor));
      layer.inputs.push_back(static_cast<int>(method_.values.size()));
      method_.values.push_back(std::move(value));
    }
  }

  ir::Graph& graph_;
  ir::Method& method_;
  std::vector<ValueUses> uses_;
};

}  // namespace

Status FoldBatchNorm(ir::Graph& graph) {
  for (ir::Method& method : graph.methods) Folder(graph, method).Run();
  return Status::Ok();
}

}  // namespace earshot::passes
