// Symbols from lengths, and copies in and out.
#include "models/loops/method_run.h"

#include <algorithm>
#include <cstring>

#include "runtime/schema/dim.h"

namespace earshot::loops {
namespace {

using flatbuffers::uoffset_t;

constexpr size_t kElemBytes = 4;  // f32 and i32

std::string_view NameOf(const fb::Value& value) {
  return value.name() == nullptr ? std::string_view() : value.name()->string_view();
}

}  // namespace

Result<MethodRun> MethodRun::Bind(Session& session, std::string_view method) {
  MethodRun run;
  run.session_ = &session;
  run.index_ = session.program().FindMethod(method);
  if (!session.HasMethod(method)) {
    return Status::Error(StatusCode::kNotFound, "the model has no method \"%.*s\"",
                         static_cast<int>(method.size()), method.data());
  }
  run.method_ = session.program().model().methods()->Get(static_cast<uoffset_t>(run.index_));
  const auto& symbols = *run.method_->symbols();  // at most kMaxSymbols: the session was created
  for (uoffset_t i = 0; i < symbols.size(); ++i) run.symbols_[i] = symbols.Get(i)->minimum();
  return run;
}

void MethodRun::Set(std::string_view symbol, int64_t value) {
  const auto& symbols = *method_->symbols();
  for (uoffset_t i = 0; i < symbols.size(); ++i) {
    if (symbols.Get(i)->name()->string_view() == symbol) symbols_[i] = value;
  }
}

int64_t MethodRun::SymbolOr(std::string_view symbol, int64_t absent) const {
  const auto& symbols = *method_->symbols();
  for (uoffset_t i = 0; i < symbols.size(); ++i) {
    if (symbols.Get(i)->name()->string_view() == symbol) return Symbols()[i];
  }
  return absent;
}

void MethodRun::SetAsIn(const MethodRun& other) {
  const std::array<int64_t, kMaxSymbols> values = other.Symbols();
  for (uoffset_t i = 0; i < other.method_->symbols()->size(); ++i) {
    const std::string_view name = other.method_->symbols()->Get(i)->name()->string_view();
    if (name != "position" && name != "end") Set(name, values[i]);
  }
}

void MethodRun::SetFrom(const Run& run) {
  for (uoffset_t i = 0; i < method_->symbols()->size(); ++i) {
    const Setting* setting = run.FindSetting(method_->symbols()->Get(i)->name()->string_view());
    if (setting != nullptr) symbols_[i] = static_cast<int64_t>(setting->value);
  }
}

std::array<int64_t, MethodRun::kMaxSymbols> MethodRun::Symbols() const {
  std::array<int64_t, kMaxSymbols> values = symbols_;
  for (uoffset_t i = 0; i < method_->symbols()->size(); ++i) {
    const fb::Dim* formula = method_->symbols()->Get(i)->formula();
    if (formula != nullptr) values[i] = EvaluateDim(*formula, values);
  }
  return values;
}

Result<MatrixView> MethodRun::View(std::string_view value) const {
  EARSHOT_ASSIGN_OR_RETURN(const int index, session_->FindValue(index_, value));
  const std::array<int64_t, kMaxSymbols> symbols = Symbols();
  return session_->View(index_, index, std::span(symbols).first(method_->symbols()->size()));
}

Status MethodRun::FitLength(std::string_view input, const fb::Dim& dim, int64_t length) {
  const auto fail = [&](const char* problem) {
    return Status::Error(StatusCode::kInvalidArgument, "%s: \"%.*s\" cannot have the length %lld: %s",
                         method_->name()->c_str(), static_cast<int>(input.size()), input.data(),
                         static_cast<long long>(length), problem);
  };
  if (dim.symbol() < 0) {
    if (EvaluateDim(dim, {}) == length) return Status::Ok();
    return fail("the model has a fixed one");
  }
  const size_t index = static_cast<size_t>(dim.symbol());
  // What an input or a formula has decided must suit this one too.
  const bool is_decided = is_fitted_[index] ||
                          method_->symbols()->Get(static_cast<uoffset_t>(dim.symbol()))->formula() != nullptr;
  if (is_decided)
    return EvaluateDim(dim, Symbols()) == length ? Status::Ok()
                                                 : fail("another input has decided on another one");
  const fb::Symbol& symbol = *method_->symbols()->Get(static_cast<uoffset_t>(dim.symbol()));
  // Lengths do not fall as the symbol grows.
  std::array<int64_t, kMaxSymbols> values = symbols_;
  int64_t low = symbol.minimum(), high = symbol.maximum();
  while (low < high) {
    values[index] = low + (high - low) / 2;
    if (EvaluateDim(dim, values) < length) {
      low = values[index] + 1;
    } else {
      high = values[index];
    }
  }
  values[index] = low;
  if (EvaluateDim(dim, values) != length) return fail("the model is not made for it");
  symbols_[index] = low;
  is_fitted_[index] = true;
  return Status::Ok();
}

Status MethodRun::FitInput(std::string_view input, int64_t rows, int64_t cols) {
  EARSHOT_ASSIGN_OR_RETURN(const int index, session_->FindValue(index_, input));
  const fb::Value& value = *method_->values()->Get(static_cast<uoffset_t>(index));
  EARSHOT_RETURN_IF_ERROR(FitLength(input, *value.rows(), rows));
  return FitLength(input, *value.cols(), cols);
}

Status MethodRun::Feed(std::string_view input, const Array& array, int64_t begin, int64_t count) {
  EARSHOT_RETURN_IF_ERROR(FitInput(input, count, array.cols));
  EARSHOT_ASSIGN_OR_RETURN(const MatrixView view, View(input));
  if (view.dtype != array.dtype) {
    return Status::Error(StatusCode::kInvalidArgument, "\"%.*s\" is of type %s, the model wants %s",
                         static_cast<int>(input.size()), input.data(), DTypeName(array.dtype),
                         DTypeName(view.dtype));
  }
  const size_t row_bytes = static_cast<size_t>(array.cols) * kElemBytes;
  for (int64_t row = 0; row < count; ++row) {
    std::memcpy(view.data + static_cast<size_t>(row * view.stride) * kElemBytes,
                array.data + static_cast<size_t>(begin + row) * row_bytes, row_bytes);
  }
  return Status::Ok();
}

Status MethodRun::Feed(std::string_view input, const Array& array) {
  EARSHOT_ASSIGN_OR_RETURN(const int index, session_->FindValue(index_, input));
  const fb::Value& value = *method_->values()->Get(static_cast<uoffset_t>(index));
  // A vector fills one row of a matrix that has only one.
  Array matrix = array;
  const bool is_row = value.rows()->symbol() < 0 && EvaluateDim(*value.rows(), {}) == 1;
  if (array.rank == 1 && is_row) std::swap(matrix.rows, matrix.cols);
  return Feed(input, matrix, 0, matrix.rows);
}

Status MethodRun::FeedAll(const Run& run) {
  is_fitted_ = {};
  for (const fb::Value* value : *method_->values()) {
    if (value->kind() != fb::ValueKind::Input) continue;
    const Array* array = run.FindInput(NameOf(*value));
    if (array == nullptr) {
      return Status::Error(StatusCode::kNotFound, "%s needs the input \"%s\"", method_->name()->c_str(),
                           value->name() == nullptr ? "" : value->name()->c_str());
    }
    EARSHOT_RETURN_IF_ERROR(Feed(array->name, *array));
  }
  return Status::Ok();
}

Status MethodRun::Execute() {
  is_fitted_ = {};
  const std::array<int64_t, kMaxSymbols> symbols = Symbols();
  return session_->Run(index_, std::span(symbols).first(method_->symbols()->size()));
}

void CopyRows(const MatrixView& view, const Array& array, int64_t begin) {
  const size_t row_bytes = static_cast<size_t>(view.cols) * kElemBytes;
  for (int64_t row = 0; row < view.rows; ++row) {
    std::memcpy(array.data + static_cast<size_t>(begin + row) * row_bytes,
                view.data + static_cast<size_t>(row * view.stride) * kElemBytes, row_bytes);
  }
}

Status MethodRun::KeepOutputs(Run& run) const {
  for (const fb::Value* value : *method_->values()) {
    if (value->kind() != fb::ValueKind::Output) continue;
    EARSHOT_ASSIGN_OR_RETURN(const MatrixView view, View(NameOf(*value)));
    EARSHOT_ASSIGN_OR_RETURN(
        const Array* array,
        run.AddOutput(NameOf(*value), {.dtype = view.dtype, .rows = view.rows, .cols = view.cols}));
    CopyRows(view, *array, 0);
  }
  return Status::Ok();
}

}  // namespace earshot::loops
