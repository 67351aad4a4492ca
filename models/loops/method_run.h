// A method of a session with the values of its symbols: how loops and `earshot run` drive it.
#ifndef EARSHOT_MODELS_LOOPS_METHOD_RUN_H_
#define EARSHOT_MODELS_LOOPS_METHOD_RUN_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "models/loops/arrays.h"
#include "runtime/core/matrix_view.h"
#include "runtime/core/status.h"
#include "runtime/engine/session.h"

namespace earshot::loops {

// Borrows the session. Never allocates. Symbols begin at their least values. By convention (models/README.md)
// `position` is the number of rows that a cache holds before the run, and `end` the number after it.
class MethodRun {
 public:
  // kNotFound names a method that is not there.
  static Result<MethodRun> Bind(Session& session, std::string_view method);

  const fb::Method& method() const { return *method_; }
  std::string_view name() const { return method_->name()->string_view(); }

  // Sets a symbol of that name if the method has one.
  void Set(std::string_view symbol, int64_t value);
  int64_t SymbolOr(std::string_view symbol, int64_t absent) const;
  // Sets what both methods have, `position` and `end` apart.
  void SetAsIn(const MethodRun& other);
  // Sets those symbols of the method that a run's settings name.
  void SetFrom(const Run& run);

  // An input or output for the symbols as they are. kNotFound.
  Result<MatrixView> View(std::string_view value) const;
  bool HasValue(std::string_view value) const { return session_->FindValue(index_, value).ok(); }

  // Gives the symbols behind an input's lengths the values that make it [rows, cols]. kInvalidArgument says
  // how long it can be, or that two inputs want different values.
  Status FitInput(std::string_view input, int64_t rows, int64_t cols);

  // Fits and copies rows [begin, begin + count) of the array; all of them with the second form.
  Status Feed(std::string_view input, const Array& array, int64_t begin, int64_t count);
  Status Feed(std::string_view input, const Array& array);
  // Every input of the method out of the run's inputs. kNotFound names one that is missing.
  Status FeedAll(const Run& run);

  Status Execute();

  // Copies each output of the method into a new array of the run.
  Status KeepOutputs(Run& run) const;

 private:
  static constexpr size_t kMaxSymbols = 16;

  // Symbols with a formula follow the others.
  std::array<int64_t, kMaxSymbols> Symbols() const;
  Status FitLength(std::string_view input, const fb::Dim& dim, int64_t length);

  Session* session_ = nullptr;
  int index_ = 0;
  const fb::Method* method_ = nullptr;
  std::array<int64_t, kMaxSymbols> symbols_ = {};
  std::array<bool, kMaxSymbols> is_fitted_ = {};  // by an input, since the last run
};

// Rows of `view` into the array from row `begin` on.
void CopyRows(const MatrixView& view, const Array& array, int64_t begin);

}  // namespace earshot::loops

#endif  // EARSHOT_MODELS_LOOPS_METHOD_RUN_H_
