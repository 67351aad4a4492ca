// DescribeModel: reads the validated FlatBuffer.
#include "platform/cli/model_description.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <string_view>

#include "platform/cli/attention_text.h"
#include "platform/cli/printable.h"
#include "runtime/core/dtype.h"

namespace earshot::cli {
namespace {

using flatbuffers::uoffset_t;

std::string Text(const flatbuffers::String* text) {
  return text == nullptr ? "" : Printable(text->string_view());
}

std::string TypeName(fb::DType dtype) { return DTypeName(static_cast<DType>(dtype)); }

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// "80", "frames", "2*frames", "(2*frames+1)/2", "tokens-1".
std::string Formula(const fb::Method& method, const fb::Dim& dim) {
  if (dim.symbol() < 0 || dim.multiplier() == 0) return std::to_string(dim.addend() / dim.divisor());
  std::string text = Text(method.symbols()->Get(static_cast<uoffset_t>(dim.symbol()))->name());
  if (dim.multiplier() != 1) text = std::to_string(dim.multiplier()) + "*" + text;
  if (dim.addend() != 0) text += (dim.addend() > 0 ? "+" : "") + std::to_string(dim.addend());
  if (dim.divisor() == 1) return text;
  return (dim.addend() != 0 ? "(" + text + ")" : text) + "/" + std::to_string(dim.divisor());
}

std::string Label(const fb::Model& model, const fb::Method& method, int32_t index) {
  const fb::Value& value = *method.values()->Get(static_cast<uoffset_t>(index));
  switch (value.kind()) {
    case fb::ValueKind::Constant:
      return Text(model.tensors()->Get(static_cast<uoffset_t>(value.tensor()))->name());
    case fb::ValueKind::State:
      return Text(model.states()->Get(static_cast<uoffset_t>(value.state()))->name());
    case fb::ValueKind::View: {
      const std::string row = value.row_begin() == nullptr ? "0" : Formula(method, *value.row_begin());
      return Label(model, method, value.base()) + "[" + row + "..., " + std::to_string(value.col_begin()) +
             "...]";
    }
    case fb::ValueKind::Activation:
    case fb::ValueKind::Input:
    case fb::ValueKind::Output:
      break;
  }
  const std::string name = Text(value.name());
  return name.empty() ? "%" + std::to_string(index) : name;
}

bool IsLasting(const fb::Method& method, const fb::Value& value) {
  const fb::Value& owner = value.kind() == fb::ValueKind::View
                               ? *method.values()->Get(static_cast<uoffset_t>(value.base()))
                               : value;
  return owner.kind() == fb::ValueKind::State || owner.kind() == fb::ValueKind::Input ||
         owner.kind() == fb::ValueKind::Output;
}

ValueDescription DescribeValue(const fb::Model& model, const fb::Method& method, int32_t index) {
  const fb::Value& value = *method.values()->Get(static_cast<uoffset_t>(index));
  return {.label = Label(model, method, index),
          .rows = Formula(method, *value.rows()),
          .cols = Formula(method, *value.cols()),
          .dtype = TypeName(value.dtype()),
          .is_lasting = IsLasting(method, value)};
}

std::string ActivationText(fb::Activation activation) {
  return activation == fb::Activation::None ? "" : LowerCase(fb::EnumNameActivation(activation));
}

std::string ConvolutionText(const fb::Conv1d& conv) {
  const std::string activation = ActivationText(conv.activation());
  return "kernel " + std::to_string(conv.kernel()) + ", stride " + std::to_string(conv.stride()) +
         ", padding " + std::to_string(conv.padding()) + (activation.empty() ? "" : ", " + activation);
}

std::string AttributesText(const fb::Op& op) {
  switch (op.attributes_type()) {
    case fb::OpAttributes::Linear:
      return ActivationText(op.attributes_as_Linear()->activation());
    case fb::OpAttributes::Conv1d:
      return ConvolutionText(*op.attributes_as_Conv1d());
    case fb::OpAttributes::Attention:
      return AttentionText(*op.attributes_as_Attention());
    case fb::OpAttributes::Activate:
      return ActivationText(op.attributes_as_Activate()->activation());
    case fb::OpAttributes::FeedForward:
      return ActivationText(op.attributes_as_FeedForward()->activation());
    default:
      return "";
  }
}

OpDescription DescribeOp(const fb::Model& model, const fb::Method& method, const fb::Op& op) {
  OpDescription description{.kind = fb::EnumNameOpAttributes(op.attributes_type()),
                            .name = Text(op.name()),
                            .attributes = AttributesText(op),
                            .inputs = {},
                            .outputs = {}};
  for (const int32_t input : *op.inputs()) description.inputs.push_back(DescribeValue(model, method, input));
  for (const int32_t output : *op.outputs())
    description.outputs.push_back(DescribeValue(model, method, output));
  return description;
}

MethodDescription DescribeMethod(const fb::Model& model, const fb::Method& method) {
  MethodDescription description{
      .name = Text(method.name()), .symbols = {}, .inputs = {}, .outputs = {}, .ops = {}};
  for (const fb::Symbol* symbol : *method.symbols()) {
    description.symbols.push_back({Text(symbol->name()), symbol->minimum(), symbol->maximum()});
  }
  for (uoffset_t i = 0; i < method.values()->size(); ++i) {
    const fb::ValueKind kind = method.values()->Get(i)->kind();
    const auto index = static_cast<int32_t>(i);
    if (kind == fb::ValueKind::Input) description.inputs.push_back(DescribeValue(model, method, index));
    if (kind == fb::ValueKind::Output) description.outputs.push_back(DescribeValue(model, method, index));
  }
  for (const fb::Op* op : *method.ops()) description.ops.push_back(DescribeOp(model, method, *op));
  return description;
}

std::vector<WeightTypeDescription> DescribeWeights(const fb::Model& model) {
  std::array<WeightTypeDescription, kNumDTypes> types;
  for (const fb::Tensor* tensor : *model.tensors()) {
    WeightTypeDescription& type = types.at(static_cast<size_t>(tensor->dtype()));
    type.dtype = TypeName(tensor->dtype());
    type.num_tensors += 1;
    type.num_values += tensor->rows() * tensor->cols();
    type.data_bytes += tensor->data_bytes();
    type.scales_bytes += tensor->scales_bytes();
  }
  std::vector<WeightTypeDescription> present;
  std::copy_if(types.begin(), types.end(), std::back_inserter(present),
               [](const auto& type) { return type.num_tensors > 0; });
  return present;
}

StateDescription DescribeState(const fb::State& state) {
  return {.name = Text(state.name()),
          .dtype = TypeName(state.dtype()),
          .rows = state.rows(),
          .cols = state.cols(),
          .size_bytes = DTypeBytes(static_cast<DType>(state.dtype()), uint64_t{state.rows()} * state.cols())};
}

// The usual size names of a transformer, read off its attention ops: a stack that has causal ops counts those
// as its layers, since the others attend to another stack.
void AppendStackSizes(const fb::Method& method, const std::string& stack,
                      std::vector<std::pair<std::string, int64_t>>& sizes) {
  int64_t causal = 0, all = 0, heads = 0, width = 0;
  for (const fb::Op* op : *method.ops()) {
    const fb::Attention* attention = op->attributes_as_Attention();
    if (attention == nullptr || op->inputs()->size() == 0) continue;
    all += 1;
    causal += attention->pattern() == fb::PatternKind::Causal ? 1 : 0;
    heads = attention->num_heads();
    width = method.values()->Get(static_cast<uoffset_t>(op->inputs()->Get(0)))->cols()->addend();
  }
  if (all == 0) return;
  sizes.emplace_back(stack + " layers", causal > 0 ? causal : all);
  sizes.emplace_back(stack + " heads", heads);
  sizes.emplace_back(stack + " width", width);
}

std::vector<std::pair<std::string, int64_t>> DescribeSizes(const Program& program) {
  const fb::Model& model = program.model();
  std::vector<std::pair<std::string, int64_t>> sizes;
  if (const int encode = program.FindMethod("encode"); encode >= 0) {
    AppendStackSizes(*model.methods()->Get(static_cast<uoffset_t>(encode)), "encoder", sizes);
  }
  if (const int decode = program.FindMethod("decode"); decode >= 0) {
    AppendStackSizes(*model.methods()->Get(static_cast<uoffset_t>(decode)), "decoder", sizes);
  }
  if (const fb::AudioFrontEnd* audio = model.audio(); audio != nullptr) {
    sizes.emplace_back("mel bins", audio->num_mels());
    sizes.emplace_back("sample rate (Hz)", audio->sample_rate_hz());
  }
  if (model.tokenizer() != nullptr)
    sizes.emplace_back("vocabulary", model.tokenizer()->piece_offsets()->size() - 1);
  return sizes;
}

LoopDescription DescribeLoop(const fb::Loop& loop) {
  LoopDescription description{
      .name = Text(loop.name()), .driver = Text(loop.driver()), .methods = {}, .settings = {}};
  for (const flatbuffers::String* method : *loop.methods())
    description.methods += (description.methods.empty() ? "" : ", ") + Text(method);
  for (const fb::Setting* setting : *loop.settings()) {
    char value[32];
    std::snprintf(value, sizeof(value), "%g", setting->value());
    description.settings += (description.settings.empty() ? "" : ", ") + Text(setting->key()) + "=" + value;
  }
  return description;
}

}  // namespace

std::string ValueDescription::Text() const { return label + " " + rows + " x " + cols + " " + dtype; }

std::string ValueDescription::ShapeText() const {
  std::string text = is_lasting ? label + " " : "";
  text += rows + " x " + cols;
  return dtype == DTypeName(DType::kF32) ? text : text + " " + dtype;
}

ModelDescription DescribeModel(const Program& program) {
  const fb::Model& model = program.model();
  ModelDescription description{.format_version = model.format_version(),
                               .family = Text(model.family()),
                               .name = Text(model.name()),
                               .metadata = {},
                               .sizes = DescribeSizes(program),
                               .weights = DescribeWeights(model),
                               .methods = {},
                               .loops = {},
                               .states = {}};
  if (model.metadata() != nullptr) {
    for (const fb::Metadata* entry : *model.metadata())
      description.metadata.emplace_back(Text(entry->key()), Text(entry->value()));
  }
  for (const fb::Method* method : *model.methods())
    description.methods.push_back(DescribeMethod(model, *method));
  if (model.loops() != nullptr) {
    for (const fb::Loop* loop : *model.loops()) description.loops.push_back(DescribeLoop(*loop));
  }
  for (const fb::State* state : *model.states()) description.states.push_back(DescribeState(*state));
  return description;
}

}  // namespace earshot::cli
