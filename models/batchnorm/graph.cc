// The two chains, step by step.
#include "models/batchnorm/graph.h"

#include <string>
#include <utility>

#include "models/blocks/layers.h"

namespace earshot::batchnorm {
namespace {

using blocks::Bias;
using blocks::Layers;

struct Sizes1d {
  int64_t in_channels = 0, channels = 0, kernel = 0, stride = 0, dilation = 0, groups = 0;
  double epsilon = 0.0;
  int64_t max_frames = 0;
};

// Ends a step: `value` is what the chain goes on with.
class Steps {
 public:
  Steps(ir::MethodBuilder& method, bool puts_out) : method_(method), puts_out_(puts_out) {}

  int End(int value, const char* name, bool is_last = false) {
    if (puts_out_ || is_last) method_.MakeOutput(value, name);
    return value;
  }

 private:
  ir::MethodBuilder& method_;
  bool puts_out_;
};

void Chain1d(Layers& layers, const Sizes1d& sizes, Steps steps) {
  ir::MethodBuilder& method = layers.method();
  // So that the third convolution, which does not pad, has a window.
  const int frames = method.AddSymbol("frames", sizes.max_frames, 2 * sizes.stride + 1);
  int x =
      method.AddInput({.name = "x", .rows = ir::Dim::Of(frames), .cols = ir::Dim::Fixed(sizes.in_channels)});
  x = steps.End(layers.BatchNorm("bn_in", x, sizes.in_channels, sizes.epsilon), "bn_in");
  x = layers.Conv1d("conv1", x,
                    {.out_channels = sizes.channels,
                     .kernel = sizes.kernel,
                     .stride = sizes.stride,
                     .padding = sizes.kernel / 2},
                    Bias::kNone);
  x = steps.End(x, "bn_in_conv1");
  x = layers.BatchNorm("bn1", x, sizes.channels, sizes.epsilon);
  x = steps.End(layers.Activate("relu1", ir::Activation::kRelu, x), "conv1_bn1_relu");
  x = layers.Conv1d("dw", x,
                    {.out_channels = sizes.channels,
                     .kernel = sizes.kernel,
                     .padding = sizes.dilation * (sizes.kernel / 2),
                     .dilation = sizes.dilation,
                     .groups = sizes.channels},
                    Bias::kOptional);
  x = layers.BatchNorm("bn2", x, sizes.channels, sizes.epsilon);
  x = steps.End(layers.Activate("silu2", ir::Activation::kSilu, x), "dw_bn2_silu");
  x = layers.BatchNorm("bn3", x, sizes.channels, sizes.epsilon);
  x = layers.Activate("relu3", ir::Activation::kRelu, x);
  x = layers.Conv1d("gconv", x, {.out_channels = sizes.channels, .kernel = 3, .groups = sizes.groups},
                    Bias::kOptional);
  x = steps.End(x, "preact_bn3_relu_gconv");
  x = layers.BatchNorm("bn4", x, sizes.channels, sizes.epsilon);
  x = steps.End(layers.Conv1d("pw", x, {.out_channels = sizes.channels}, Bias::kOptional), "bn4_pw");
  x = layers.Linear("lin", x, sizes.channels, Bias::kOptional);
  x = steps.End(layers.BatchNorm("bn5", x, sizes.channels, sizes.epsilon), "lin_bn5");
  x = layers.Activate("tanh5", ir::Activation::kTanh, x);
  steps.End(layers.Linear("head", x, sizes.channels, Bias::kOptional), "out", true);
}

struct Sizes2d {
  int64_t channels = 0;
  int64_t width = 0;
  int64_t max_rows = 0;
};

void Chain2d(Layers& layers, const Sizes2d& sizes, Steps steps) {
  ir::MethodBuilder& method = layers.method();
  const int64_t channels = sizes.channels;
  const int rows = method.AddSymbol("rows", sizes.max_rows);
  int x = method.AddInput({.name = "x", .rows = ir::Dim::Of(rows), .cols = ir::Dim::Fixed(sizes.width)});
  x = layers.Conv2d("conv1", x, {.out_channels = channels, .kernel = 3, .stride = 2, .padding = 1},
                    Bias::kNone);
  x = layers.BatchNorm("bn1", x, channels);
  x = steps.End(layers.Activate("relu1", ir::Activation::kRelu, x), "h1");
  x = layers.Conv2d("dw", x,
                    {.in_channels = channels,
                     .out_channels = channels,
                     .kernel = 3,
                     .stride = 2,
                     .padding = 1,
                     .groups = channels},
                    Bias::kOptional);
  x = steps.End(layers.BatchNorm("bn2", x, channels, 1e-3), "h2");
  x = layers.Conv2d("pw", x, {.in_channels = channels, .out_channels = channels}, Bias::kOptional);
  x = layers.BatchNorm("bn3", x, channels);
  x = steps.End(layers.Activate("relu3", ir::Activation::kRelu, x), "h3");
  x = method.WithOwnLength(x, "latent rows");  // which the transposed convolution doubles
  x = layers.Conv2d("deconv", x,
                    {.in_channels = channels,
                     .out_channels = channels / 2,
                     .kernel = 3,
                     .stride = 2,
                     .padding = 1,
                     .is_transposed = true,
                     .output_padding = 1},
                    Bias::kOptional);
  steps.End(layers.BatchNorm("bn4", x, channels / 2), "out", true);
}

template <class Build>
Result<ir::Graph> BuildMethods(ir::ReferenceModel& model, const Build& build) {
  EARSHOT_RETURN_IF_ERROR(model.settings.Finish());
  ir::Graph graph;
  graph.family = "batchnorm";
  graph.name = model.name;
  blocks::Weights weights(graph, model.weights);
  for (const bool puts_out : {false, true}) {
    ir::MethodBuilder method(graph, puts_out ? "steps" : "forward");
    Layers layers(weights, method);
    build(layers, Steps(method, puts_out));
    EARSHOT_RETURN_IF_ERROR(layers.status());
    EARSHOT_RETURN_IF_ERROR(std::move(method).Finish());
  }
  return graph;
}

}  // namespace

Result<ir::Graph> BuildChain1d(ir::ReferenceModel& model) {
  ir::HyperParameters& settings = model.settings;
  const Sizes1d sizes = {.in_channels = settings.Integer("cin"),
                         .channels = settings.Integer("c"),
                         .kernel = settings.Integer("k", {1, 1 << 12}),
                         .stride = settings.IntegerOr("stride", 1, {1, 1 << 12}),
                         .dilation = settings.IntegerOr("dil", 1, {1, 1 << 12}),
                         .groups = settings.Integer("groups"),
                         .epsilon = settings.NumberOr("eps", 1e-5),
                         .max_frames = model.MaxLength("x", 2)};
  settings.Ignore({"affine", "seed"});  // the weights show whether there is a gamma
  return BuildMethods(model, [&](Layers& layers, Steps steps) { Chain1d(layers, sizes, steps); });
}

Result<ir::Graph> BuildChain2d(ir::ReferenceModel& model) {
  const Sizes2d sizes = {.channels = model.settings.Integer("c", {2, 1 << 12}),
                         .width = model.ExampleLength("x", 3, 1),
                         .max_rows = model.MaxLength("x", 2)};
  return BuildMethods(model, [&](Layers& layers, Steps steps) { Chain2d(layers, sizes, steps); });
}

}  // namespace earshot::batchnorm
