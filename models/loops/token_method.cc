// Binding and running the decoding method of a loop.
#include "models/loops/token_method.h"

namespace earshot::loops {
namespace {

constexpr std::string_view kLogits = "logits";

}  // namespace

Result<TokenMethod> TokenMethod::Prepare(const LoopContext& context) {
  EARSHOT_ASSIGN_OR_RETURN(const std::string_view name, context.Method(context.num_methods() - 1));
  EARSHOT_ASSIGN_OR_RETURN(const MethodRun bound, MethodRun::Bind(context.session, name));
  TokenMethod method(bound);
  for (const fb::Value* value : *bound.method().values()) {
    const bool is_fed = value->kind() == fb::ValueKind::Input && value->rows()->symbol() >= 0;
    if (is_fed && value->dtype() == fb::DType::I32) method.ids_ = value->name()->string_view();
  }
  if (method.ids_.empty() || !bound.HasValue(kLogits))
    return Status::Error(StatusCode::kInvalidModel, "%s takes no tokens or makes no logits",
                         bound.method().name()->c_str());
  for (size_t i = 0; i + 1 < context.num_methods(); ++i) {
    EARSHOT_ASSIGN_OR_RETURN(const std::string_view before, context.Method(i));
    EARSHOT_ASSIGN_OR_RETURN(MethodRun prologue, MethodRun::Bind(context.session, before));
    prologue.SetFrom(context.run);
    EARSHOT_RETURN_IF_ERROR(prologue.FeedAll(context.run));
    EARSHOT_RETURN_IF_ERROR(prologue.Execute());
    EARSHOT_RETURN_IF_ERROR(prologue.KeepOutputs(context.run));
    method.run_.SetAsIn(prologue);
  }
  for (const fb::Value* value : *bound.method().values()) {
    if (value->kind() != fb::ValueKind::Input || value->name()->string_view() == method.ids_) continue;
    EARSHOT_ASSIGN_OR_RETURN(const Array array, context.run.Input(value->name()->string_view(),
                                                                  static_cast<DType>(value->dtype())));
    EARSHOT_RETURN_IF_ERROR(method.run_.Feed(array.name, array));
  }
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView logits, method.run_.View(kLogits));
  method.vocab_size_ = logits.cols;
  return method;
}

Result<std::span<const float>> TokenMethod::Decode(std::span<const int32_t> tokens, int64_t position) {
  EARSHOT_RETURN_IF_ERROR(run_.FitInput(ids_, std::ssize(tokens), 1));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView ids, run_.View(ids_));
  for (size_t i = 0; i < tokens.size(); ++i) *ids.As<int32_t>().Row(static_cast<int64_t>(i)) = tokens[i];
  run_.Set("position", position);
  run_.Set("end", position + std::ssize(tokens));
  EARSHOT_RETURN_IF_ERROR(run_.Execute());
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView logits, run_.View(kLogits));
  return std::span<const float>(logits.As<const float>().Row(logits.rows - 1),
                                static_cast<size_t>(logits.cols));
}

}  // namespace earshot::loops
