// Statistics over time, and their running means: what a batch norm without momentum learns from the
// utterances it is shown.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "models/batchnorm/graph.h"
#include "models/blocks/layers.h"

namespace earshot::batchnorm {
namespace {

using blocks::Layers;
using ir::Dim;

constexpr float kWaveEpsilon = 1e-7f;
constexpr double kEpsilon = 1e-5;

struct Sizes {
  int64_t features = 0, max_frames = 0, max_samples = 0;
};

Status BuildNormalize(blocks::Weights& weights, const ir::NamedMatrix& in, int64_t max_rows,
                      const std::string& name, float epsilon) {
  ir::MethodBuilder method(weights.graph(), name);
  ir::NamedMatrix matrix = in;
  matrix.rows = Dim::Of(method.AddSymbol("length", max_rows));
  const ir::Normalize normalize = {
      .kind = ir::NormalizeKind::Standard, .axis = ir::Axis::Column, .epsilon = epsilon};
  const int out = method.Apply("normalize", normalize, {method.AddInput(matrix)});
  EARSHOT_RETURN_IF_ERROR(method.status());
  method.MakeOutput(out, name);
  return std::move(method).Finish();
}

// Number of rows, as a matrix [1, 1]: the sum of as many ones.
int CountRows(Layers& layers, int like, int64_t max_rows) {
  const int ones =
      layers.weights().Add("ones", max_rows, 1, std::vector<float>(static_cast<size_t>(max_rows), 1.0f));
  if (!layers.status().ok()) return ir::kNone;
  const int view = layers.method().View(layers.Constant(ones), "one_for_each_row",
                                        {.rows = layers.method().rows(like), .cols = 1});
  return layers.method().Apply("count_rows", ir::Reduce{.axis = ir::Axis::Column}, {view});
}

struct Running {
  int count = ir::kNone;  // utterances so far
  int mean = ir::kNone, variance = ir::kNone;
};

// state += (value - state) / count, and an output of that name.
void Update(Layers& layers, const std::string& name, int value, int count, int state) {
  const int change = layers.Binary(name + ".change", ir::BinaryFunction::Subtract, value, state);
  const int share = layers.Binary(name + ".share", ir::BinaryFunction::Divide, change, count);
  ir::MethodBuilder& method = layers.method();
  method.ApplyInto(name + ".update", ir::Add{}, {state, share}, state);
  const int out = layers.Activate(name, ir::Activation::kNone, state);
  method.MakeOutput(out, name);
}

// Mean and unbiased variance of the rows, into the running ones.
Status BuildObserve(blocks::Weights& weights, const Sizes& sizes, const Running& running) {
  ir::MethodBuilder method(weights.graph(), "observe");
  Layers layers(weights, method);
  const Dim frames = Dim::Of(method.AddSymbol("frames", sizes.max_frames, 2));
  const int x = method.AddInput({.name = "feat", .rows = frames, .cols = Dim::Fixed(sizes.features)});
  const auto reduce = [&](const char* name, ir::ReduceFunction function, int in) {
    return method.Apply(name, ir::Reduce{.function = function, .axis = ir::Axis::Column}, {in});
  };
  const int mean = reduce("mean", ir::ReduceFunction::Mean, x);
  const int centred = layers.Binary("centred", ir::BinaryFunction::Subtract, x, mean);
  const int squares =
      reduce("squares", ir::ReduceFunction::Sum, layers.Unary("square", ir::UnaryFunction::Square, centred));
  const int one = layers.Constant(weights.Filled(1.0f));
  const int freedom =
      layers.Binary("freedom", ir::BinaryFunction::Subtract, CountRows(layers, x, sizes.max_frames), one);
  const int variance = layers.Binary("variance", ir::BinaryFunction::Divide, squares, freedom);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  const int count = method.StateValue(running.count);
  method.ApplyInto("count", ir::Add{}, {count, one}, count);
  Update(layers, "running_mean", mean, count, method.StateValue(running.mean));
  Update(layers, "running_var", variance, count, method.StateValue(running.variance));
  return std::move(method).Finish();
}

Status BuildApply(blocks::Weights& weights, const Sizes& sizes) {
  ir::MethodBuilder method(weights.graph(), "standardize");
  Layers layers(weights, method);
  const Dim frames = Dim::Of(method.AddSymbol("frames", sizes.max_frames));
  const Dim features = Dim::Fixed(sizes.features);
  const int x = method.AddInput({.name = "feat", .rows = frames, .cols = features});
  const int mean = method.AddInput({.name = "running_mean", .rows = Dim::Fixed(1), .cols = features});
  const int variance = method.AddInput({.name = "running_var", .rows = Dim::Fixed(1), .cols = features});
  const int epsilon = layers.Constant(weights.Filled(static_cast<float>(kEpsilon), sizes.features));
  const int deviation =
      layers.Unary("deviation", ir::UnaryFunction::Sqrt, layers.Add("positive_variance", variance, epsilon));
  const int centred = layers.Binary("centred", ir::BinaryFunction::Subtract, x, mean);
  const int out = layers.Binary("standardized", ir::BinaryFunction::Divide, centred, deviation);
  EARSHOT_RETURN_IF_ERROR(layers.status());
  method.MakeOutput(out, "standardized");
  return std::move(method).Finish();
}

}  // namespace

Result<ir::Graph> BuildStandardize(ir::ReferenceModel& model) {
  const Sizes sizes = {.features = model.settings.Integer("D"),
                       .max_frames = std::max(model.settings.Integer("T"), model.MaxLength("feat", 1)),
                       .max_samples = model.MaxLength("wav", 1)};
  EARSHOT_RETURN_IF_ERROR(model.settings.Finish());
  ir::Graph graph;
  graph.family = "batchnorm";
  graph.name = model.name;
  const Running running = {.count = ir::AddState(graph, "count", DType::kF32, 1, 1),
                           .mean = ir::AddState(graph, "mean", DType::kF32, 1, sizes.features),
                           .variance = ir::AddState(graph, "variance", DType::kF32, 1, sizes.features)};
  blocks::Weights weights(graph, model.weights);
  const ir::NamedMatrix wave = {.name = "wav", .rows = {}, .cols = Dim::Fixed(1)};
  const ir::NamedMatrix features = {.name = "feat", .rows = {}, .cols = Dim::Fixed(sizes.features)};
  EARSHOT_RETURN_IF_ERROR(
      BuildNormalize(weights, wave, sizes.max_samples, "zero_mean_unit_var", kWaveEpsilon));
  EARSHOT_RETURN_IF_ERROR(BuildNormalize(weights, features, sizes.max_frames, "utterance_cmvn", 0.0f));
  EARSHOT_RETURN_IF_ERROR(BuildObserve(weights, sizes, running));
  EARSHOT_RETURN_IF_ERROR(BuildApply(weights, sizes));
  graph.loops = {{.name = "running", .driver = "stepwise", .methods = {"observe"}, .settings = {}}};
  return graph;
}

}  // namespace earshot::batchnorm
