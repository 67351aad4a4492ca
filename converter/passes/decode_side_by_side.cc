// Add beams, add windows: derive from `decode`, which continues one sequence, a method that continues several
// ones by a token each. All weights are read once for all of them.
//
//   decode_beams     beams of a search, or samples: they listen to the same window, whose keys and values are
//   read once, too decode_windows   windows of one recording: each listens to its own
//
// The caches of what was said are interleaved: row p * N + i holds position p of sequence i, where N is the
// greatest number of sequences. What a run adds are neighbouring rows then, one for each sequence; and the
// keys that one sees are every N-th row back from its own: a causal, dilated head. What windows listen to
// lies window after window, in as many rows each as the run has frames (ir::Attention::side_by_side).
//
// decode                                              decode_beams, decode_windows
// symbol tokens: rows of this run                     symbol beams or windows, at most N
// symbol position: tokens in the cache                the same, of each sequence
// symbol end = position + tokens                      symbol end = position * N + beams: rows in use
// symbol frames: heard in the window                  the same, or of windows: symbol keys = windows * frames
// states written from row `position` on               states of their own, N times as long
// states that are read alone                          the same, or of windows: states of their own, N times
// as long constants from row `position` on                    one row, which all sequences share one row,
// that of the last token                     all rows
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "converter/ir/dim.h"
#include "converter/passes/pass.h"

namespace earshot::passes {
namespace {

constexpr const char kSource[] = "decode";

struct Wanted {
  const char* method;
  const char* symbol;
  const char* state_prefix;
  ir::SideBySide size;
  bool hear_the_same;
};

class SideBySideMethod {
 public:
  SideBySideMethod(ir::Graph& graph, const ir::Method& decode, const Wanted& wanted)
      : graph_(graph),
        method_(decode),
        wanted_(wanted),
        sequences_(wanted.size.sequences),
        tokens_(FindSymbol("tokens")),
        position_(FindSymbol("position")),
        end_(FindSymbol("end")),
        frames_(FindSymbol("frames")) {}

  Status Derive() {
    if (tokens_ == ir::kNone || position_ == ir::kNone || end_ == ir::kNone ||
        (frames_ == ir::kNone && !wanted_.hear_the_same)) {
      return Status::Error(StatusCode::kInternal, "\"%s\" lacks a symbol tokens, position, end or frames",
                           kSource);
    }
    const int64_t positions =
        std::min(wanted_.size.positions, Symbol(end_).maximum);  // which may have been limited
    method_.name = wanted_.method;
    method_.optional = true;
    Symbol(tokens_) = {.name = wanted_.symbol, .maximum = sequences_};
    Symbol(position_).maximum = positions - 1;
    Symbol(end_) = {.name = "end", .maximum = positions * sequences_};
    if (!wanted_.hear_the_same)
      Symbol(frames_) = {.name = "keys", .maximum = Symbol(frames_).maximum * sequences_};
    for (ir::Value& value : method_.values) {
      if (value.kind != ir::ValueKind::kState) continue;
      const bool is_cache = IsCache(value);
      if (is_cache || !wanted_.hear_the_same) GiveOwnState(value, is_cache ? positions : value.rows.addend);
    }
    for (ir::Value& value : method_.values) Rewrite(value);
    for (ir::Op& op : method_.ops) EARSHOT_RETURN_IF_ERROR(RewriteAttention(op));
    return Status::Ok();
  }

  ir::Method Take() && { return std::move(method_); }

 private:
  int FindSymbol(const std::string& name) const {
    const auto found = std::ranges::find(method_.symbols, name, &ir::Symbol::name);
    return found == method_.symbols.end() ? ir::kNone : static_cast<int>(found - method_.symbols.begin());
  }
  ir::Symbol& Symbol(int index) { return method_.symbols[static_cast<size_t>(index)]; }
  ir::Dim Sequences() const { return ir::Dim::Of(tokens_); }
  bool IsAtPosition(const ir::Value& view) const {
    return ir::SameLength(view.row_begin, ir::Dim::Of(position_));
  }

  const ir::Value& BaseOf(const ir::Value& view) const {
    return method_.values[static_cast<size_t>(view.base)];
  }

  bool IsCache(const ir::Value& state) const {
    return std::ranges::any_of(method_.values, [&](const ir::Value& view) {
      return view.kind == ir::ValueKind::kView && &BaseOf(view) == &state && IsAtPosition(view);
    });
  }

  void GiveOwnState(ir::Value& value, int64_t rows) {
    ir::State state = graph_.states[static_cast<size_t>(value.state)];
    state.name = wanted_.state_prefix + state.name;
    state.rows = rows * sequences_;
    value.name = state.name;
    value.rows = ir::Dim::Fixed(state.rows);
    value.state = static_cast<int>(graph_.states.size());
    graph_.states.push_back(std::move(state));
  }

  void Rewrite(ir::Value& value) const {
    switch (value.kind) {
      case ir::ValueKind::kConstant:
      case ir::ValueKind::kState:
        return;
      case ir::ValueKind::kView:
        return RewriteView(value);
      default:
        value.rows = Sequences();
    }
  }

  void RewriteView(ir::Value& view) const {
    switch (BaseOf(view).kind) {
      case ir::ValueKind::kConstant:
        if (IsAtPosition(view)) view.rows = ir::Dim::Fixed(1);
        return;
      case ir::ValueKind::kState:
        if (!IsAtPosition(view)) return;
        view.row_begin = ir::Dim::Of(position_, sequences_);
        view.rows = Sequences();
        return;
      default:
        view.row_begin = ir::Dim::Fixed(0);
        view.rows = Sequences();
    }
  }

  Status RewriteAttention(ir::Op& op) {
    auto* attention = std::get_if<ir::Attention>(&op.attributes);
    if (attention == nullptr) return Status::Ok();
    if (attention->pattern == ir::PatternKind::kFull) {
      attention->side_by_side = !wanted_.hear_the_same;
      return Status::Ok();
    }
    if (attention->pattern != ir::PatternKind::kCausal) {
      return Status::Error(StatusCode::kUnsupported, "\"%s\" has a pattern of heads; %s want none",
                           op.name.c_str(), wanted_.symbol);
    }
    const int64_t all = Symbol(position_).maximum;
    attention->pattern = ir::PatternKind::kHeads;
    attention->heads = {
        {.selections = {{.kind = ir::SelectionKind::kDilated, .left = all, .step = sequences_}},
         .causal = true}};
    return Status::Ok();
  }

  ir::Graph& graph_;
  ir::Method method_;
  Wanted wanted_;
  int64_t sequences_;  // N
  int tokens_, position_, end_, frames_;
};

Status Derive(ir::Graph& graph, const Wanted& wanted) {
  const auto decode = std::ranges::find(graph.methods, kSource, &ir::Method::name);
  if (decode == graph.methods.end()) {
    return Status::Error(StatusCode::kInternal, "there is no method \"%s\" to derive \"%s\" from", kSource,
                         wanted.method);
  }
  SideBySideMethod derived(graph, *decode, wanted);
  if (const Status status = derived.Derive(); !status.ok()) return status;
  graph.methods.push_back(std::move(derived).Take());
  return Status::Ok();
}

}  // namespace

Status AddBeams(ir::Graph& graph) {
  if (graph.beams.sequences == 0) return Status::Ok();
  return Derive(graph, {.method = "decode_beams",
                        .symbol = "beams",
                        .state_prefix = "beams_",
                        .size = graph.beams,
                        .hear_the_same = true});
}

Status AddWindows(ir::Graph& graph) {
  if (graph.windows.sequences == 0) return Status::Ok();
  return Derive(graph, {.method = "decode_windows",
                        .symbol = "windows",
                        .state_prefix = "windows_",
                        .size = graph.windows,
                        .hear_the_same = false});
}

}  // namespace earshot::passes
