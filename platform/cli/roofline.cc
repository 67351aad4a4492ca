// Work and limits of each op, summed up by group, phase and repeat.
#include "platform/cli/roofline.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "platform/cli/interrupt.h"
#include "platform/cli/model_loader.h"
#include "platform/cli/speech_model.h"

namespace earshot::cli {
namespace {

using flatbuffers::uoffset_t;

// One phase of a model's work.
struct Phase {
  std::string name;
  std::function<Status()> prepare;  // not measured
  std::function<Status()> run;
  std::vector<RunTimes> repeats = {};
};

const fb::Method& MethodOf(const fb::Model& model, const OpRecord& record) {
  return *model.methods()->Get(static_cast<uoffset_t>(record.method));
}

double StreamedBytes(std::span<const OpRecord> run) {
  double bytes = 0;
  for (const OpRecord& record : run)
    bytes += static_cast<double>(record.work.weight_bytes + record.work.state_bytes);
  return bytes;
}

void AddTo(GroupTimes& sum, const GroupTimes& times) {
  sum.time_s += times.time_s;
  sum.limit_s += times.limit_s;
  sum.compute_limit_s += times.compute_limit_s;
  sum.multiply_adds += times.multiply_adds;
  sum.bytes += times.bytes;
}

void Divide(GroupTimes& times, double by) {
  times.time_s /= by;
  times.limit_s /= by;
  times.compute_limit_s /= by;
  times.multiply_adds /= by;
  times.bytes /= by;
}

GroupTimes TimesOf(const OpRecord& record, double streamed_bytes, const MachineLimits& limits) {
  const OpWork& work = record.work;
  const double peak = work.arithmetic == Arithmetic::kI8 ? limits.int8_ops_per_s : limits.f32_ops_per_s;
  const double compute_s = 2 * static_cast<double>(work.multiply_adds) / peak;
  const auto streamed = static_cast<double>(work.weight_bytes + work.state_bytes);
  const auto local = static_cast<double>(work.activation_bytes);
  const double read_s =
      streamed / limits.ReadBytesPerSecond(streamed_bytes) + local / limits.ReadBytesPerSecond(local);
  return {.time_s = 1e-9 * static_cast<double>(record.end_ns - record.begin_ns),
          .limit_s = std::max(compute_s, read_s),
          .compute_limit_s = compute_s >= read_s ? compute_s : 0,
          .multiply_adds = static_cast<double>(work.multiply_adds),
          .bytes = streamed + local};
}

OpGroup DenseGroup(const fb::Model& model, const fb::Method& method, const fb::Op& op) {
  const fb::Value& out = *method.values()->Get(static_cast<uoffset_t>(op.outputs()->Get(0)));
  if (out.kind() == fb::ValueKind::Output) return OpGroup::kLogits;
  const fb::Value& weight = *method.values()->Get(static_cast<uoffset_t>(op.inputs()->Get(1)));
  switch (model.tensors()->Get(static_cast<uoffset_t>(weight.tensor()))->dtype()) {
    case fb::DType::I8:
      return OpGroup::kDenseInt8;
    case fb::DType::I4:
      return OpGroup::kDenseInt4;
    default:
      return OpGroup::kDenseF32;
  }
}

template <class Value>
Spread SpreadBy(const std::vector<RunTimes>& repeats, const Value& value) {
  std::vector<double> values;
  for (const RunTimes& repeat : repeats) values.push_back(value(repeat));
  return SpreadOf(std::move(values));
}

// `times` chooses the group, or the total, of a repeat.
template <class Times>
GroupReport Summarize(std::string name, const std::vector<RunTimes>& repeats, const Times& times) {
  GroupReport report{.name = std::move(name)};
  report.time_ms = SpreadBy(repeats, [&](const RunTimes& repeat) { return 1e3 * times(repeat).time_s; });
  report.limit_ms = SpreadBy(repeats, [&](const RunTimes& repeat) { return 1e3 * times(repeat).limit_s; });
  report.share_of_limit =
      SpreadBy(repeats, [&](const RunTimes& repeat) { return times(repeat).limit_s / times(repeat).time_s; });
  report.share_of_time = SpreadBy(repeats, [&](const RunTimes& repeat) {
                           return times(repeat).time_s / repeat.total.time_s;
                         }).median;
  const GroupTimes& work = times(repeats.front());
  report.gops = 2e-6 * work.multiply_adds / report.time_ms.median;
  report.gbps = 1e-6 * work.bytes / report.time_ms.median;
  report.compute_bound = 2 * work.compute_limit_s > work.limit_s;
  return report;
}

PhaseReport Summarize(const Phase& phase) {
  PhaseReport report{
      .name = phase.name,
      .total = Summarize("total", phase.repeats,
                         [](const RunTimes& repeat) -> const GroupTimes& { return repeat.total; }),
      .groups = {}};
  for (size_t g = 0; g < kNumOpGroups; ++g) {
    if (phase.repeats.front().groups[g].bytes == 0) continue;
    report.groups.push_back(
        Summarize(OpGroupName(static_cast<OpGroup>(g)), phase.repeats,
                  [g](const RunTimes& repeat) -> const GroupTimes& { return repeat.groups[g]; }));
  }
  return report;
}

void Summarize(const std::vector<MachineLimits>& measured, RooflineReport& report) {
  const auto spread = [&measured](const auto& giga) {
    std::vector<double> values;
    for (const MachineLimits& limits : measured) values.push_back(giga(limits));
    return SpreadOf(std::move(values));
  };
  report.f32_gops = spread([](const MachineLimits& limits) { return 1e-9 * limits.f32_ops_per_s; });
  report.int8_gops = spread([](const MachineLimits& limits) { return 1e-9 * limits.int8_ops_per_s; });
  report.int8_source = measured.front().int8_source;
  for (size_t i = 0; i < measured.front().reads.size(); ++i) {
    report.reads.push_back(
        {.size_bytes = measured.front().reads[i].size_bytes,
         .gbps = spread([i](const MachineLimits& limits) { return 1e-9 * limits.reads[i].bytes_per_s; })});
  }
}

// Runs each phase once, and returns the bytes of the largest working set that one reads.
Result<size_t> LargestWorkingSet(const std::vector<Phase>& phases, OpTrace& trace) {
  double largest = 0;
  for (const Phase& phase : phases) {
    EARSHOT_RETURN_IF_ERROR(phase.prepare());
    trace.Clear();
    EARSHOT_RETURN_IF_ERROR(phase.run());
    const auto begin = std::find_if(trace.ops().rbegin(), trace.ops().rend(),
                                    [](const OpRecord& record) { return record.op == 0; });
    largest = std::max(largest, StreamedBytes({begin.base() - 1, trace.ops().end()}));
    for (const OpRecord& record : trace.ops())
      largest = std::max(largest, static_cast<double>(record.work.activation_bytes));
  }
  return static_cast<size_t>(largest);
}

std::vector<Phase> MakePhases(BenchTarget& target, const RooflinePlan& plan) {
  const auto decode = [&target, &plan]() -> Status {
    const int64_t first = target.prompt_tokens();
    const int64_t end = std::min(first + plan.num_tokens, target.max_tokens());
    for (int64_t position = first; position < end; ++position) EARSHOT_RETURN_IF_ERROR(target.Step(position));
    return Status::Ok();
  };
  const auto encode = [&target] { return target.Encode(); };
  const auto nothing = [] { return Status::Ok(); };
  if (target.max_tokens() == 0) return {{"encode", nothing, encode}};
  // A prefill alone is too short to measure, and the first ones find the weights pushed out of the caches.
  constexpr int kPrefills = 5;
  const auto prefills = [&target]() -> Status {
    for (int i = 0; i < kPrefills; ++i) EARSHOT_RETURN_IF_ERROR(target.Prefill());
    return Status::Ok();
  };
  return {{"encode", nothing, encode}, {"prefill", prefills, prefills}, {"token", prefills, decode}};
}

}  // namespace

const char* OpGroupName(OpGroup group) {
  switch (group) {
    case OpGroup::kDenseInt8:
      return "dense int8";
    case OpGroup::kDenseInt4:
      return "dense int4";
    case OpGroup::kDenseF32:
      return "dense f32";
    case OpGroup::kLogits:
      return "logits";
    case OpGroup::kConvolution:
      return "convolution";
    case OpGroup::kAttention:
      return "attention";
    case OpGroup::kCausalAttention:
      return "causal attention";
    case OpGroup::kNorm:
      return "norm";
    case OpGroup::kActivation:
      return "activation";
    case OpGroup::kAdd:
      return "add";
    case OpGroup::kEmbedding:
      return "embedding";
  }
  return "";
}

OpGroup GroupOf(const fb::Model& model, const fb::Method& method, const fb::Op& op) {
  switch (op.attributes_type()) {
    case fb::OpAttributes::Linear:
    case fb::OpAttributes::FeedForward:
      return DenseGroup(model, method, op);
    case fb::OpAttributes::Conv1d:
    case fb::OpAttributes::Conv2d:
      return OpGroup::kConvolution;
    case fb::OpAttributes::Attention:
      return op.attributes_as_Attention()->pattern() == fb::PatternKind::Causal ? OpGroup::kCausalAttention
                                                                                : OpGroup::kAttention;
    case fb::OpAttributes::LayerNorm:
    case fb::OpAttributes::Normalize:
      return OpGroup::kNorm;
    case fb::OpAttributes::Activate:
      return OpGroup::kActivation;
    case fb::OpAttributes::Add:
      return OpGroup::kAdd;
    default:  // Embedding; speech models, which are the ones measured, have no others
      break;
  }
  return OpGroup::kEmbedding;
}

RunTimes AverageRuns(const Program& program, std::span<const OpRecord> ops, const MachineLimits& limits) {
  RunTimes sum;
  double num_runs = 0;
  for (auto begin = ops.begin(); begin != ops.end();) {
    const auto end =
        std::find_if(begin + 1, ops.end(), [](const OpRecord& record) { return record.op == 0; });
    const double streamed_bytes = StreamedBytes({begin, end});
    for (; begin != end; ++begin) {
      const fb::Method& method = MethodOf(program.model(), *begin);
      const OpGroup group =
          GroupOf(program.model(), method, *method.ops()->Get(static_cast<uoffset_t>(begin->op)));
      const GroupTimes times = TimesOf(*begin, streamed_bytes, limits);
      AddTo(sum.groups[static_cast<size_t>(group)], times);
      AddTo(sum.total, times);
    }
    ++num_runs;
  }
  for (GroupTimes& group : sum.groups) Divide(group, num_runs);
  Divide(sum.total, num_runs);
  return sum;
}

Result<RooflineReport> RunRoofline(const std::string& model_path, const RooflinePlan& plan) {
  EARSHOT_ASSIGN_OR_RETURN(LoadedModel model,
                           LoadedModel::Load(model_path, {plan.num_threads, plan.packed_weights}));
  OpTrace trace(model.program());
  model.SetObserver(trace.observer());
  EARSHOT_ASSIGN_OR_RETURN(const std::unique_ptr<SpeechModel> speech_model, CreateSpeechModel(model));
  const std::unique_ptr<BenchTarget> target = speech_model->MakeBenchTarget();
  std::vector<Phase> phases = MakePhases(*target, plan);
  EARSHOT_ASSIGN_OR_RETURN(const size_t max_bytes, LargestWorkingSet(phases, trace));
  EARSHOT_ASSIGN_OR_RETURN(const std::unique_ptr<LimitMeter> meter,
                           LimitMeter::Create(model.session_options().pool, max_bytes));
  std::vector<MachineLimits> measured;
  EARSHOT_ASSIGN_OR_RETURN(MachineLimits before, meter->Measure());
  for (int repeat = 0; repeat < plan.repeats; ++repeat) {
    for (Phase& phase : phases) {
      if (Interrupted()) return Status::Error(StatusCode::kCancelled, "interrupted");
      EARSHOT_RETURN_IF_ERROR(phase.prepare());
      trace.Clear();
      EARSHOT_RETURN_IF_ERROR(phase.run());
      EARSHOT_ASSIGN_OR_RETURN(MachineLimits after, meter->Measure());
      measured.push_back(Higher(std::exchange(before, after), after));
      phase.repeats.push_back(AverageRuns(model.program(), trace.ops(), measured.back()));
    }
  }
  RooflineReport report;
  Summarize(measured, report);
  for (const Phase& phase : phases) report.phases.push_back(Summarize(phase));
  return report;
}

}  // namespace earshot::cli
