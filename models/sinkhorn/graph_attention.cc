// Sorted buckets lie in front of the keys themselves, in one matrix: keys in the left half of its columns,
// values in the right.
#include "models/sinkhorn/graph_attention.h"

#include <cmath>
#include <utility>

#include "models/sinkhorn/graph_sort_net.h"

namespace earshot::sinkhorn {
namespace {

using blocks::Bias;
using blocks::Layers;
using ir::Dim;

// What a masked key has in the channel that masks: far below every score, and still so after it has been
// weighted.
constexpr float kMasked = -1e30f;

ir::Attention Attend(const Config& config, int64_t num_heads, const ir::KeySelection& selection) {
  return {.num_heads = num_heads,
          .num_kv_heads = num_heads,
          .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(config.head_dim))),
          .pattern = ir::PatternKind::kHeads,
          .heads = {{.selections = {selection}, .causal = config.is_causal}}};
}

ir::KeySelection Paired(const Config& config, int64_t buckets) {
  return {.kind = ir::SelectionKind::kPaired, .count = buckets * config.bucket, .step = config.bucket};
}

// Rows of a matrix of this many columns, in which rows and columns are windows.
struct Matrix {
  ir::MethodBuilder& method;
  int value;

  int Window(const std::string& name, const ir::ViewWindow& window) const {
    return method.View(value, name, window);
  }
  void Put(const std::string& name, const ir::ViewWindow& window, int from) const {
    method.ApplyInto(name, ir::Activate{ir::Activation::kNone}, {from}, Window(name, window));
  }
};

// Masks as one more channel of each head: queries have 1 there, or nothing but zeros where they are masked,
// so that they see all alike; keys 0 or far less, values 0.
class MaskChannel {
 public:
  MaskChannel(Layers& layers, const Config& config, int mask)
      : layers_(layers), method_(layers.method()), config_(config), mask_(mask) {}

  int64_t width() const { return config_.heads * (config_.head_dim + 1); }

  int Queries(const std::string& name, int q) {
    const int seeing = layers_.Multiply(name + ".seeing", q, mask_);
    return layers_.Add(name, Widen(name + ".wide", seeing), InChannel(name + ".channel", mask_, 1.0f));
  }

  void Keys(const std::string& name, int k, int out) {
    const int one = layers_.Constant(layers_.weights().Filled(1.0f));
    const int absent = layers_.Binary(name + ".absent", ir::BinaryFunction::Subtract, mask_, one);
    const int penalty = InChannel(name + ".channel", absent, -kMasked);
    const int wide = Widen(name + ".wide", k);
    if (layers_.status().ok()) method_.ApplyInto(name, ir::Add{}, {wide, penalty}, out);
  }

  void Values(const std::string& name, int v, int out) {
    const int widening = Widening();
    if (layers_.status().ok()) method_.ApplyInto(name, PerHead(false), {v, widening}, out);
  }

  int Narrow(const std::string& name, int x) {
    const int widening = Widening();
    return layers_.status().ok() ? method_.Apply(name, PerHead(true), {x, widening}) : ir::kNone;
  }

 private:
  ir::MatMul PerHead(bool narrows) const {
    return {.groups = static_cast<uint32_t>(config_.heads),
            .transpose_b = narrows,
            .b_layout = ir::GroupLayout::Shared};
  }

  // [D, D + 1]: ones on the diagonal.
  int Widening() {
    const int64_t dim = config_.head_dim;
    std::vector<float> matrix(static_cast<size_t>(dim * (dim + 1)));
    for (int64_t i = 0; i < dim; ++i) matrix[static_cast<size_t>(i * (dim + 1) + i)] = 1.0f;
    return layers_.Constant(layers_.weights().Add("mask_widening", dim, dim + 1, std::move(matrix)));
  }

  int Widen(const std::string& name, int x) {
    const int widening = Widening();
    return layers_.status().ok() ? method_.Apply(name, PerHead(false), {x, widening}) : ir::kNone;
  }

  // The column, times `factor`, in the last channel of each head.
  int InChannel(const std::string& name, int column, float factor) {
    const int64_t dim = config_.head_dim;
    std::vector<float> row(static_cast<size_t>(width()));
    for (int64_t head = 0; head < config_.heads; ++head)
      row[static_cast<size_t>(head * (dim + 1) + dim)] = factor;
    const int channels = layers_.Constant(
        layers_.weights().Add("mask_channels " + std::to_string(factor), 1, width(), std::move(row)));
    return layers_.status().ok() ? method_.Apply(name, ir::MatMul{}, {column, channels}) : ir::kNone;
  }

  Layers& layers_;
  ir::MethodBuilder& method_;
  const Config& config_;
  int mask_;
};

// Every bucket sees any others.
int AttendSorted(Layers& layers, const Config& config, const Context& context, const std::string& source,
                 int64_t layer, int x) {
  ir::MethodBuilder& method = layers.method();
  const bool is_masked = context.mask != ir::kNone;
  MaskChannel mask(layers, config, context.mask);
  const int64_t inner = config.inner(), width = is_masked ? mask.width() : inner;
  const int64_t sorted = config.is_soft ? 1 : config.shared > 0 ? config.shared : config.choices;
  const Dim rows = config.Rows(context.buckets, config.bucket);
  const Dim front = config.shared > 0 ? Dim::Fixed(sorted * config.bucket)
                                      : config.Rows(context.buckets, sorted * config.bucket);
  const Dim total = config.shared > 0 ? config.Rows(context.buckets, config.bucket, sorted * config.bucket)
                                      : config.Rows(context.buckets, (sorted + 1) * config.bucket);
  const Matrix all = {
      method, method.AddActivation(
                  {.name = source + "keys_and_values", .rows = total, .cols = Dim::Fixed(2 * width)})};
  const auto own = [&](const char* name, int64_t col_begin, int64_t cols) {
    return all.Window(source + name,
                      {.row_begin = front, .rows = rows, .col_begin = col_begin, .cols = cols});
  };
  int q = layers.Linear(source + "to_q", x, inner, Bias::kNone);
  int kv = own("own", 0, 2 * width);
  if (is_masked) {
    kv = layers.Linear(source + "to_kv", x, 2 * inner, Bias::kNone);
  } else {
    layers.LinearInto(source + "to_kv", x, kv, Bias::kNone);
  }
  const int k = layers.Columns(kv, source + "k", 0, inner),
            v = layers.Columns(kv, source + "v", inner, inner);
  const int noise = static_cast<size_t>(layer) < context.noise.size()
                        ? context.noise[static_cast<size_t>(layer)]
                        : ir::kNone;
  const int order = SortBuckets(layers, config, source + "sinkhorn_attention.",
                                {.first_head = 0, .num_heads = config.heads, .q = q, .k = k}, noise);
  const int own_k = own("own_k", 0, width), own_v = own("own_v", width, width);
  if (is_masked) {
    q = mask.Queries(source + "masked_q", q);
    mask.Keys(source + "masked_k", k, own_k);
    mask.Values(source + "masked_v", v, own_v);
  }
  if (!layers.status().ok()) return ir::kNone;
  const ir::MixBlocks mix = {.block = static_cast<uint32_t>(config.bucket),
                             .groups = static_cast<uint32_t>(config.heads)};
  method.ApplyInto(source + "sorted_k", mix, {order, own_k},
                   all.Window(source + "sorted_k", {.rows = front, .cols = width}));
  method.ApplyInto(source + "sorted_v", mix, {order, context.repeats_keys ? own_k : own_v},
                   all.Window(source + "sorted_v", {.rows = front, .col_begin = width, .cols = width}));
  const int mixed =
      method.Apply(source + "attend", Attend(config, config.heads, Paired(config, sorted)),
                   {q, all.Window(source + "all_k", {.rows = total, .cols = width}),
                    all.Window(source + "all_v", {.rows = total, .col_begin = width, .cols = width})});
  method.MakeOutput(order, "R" + std::to_string(layer));
  return is_masked ? mask.Narrow(source + "narrowed", mixed) : mixed;
}

// Causal: half of the heads has its time rolled to the left by all but one row of a bucket, so that every
// query has a bucket that begins just after it in one half. What is rolled off the begin of time stands at
// the end and sees itself only.
class CausalHalf {
 public:
  CausalHalf(Layers& layers, const Config& config, const std::string& source, bool is_rolled)
      : layers_(layers), method_(layers.method()), config_(config), source_(source), is_rolled_(is_rolled) {
    first_head_ = is_rolled ? config.heads / 2 : 0;
    num_heads_ = is_rolled ? config.heads - first_head_ : config.heads / 2;
    name_ = source + (is_rolled ? "rolled." : "plain.");
  }

  int64_t num_heads() const { return num_heads_; }
  int64_t first_col() const { return first_head_ * config_.head_dim; }
  int64_t cols() const { return num_heads_ * config_.head_dim; }

  // q, k and v of these heads -> [T, cols], into `out`.
  void Build(int q, int k, int v, int64_t layer, int out) {
    const Matrix queries = {method_, Add("queries", length())};
    PutRolled(queries, "q", q, {});
    const Matrix all = {method_, Add("keys_and_values", nulls_begin() + nulls() + length(), 2)};
    PutRolled(all, "k", k, {.row_begin = Dim::Fixed(own_begin())});
    PutRolled(all, "v", v, {.row_begin = Dim::Fixed(own_begin()), .col_begin = cols()});
    PutNulls(all, "null_keys", 0);
    PutNulls(all, "null_values", cols());
    const auto window = [&](const std::string& name, int64_t begin, int64_t rows, int64_t col) {
      return all.Window(
          name_ + name,
          {.row_begin = Dim::Fixed(begin), .rows = Dim::Fixed(rows), .col_begin = col, .cols = cols()});
    };
    const int order = SortPastBuckets(layers_, config_, source_ + "sinkhorn_attention.",
                                      {.first_head = first_head_,
                                       .num_heads = num_heads_,
                                       .q = queries.value,
                                       .k = window("own_k", own_begin(), length(), 0)});
    if (!layers_.status().ok()) return;
    const ir::MixBlocks mix = {.block = static_cast<uint32_t>(config_.bucket),
                               .groups = static_cast<uint32_t>(num_heads_)};
    for (const int64_t col : {int64_t{0}, cols()}) {
      method_.ApplyInto(name_ + "sort", mix,
                        {order, window("choosable", nulls_begin(), nulls() + length(), col)},
                        window("sorted", 0, nulls_begin(), col));
    }
    method_.MakeOutput(order, "R" + std::to_string(layer) + (is_rolled_ ? ".rolled" : ".plain"));
    const int64_t main = length() - rolled();
    AttendRows(queries, {0, main}, window("all_k", 0, own_begin() + main, 0),
               window("all_v", 0, own_begin() + main, cols()), out);
    if (rolled() == 0) return;
    AttendRows(queries, {main, rolled()}, window("first_k", own_begin() + main, rolled(), 0),
               window("first_v", own_begin() + main, rolled(), cols()), out);
  }

 private:
  struct Rows {
    int64_t begin, count;
  };

  int64_t length() const { return config_.max_length; }
  int64_t rolled() const { return is_rolled_ ? config_.bucket - 1 : 0; }
  int64_t nulls() const { return config_.choices * config_.bucket; }
  int64_t nulls_begin() const { return config_.choices * length(); }
  int64_t own_begin() const { return nulls_begin() + nulls(); }

  int Add(const char* name, int64_t rows, int64_t parts = 1) {
    return method_.AddActivation(
        {.name = name_ + name, .rows = Dim::Fixed(rows), .cols = Dim::Fixed(parts * cols())});
  }

  // Time t goes to row t - rolled, that is, the first ones behind the last.
  void PutRolled(const Matrix& to, const std::string& name, int from, ir::ViewWindow place) {
    place.cols = cols();
    const int64_t begin = place.row_begin.addend, main = length() - rolled();
    const auto part = [&](const std::string& suffix, int64_t from_row, int64_t to_row, int64_t rows) {
      place.row_begin = Dim::Fixed(begin + to_row);
      place.rows = Dim::Fixed(rows);
      const std::string part_name = name_ + name + suffix;
      const ir::ViewWindow window = {.row_begin = Dim::Fixed(from_row), .rows = Dim::Fixed(rows)};
      to.Put(part_name, place, method_.View(from, part_name + ".from", window));
    };
    part(".later", rolled(), 0, main);
    if (rolled() > 0) part(".first", 0, main, rolled());
  }

  void PutNulls(const Matrix& to, const std::string& name, int64_t col_begin) {
    const std::string source = source_ + "sinkhorn_attention." + name;
    const int64_t inner = config_.inner();
    blocks::Weights& weights = layers_.weights();
    if (weights.Find(source) == ir::kNone) {
      const std::vector<float> row = weights.Take(source, {config_.heads, 1, config_.head_dim});
      std::vector<float> rows;
      for (int64_t i = 0; i < nulls(); ++i) rows.insert(rows.end(), row.begin(), row.end());
      weights.Add(source, nulls(), inner, std::move(rows));
    }
    if (!layers_.status().ok()) return;
    const int from = method_.View(layers_.Constant(weights.Find(source)), name_ + name + ".heads",
                                  {.rows = Dim::Fixed(nulls()), .col_begin = first_col(), .cols = cols()});
    to.Put(name_ + name,
           {.row_begin = Dim::Fixed(nulls_begin()),
            .rows = Dim::Fixed(nulls()),
            .col_begin = col_begin,
            .cols = cols()},
           from);
  }

  // Queries of some rows, back to their time in `out`.
  void AttendRows(const Matrix& queries, const Rows& rows, int k, int v, int out) {
    const bool is_first = rows.begin > 0;
    const std::string name = name_ + (is_first ? "attend_first" : "attend");
    ir::Attention attention = Attend(config_, num_heads_, Paired(config_, config_.choices));
    if (is_first) {
      attention.pattern = ir::PatternKind::kCausal;
      attention.heads.clear();
    }
    const int q = queries.Window(
        name + ".q", {.row_begin = Dim::Fixed(rows.begin), .rows = Dim::Fixed(rows.count), .cols = cols()});
    const int place =
        method_.View(out, name + ".out",
                     {.row_begin = Dim::Fixed(is_first ? 0 : rolled()), .rows = Dim::Fixed(rows.count)});
    method_.ApplyInto(name, attention, {q, k, v}, place);
  }

  Layers& layers_;
  ir::MethodBuilder& method_;
  const Config& config_;
  std::string source_, name_;
  bool is_rolled_;
  int64_t first_head_ = 0, num_heads_ = 0;
};

int AttendPast(Layers& layers, const Config& config, const std::string& source, int64_t layer, int x) {
  ir::MethodBuilder& method = layers.method();
  const int64_t inner = config.inner();
  const int q = layers.Linear(source + "to_q", x, inner, Bias::kNone);
  const int kv = layers.Linear(source + "to_kv", x, 2 * inner, Bias::kNone);
  const int mixed =
      method.AddActivation({.name = source + "mixed", .rows = method.rows(x), .cols = Dim::Fixed(inner)});
  for (const bool is_rolled : {false, true}) {
    CausalHalf half(layers, config, source, is_rolled);
    if (half.num_heads() == 0) continue;
    const std::string name = source + (is_rolled ? "rolled" : "plain");
    const int64_t begin = half.first_col(), cols = half.cols();
    const int out =
        method.AddActivation({.name = name + ".mixed", .rows = method.rows(x), .cols = Dim::Fixed(cols)});
    half.Build(layers.Columns(q, name + ".q", begin, cols), layers.Columns(kv, name + ".k", begin, cols),
               layers.Columns(kv, name + ".v", inner + begin, cols), layer, out);
    const Matrix place = {method, mixed};
    place.Put(name + ".placed", {.rows = method.rows(x), .col_begin = begin, .cols = cols}, out);
  }
  return mixed;
}

}  // namespace

int Attention(Layers& layers, const Config& config, const Context& context, const std::string& source,
              int64_t layer, int x) {
  const int mixed = config.is_causal ? AttendPast(layers, config, source, layer, x)
                                     : AttendSorted(layers, config, context, source, layer, x);
  return layers.Linear(source + "to_out", mixed, config.width);
}

}  // namespace earshot::sinkhorn
