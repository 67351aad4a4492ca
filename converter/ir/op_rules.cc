// Operand rules of the ops whose attributes the schema's types hold, one function each.
#include "converter/ir/op_rules.h"

namespace earshot::ir {
namespace {

template <class... Arguments>
Status Misfit(const char* format, Arguments... arguments) {
  return Status::Error(StatusCode::kInternal, format, arguments...);
}

Status ExpectF32(const Operands& operands) {
  for (size_t i = 0; operands.Has(i); ++i)
    EARSHOT_RETURN_IF_ERROR(operands.ExpectType(i, "an operand", DType::kF32));
  return Status::Ok();
}

// `dim` cut into equal parts, whatever its symbol is.
Result<Dim> Part(const char* what, const Dim& dim, int64_t parts) {
  const Dim simple = Simplify(dim);
  const bool is_whole = parts >= 1 && simple.divisor == 1 && simple.addend % parts == 0 &&
                        (simple.symbol == kNone || simple.multiplier % parts == 0);
  if (!is_whole) return Misfit("%s cannot be cut into %lld equal parts", what, static_cast<long long>(parts));
  return AddAndDivide(dim, 0, parts);
}

// A multiple of a length; one that is rounded down has none that a Dim can say
// (MethodBuilder::WithOwnLength).
Result<Dim> Times(const Dim& dim, int64_t factor) {
  Dim product = Simplify(dim);
  if (factor == 1) return product;
  if (product.divisor != 1)
    return Misfit("a multiple of a length that is rounded down; give it a symbol of its own");
  product.multiplier *= factor;
  product.addend *= factor;
  return Simplify(product);
}

}  // namespace

int64_t FixedLength(const Dim& dim) {
  const Dim simple = Simplify(dim);
  return simple.symbol == kNone ? simple.addend : -1;
}

Status CheckChannels(Channels channels, int64_t groups) {
  if (groups >= 1 && channels.in >= 1 && channels.out >= 1 && channels.in % groups == 0 &&
      channels.out % groups == 0)
    return Status::Ok();
  return Misfit("%lld and %lld channels do not make %lld groups", static_cast<long long>(channels.in),
                static_cast<long long>(channels.out), static_cast<long long>(groups));
}

Result<MatrixShape> Infer(const ScaleShift&, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(3, 3));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(0, "the input", DType::kF32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectRowVector(1, "the scale", operands[0].cols));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectRowVector(2, "the shift", operands[0].cols));
  return MatrixShape{operands[0].rows, operands[0].cols};
}

Result<MatrixShape> Infer(const Binary&, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(2, 2));
  EARSHOT_RETURN_IF_ERROR(ExpectF32(operands));
  if (FixedLength(operands[1].rows) != 1)
    EARSHOT_RETURN_IF_ERROR(operands.ExpectRows(1, "the second operand", operands[0].rows));
  const int64_t cols = FixedLength(operands[0].cols), repeated = FixedLength(operands[1].cols);
  const bool is_repeated = repeated == 1 || (cols >= 0 && repeated >= 1 && cols % repeated == 0);
  if (!is_repeated) EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(1, "the second operand", operands[0].cols));
  return MatrixShape{operands[0].rows, operands[0].cols};
}

Result<MatrixShape> Infer(const Unary&, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(1, 1));
  EARSHOT_RETURN_IF_ERROR(ExpectF32(operands));
  return MatrixShape{operands[0].rows, operands[0].cols};
}

Result<MatrixShape> Infer(const Normalize& normalize, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(1, 3));
  EARSHOT_RETURN_IF_ERROR(ExpectF32(operands));
  EARSHOT_RETURN_IF_ERROR(Part("a row", operands[0].cols, normalize.groups).status());
  if (normalize.axis != Axis::Row && normalize.groups != 1)
    return Misfit("only rows are normalized in groups");
  for (size_t i = 1; operands.Has(i); ++i)
    EARSHOT_RETURN_IF_ERROR(operands.ExpectRowVector(i, i == 1 ? "gamma" : "beta", operands[0].cols));
  return MatrixShape{operands[0].rows, operands[0].cols};
}

Result<MatrixShape> Infer(const Softmax& softmax, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(1, 1));
  EARSHOT_RETURN_IF_ERROR(ExpectF32(operands));
  if (softmax.axis == Axis::All || (softmax.axis == Axis::Column && softmax.groups != 1))
    return Misfit("its axis and groups do not go together");
  EARSHOT_RETURN_IF_ERROR(Part("a row", operands[0].cols, softmax.groups).status());
  return MatrixShape{operands[0].rows, operands[0].cols};
}

Result<MatrixShape> Infer(const Reduce& reduce, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(1, 1));
  EARSHOT_RETURN_IF_ERROR(ExpectF32(operands));
  if (reduce.axis == Axis::Column) return MatrixShape{Dim::Fixed(1), operands[0].cols};
  if (reduce.axis == Axis::All) return MatrixShape{Dim::Fixed(1), Dim::Fixed(1)};
  EARSHOT_RETURN_IF_ERROR(Part("a row", operands[0].cols, reduce.groups).status());
  return MatrixShape{operands[0].rows, Dim::Fixed(reduce.groups)};
}

Result<MatrixShape> Infer(const ArgMax& arg_max, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(1, 1));
  EARSHOT_RETURN_IF_ERROR(ExpectF32(operands));
  EARSHOT_RETURN_IF_ERROR(Part("a row", operands[0].cols, arg_max.groups).status());
  return MatrixShape{operands[0].rows, Dim::Fixed(arg_max.groups)};
}

namespace {

// Of one group, transposed where it is.
Result<MatrixShape> GroupShape(const Value& value, GroupLayout layout, int64_t groups, bool is_transposed) {
  MatrixShape shape = {value.rows, value.cols};
  if (layout == GroupLayout::Rows) {
    EARSHOT_ASSIGN_OR_RETURN(shape.rows, Part("the number of rows", value.rows, groups));
  } else if (layout == GroupLayout::Columns) {
    EARSHOT_ASSIGN_OR_RETURN(shape.cols, Part("a row", value.cols, groups));
  }
  return is_transposed ? MatrixShape{shape.cols, shape.rows} : shape;
}

}  // namespace

Result<MatrixShape> Infer(const MatMul& product, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(2, 2));
  EARSHOT_RETURN_IF_ERROR(ExpectF32(operands));
  const int64_t groups = product.groups;
  EARSHOT_ASSIGN_OR_RETURN(const MatrixShape a,
                           GroupShape(operands[0], product.a_layout, groups, product.transpose_a));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixShape b,
                           GroupShape(operands[1], product.b_layout, groups, product.transpose_b));
  if (!SameLength(a.cols, b.rows)) return Misfit("the inner lengths of the product differ");
  if (product.out_layout == GroupLayout::Shared) return Misfit("its groups have no place for their results");
  MatrixShape shape = {a.rows, b.cols};
  Dim& stacked = product.out_layout == GroupLayout::Rows ? shape.rows : shape.cols;
  EARSHOT_ASSIGN_OR_RETURN(stacked, Times(stacked, groups));
  return shape;
}

namespace {

struct Window {
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t padding = 0;
  int64_t output_padding = 0;
};

Result<Dim> ConvolvedLength(const Dim& length, const Window& window, bool is_transposed) {
  if (window.kernel < 1 || window.kernel > kMaxWindow || window.stride < 1 || window.stride > kMaxWindow ||
      window.padding > kMaxWindow || window.output_padding >= window.stride) {
    return Misfit("kernel %lld, stride %lld and padding %lld are no convolution",
                  static_cast<long long>(window.kernel), static_cast<long long>(window.stride),
                  static_cast<long long>(window.padding));
  }
  if (!is_transposed)
    return AddAndDivide(length, 2 * window.padding - window.kernel + window.stride, window.stride);
  const int64_t offset = window.kernel - 2 * window.padding + window.output_padding - window.stride;
  EARSHOT_ASSIGN_OR_RETURN(const Dim spread, Times(length, window.stride));
  return AddAndDivide(spread, offset, 1);
}

}  // namespace

Result<MatrixShape> Infer(const Conv2d& conv, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(2, 3));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(0, "the input", DType::kF32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectWeightType(1));
  const int64_t cols = FixedLength(operands[0].cols), out_channels = FixedLength(operands[1].rows);
  const int64_t channels = conv.in_channels;
  EARSHOT_RETURN_IF_ERROR(CheckChannels({channels, out_channels}, conv.groups));
  if (cols < channels || cols % channels != 0)
    return Misfit("the input's columns are no multiple of its channels");
  EARSHOT_ASSIGN_OR_RETURN(const Dim rows, ConvolvedLength(operands[0].rows,
                                                           {conv.kernel_rows, conv.stride_rows,
                                                            conv.padding_rows, conv.output_padding_rows},
                                                           conv.transposed));
  EARSHOT_ASSIGN_OR_RETURN(const Dim positions, ConvolvedLength(Dim::Fixed(cols / channels),
                                                                {conv.kernel_cols, conv.stride_cols,
                                                                 conv.padding_cols, conv.output_padding_cols},
                                                                conv.transposed));
  const int64_t window = int64_t{conv.kernel_rows} * conv.kernel_cols * (channels / conv.groups);
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(1, "the weight", Dim::Fixed(window)));
  if (operands.Has(2)) EARSHOT_RETURN_IF_ERROR(operands.ExpectRowVector(2, "the bias", operands[1].rows));
  EARSHOT_ASSIGN_OR_RETURN(const Dim out_cols, Times(positions, out_channels));
  return MatrixShape{rows, out_cols};
}

Result<MatrixShape> Infer(const Rotary& rotary, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(3, 3));
  EARSHOT_RETURN_IF_ERROR(ExpectF32(operands));
  EARSHOT_ASSIGN_OR_RETURN(const Dim width, Part("a row", operands[0].cols, rotary.num_heads));
  for (size_t i = 1; i <= 2; ++i) {
    EARSHOT_RETURN_IF_ERROR(operands.ExpectRows(i, "a table of angles", operands[0].rows));
    EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(i, "a table of angles", operands[1].cols));
  }
  if (2 * FixedLength(operands[1].cols) > FixedLength(width))
    return Misfit("there are more angles than pairs of channels");
  return MatrixShape{operands[0].rows, operands[0].cols};
}

Result<MatrixShape> Infer(const Lstm&, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(3, 3));
  EARSHOT_RETURN_IF_ERROR(ExpectF32(operands));
  const int64_t width = FixedLength(operands[1].cols);
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(0, "the gates", Dim::Fixed(4 * width)));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectRows(1, "the recurrent weight", Dim::Fixed(4 * width)));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectRowVector(2, "the state", Dim::Fixed(2 * width)));
  return MatrixShape{operands[0].rows, Dim::Fixed(width)};
}

Result<MatrixShape> Infer(const RelativeShift& shift, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(1, 1));
  EARSHOT_RETURN_IF_ERROR(ExpectF32(operands));
  EARSHOT_ASSIGN_OR_RETURN(const Dim rows, Part("the number of rows", operands[0].rows, shift.groups));
  EARSHOT_ASSIGN_OR_RETURN(const Dim twice, Times(rows, 2));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(0, "the scores", AddAndDivide(twice, -1, 1)));
  return MatrixShape{operands[0].rows, rows};
}

Result<MatrixShape> Infer(const LinearAttention& attention, const Operands& operands) {
  const bool may_have_state = attention.causal && attention.blindspot == 1;
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(3, may_have_state ? 4 : 3));
  EARSHOT_RETURN_IF_ERROR(ExpectF32(operands));
  EARSHOT_RETURN_IF_ERROR(Part("a row of q", operands[0].cols, attention.num_heads).status());
  EARSHOT_ASSIGN_OR_RETURN(const Dim values, Part("a row of v", operands[2].cols, attention.num_heads));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(1, "k", operands[0].cols));
  if (attention.causal) EARSHOT_RETURN_IF_ERROR(operands.ExpectRows(1, "k", operands[0].rows));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectRows(2, "v", operands[1].rows));
  if (operands.Has(3)) {
    EARSHOT_RETURN_IF_ERROR(operands.ExpectRows(3, "the state", operands[0].cols));
    EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(3, "the state", AddAndDivide(values, 1, 1)));
  }
  return MatrixShape{operands[0].rows, operands[2].cols};
}

Result<MatrixShape> Infer(const ReplaceRows&, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(3, 3));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(0, "the input", DType::kF32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(1, "the list of rows", DType::kI32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(1, "the list of rows", Dim::Fixed(1)));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(2, "the new rows", DType::kF32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectRows(2, "the new rows", operands[1].rows));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(2, "the new rows", operands[0].cols));
  return MatrixShape{operands[0].rows, operands[0].cols};
}

Result<MatrixShape> Infer(const ScatterAdd& scatter, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(3, 3));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(0, "the input", DType::kF32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(1, "the updates", DType::kF32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(2, "the ids", DType::kI32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectRows(1, "the updates", operands[0].rows));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectRows(2, "the ids", Dim::Fixed(1)));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(2, "the ids", operands[1].cols));
  if (FixedLength(operands[0].cols) < 0 || FixedLength(operands[0].cols) > int64_t{scatter.cols})
    return Misfit("the input does not fit into %u columns", scatter.cols);
  return MatrixShape{operands[0].rows, Dim::Fixed(scatter.cols)};
}

Result<MatrixShape> Infer(const MixBlocks& mix, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(2, 2));
  EARSHOT_RETURN_IF_ERROR(ExpectF32(operands));
  EARSHOT_ASSIGN_OR_RETURN(const Dim blocks, Part("a row of weights", operands[0].cols, mix.groups));
  EARSHOT_RETURN_IF_ERROR(Part("a row", operands[1].cols, mix.groups).status());
  EARSHOT_ASSIGN_OR_RETURN(const Dim in_rows, Times(blocks, mix.block));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectRows(1, "the input", in_rows));
  EARSHOT_ASSIGN_OR_RETURN(const Dim rows, Times(operands[0].rows, mix.block));
  return MatrixShape{rows, operands[1].cols};
}

Result<MatrixShape> Infer(const RankedSoftmax& ranked, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(1, 1));
  EARSHOT_RETURN_IF_ERROR(ExpectF32(operands));
  EARSHOT_RETURN_IF_ERROR(Part("a row", operands[0].cols, ranked.groups).status());
  if (ranked.count < 1) return Misfit("it chooses nothing");
  EARSHOT_ASSIGN_OR_RETURN(const Dim rows, Times(operands[0].rows, ranked.count));
  return MatrixShape{rows, operands[0].cols};
}

namespace {

Status ExpectMask(const Operands& operands, size_t index) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(index, "the mask", DType::kF32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectRows(index, "the mask", operands[0].rows));
  return operands.ExpectCols(index, "the mask", Dim::Fixed(1));
}

// With a list for each of the heads, or one for all.
Status ExpectAssignment(const Operands& operands, size_t index, int64_t heads) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(index, "the assignment", DType::kI32));
  if (FixedLength(operands[index].cols) == 2) return Status::Ok();
  return operands.ExpectCols(index, "the assignment", Dim::Fixed(2 * heads));
}

// Lengths of lists stay within an int32_t.
constexpr int64_t kMaxListPart = 1 << 24;

}  // namespace

Result<MatrixShape> Infer(const BucketSort& sort, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(1, 2));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(0, "the buckets", DType::kI32));
  if (operands.Has(1)) EARSHOT_RETURN_IF_ERROR(ExpectMask(operands, 1));
  const int64_t cols = FixedLength(operands[0].cols), heads = sort.heads, chunk = sort.chunk;
  const int64_t beside = (int64_t{sort.before} + sort.after) * chunk;
  if (heads < 1 || cols < heads || cols % heads != 0 || chunk > kMaxListPart || beside > kMaxListPart ||
      (chunk == 0 && (sort.before > 0 || sort.after > 0))) {
    return Misfit(
        "%lld columns of buckets for %lld heads, and %u and %u chunks of %lld rows beside, do not fit",
        static_cast<long long>(cols), static_cast<long long>(heads), sort.before, sort.after,
        static_cast<long long>(chunk));
  }
  EARSHOT_ASSIGN_OR_RETURN(const Dim listed, Times(operands[0].rows, cols / heads));
  if (chunk > 0) EARSHOT_RETURN_IF_ERROR(Part("the list", listed, chunk).status());
  return MatrixShape{AddAndDivide(listed, beside, 1), Dim::Fixed(2 * heads)};
}

Result<MatrixShape> Infer(const TopRows& top, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(1, 2));
  EARSHOT_RETURN_IF_ERROR(ExpectF32(operands));
  if (operands.Has(1)) EARSHOT_RETURN_IF_ERROR(ExpectMask(operands, 1));
  EARSHOT_ASSIGN_OR_RETURN(const Dim clusters, Part("a row of scores", operands[0].cols, top.heads));
  const int64_t members = int64_t{top.count} + top.memories;
  if (top.count < 1 || members > kMaxListPart || FixedLength(clusters) < 1)
    return Misfit("%lld rows in each cluster", static_cast<long long>(members));
  return MatrixShape{Dim::Fixed(FixedLength(clusters) * members), Dim::Fixed(2 * int64_t{top.heads})};
}

Result<MatrixShape> Infer(const ClusterAttention& attention, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(4, 5));
  for (size_t i = 0; i < 3; ++i) EARSHOT_RETURN_IF_ERROR(operands.ExpectType(i, "q, k or v", DType::kF32));
  EARSHOT_RETURN_IF_ERROR(Part("a row of q", operands[0].cols, attention.num_heads).status());
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(1, "k", operands[0].cols));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectRows(2, "v", operands[1].rows));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCols(2, "v", operands[0].cols));
  for (size_t i = 3; operands.Has(i); ++i)
    EARSHOT_RETURN_IF_ERROR(ExpectAssignment(operands, i, attention.num_heads));
  const int64_t segments = int64_t{attention.before} + 1 + attention.after;
  if ((attention.chunk == 0 && segments > 1) || segments * attention.chunk > kMaxListPart)
    return Misfit("%lld chunks of %u rows", static_cast<long long>(segments), attention.chunk);
  if (attention.pairs_once && (attention.chunk == 0 || attention.masked != MaskedQuery::Memories))
    return Misfit("pairs count once only where queries sit in chunks, and masked ones see memories");
  return MatrixShape{operands[0].rows, operands[0].cols};
}

Result<MatrixShape> Infer(const DropListed&, const Operands& operands) {
  EARSHOT_RETURN_IF_ERROR(operands.ExpectCount(2, 2));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(0, "the input", DType::kF32));
  EARSHOT_RETURN_IF_ERROR(operands.ExpectType(1, "the assignment", DType::kI32));
  const int64_t lists = FixedLength(operands[1].cols);
  if (lists < 2 || lists % 2 != 0) return Misfit("what it lists is no assignment");
  EARSHOT_RETURN_IF_ERROR(Part("a row", operands[0].cols, lists / 2).status());
  return MatrixShape{operands[0].rows, operands[0].cols};
}

}  // namespace earshot::ir
