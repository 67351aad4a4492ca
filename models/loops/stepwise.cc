// Feeding a method piece by piece.
#include <algorithm>

#include "models/loops/drivers.h"
#include "models/loops/method_run.h"

namespace earshot::loops {
namespace {

bool IsStepped(const fb::Value& value) {
  return value.kind() == fb::ValueKind::Input && value.rows()->symbol() >= 0;
}

std::string_view NameOf(const fb::Value& value) { return value.name()->string_view(); }

// Rows of the stepped inputs, which have the same number of them.
Result<int64_t> CountRows(const MethodRun& step, const Run& run) {
  int64_t rows = -1;
  for (const fb::Value* value : *step.method().values()) {
    if (!IsStepped(*value)) continue;
    const Array* array = run.FindInput(NameOf(*value));
    if (array == nullptr || (rows >= 0 && array->rows != rows)) {
      return Status::Error(StatusCode::kInvalidArgument,
                           "\"%s\" is missing, or its rows are not those of the other inputs",
                           value->name()->c_str());
    }
    rows = array->rows;
  }
  if (rows >= 1) return rows;
  return Status::Error(StatusCode::kInvalidModel, "%s has no input that grows",
                       step.method().name()->c_str());
}

struct Piece {
  int64_t begin = 0;  // first row fed
  int64_t count = 0;
  int64_t position = 0;  // rows in the caches
};

Status RunPiece(MethodRun& step, const Run& run, const Piece& piece) {
  for (const fb::Value* value : *step.method().values()) {
    if (value->kind() != fb::ValueKind::Input) continue;
    EARSHOT_ASSIGN_OR_RETURN(const Array array,
                             run.Input(NameOf(*value), static_cast<DType>(value->dtype())));
    if (IsStepped(*value)) {
      EARSHOT_RETURN_IF_ERROR(step.Feed(array.name, array, piece.begin, piece.count));
    } else {
      EARSHOT_RETURN_IF_ERROR(step.Feed(array.name, array));
    }
  }
  step.Set("position", piece.position);
  step.Set("end", piece.position + piece.count);
  return step.Execute();
}

Result<MethodRun> RunPrologue(const LoopContext& context) {
  EARSHOT_ASSIGN_OR_RETURN(const std::string_view last, context.Method(context.num_methods() - 1));
  EARSHOT_ASSIGN_OR_RETURN(MethodRun step, MethodRun::Bind(context.session, last));
  for (size_t i = 0; i + 1 < context.num_methods(); ++i) {
    EARSHOT_ASSIGN_OR_RETURN(const std::string_view name, context.Method(i));
    EARSHOT_ASSIGN_OR_RETURN(MethodRun prologue, MethodRun::Bind(context.session, name));
    prologue.SetFrom(context.run);
    EARSHOT_RETURN_IF_ERROR(prologue.FeedAll(context.run));
    EARSHOT_RETURN_IF_ERROR(prologue.Execute());
    EARSHOT_RETURN_IF_ERROR(prologue.KeepOutputs(context.run));
    step.SetAsIn(prologue);
  }
  return step;
}

// The outputs of all pieces, one below the other.
class Collector {
 public:
  Status Add(const MethodRun& step, int64_t max_rows, Run& run) {
    size_t index = 0;
    for (const fb::Value* value : *step.method().values()) {
      if (value->kind() != fb::ValueKind::Output) continue;
      if (index == kMaxOutputs)
        return Status::Error(StatusCode::kUnsupported, "the step has too many outputs");
      EARSHOT_ASSIGN_OR_RETURN(const MatrixView view, step.View(NameOf(*value)));
      Array*& array = arrays_[index++];
      if (array == nullptr) {
        EARSHOT_ASSIGN_OR_RETURN(
            array, run.AddOutput(NameOf(*value), {.dtype = view.dtype, .rows = max_rows, .cols = view.cols}));
        array->rows = 0;
      }
      if (array->rows + view.rows > max_rows)
        return Status::Error(StatusCode::kUnsupported, "the step puts out more rows than it is fed");
      CopyRows(view, *array, array->rows);
      array->rows += view.rows;
    }
    return Status::Ok();
  }

 private:
  static constexpr size_t kMaxOutputs = 32;
  Array* arrays_[kMaxOutputs] = {};
};

}  // namespace

Status RunStepwise(const LoopContext& context) {
  EARSHOT_ASSIGN_OR_RETURN(MethodRun step, RunPrologue(context));
  EARSHOT_ASSIGN_OR_RETURN(const int64_t rows, CountRows(step, context.run));
  Collector collector;
  const int64_t prefill = std::clamp<int64_t>(static_cast<int64_t>(context.Setting("prefill", 1)), 1, rows);
  const int64_t step_rows = std::max<int64_t>(static_cast<int64_t>(context.Setting("rows", 1)), 1);
  for (int64_t begin = 0, count = prefill; begin < rows;
       begin += count, count = std::min(step_rows, rows - begin)) {
    EARSHOT_RETURN_IF_ERROR(RunPiece(step, context.run, {.begin = begin, .count = count, .position = begin}));
    EARSHOT_RETURN_IF_ERROR(collector.Add(step, rows, context.run));
  }
  return Status::Ok();
}

Status RunPrefixes(const LoopContext& context) {
  EARSHOT_ASSIGN_OR_RETURN(MethodRun step, RunPrologue(context));
  EARSHOT_ASSIGN_OR_RETURN(const int64_t rows, CountRows(step, context.run));
  Collector collector;
  for (int64_t count = 1; count <= rows; ++count) {
    EARSHOT_RETURN_IF_ERROR(RunPiece(step, context.run, {.begin = 0, .count = count, .position = 0}));
    EARSHOT_RETURN_IF_ERROR(collector.Add(step, rows, context.run));
  }
  return Status::Ok();
}

}  // namespace earshot::loops
