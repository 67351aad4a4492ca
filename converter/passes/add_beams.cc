// Add beams: derives from `decode`, which continues one sequence, a method `decode_beams`, which continues
// several ones by a token each: the beams of a search, or samples. All weights are read once for all of them,
// and so are keys and values of what they listen to.
//
// The caches of the beams are interleaved: row p * B + b holds position p of beam b, where B is the greatest
// number of beams. What a run adds are neighbouring rows then, one for each beam; and the keys that a beam
// sees are every B-th row back from its own: a causal, dilated head. No kernel knows of beams.
//
// decode                                              decode_beams
// symbol tokens: rows of this run                     symbol beams, at most B
// symbol position: tokens in the cache                the same, of each beam
// symbol end = position + tokens                      symbol end = position * B + beams: rows in use
// states written from row `position` on               states of their own, B times as long
// constants from row `position` on                    one row, which all beams share
// one row, that of the last token                     all rows
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
constexpr const char kDerived[] = "decode_beams";

class BeamMethod {
 public:
  BeamMethod(ir::Graph& graph, const ir::Method& decode)
      : graph_(graph),
        method_(decode),
        tokens_(FindSymbol("tokens")),
        position_(FindSymbol("position")),
        end_(FindSymbol("end")) {}

  Status Derive() {
    if (tokens_ == ir::kNone || position_ == ir::kNone || end_ == ir::kNone) {
      return Status::Error(StatusCode::kInternal, "\"%s\" lacks a symbol tokens, position or end", kSource);
    }
    method_.name = kDerived;
    method_.optional = true;
    Symbol(tokens_) = {.name = "beams", .maximum = graph_.beams};
    Symbol(end_) = {.name = "end", .maximum = Symbol(end_).maximum * graph_.beams};
    for (ir::Value& value : method_.values) {
      if (value.kind == ir::ValueKind::kState && IsCache(value)) GiveOwnState(value);
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
  ir::Dim Beams() const { return ir::Dim::Of(tokens_); }
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

  void GiveOwnState(ir::Value& value) {
    ir::State state = graph_.states[static_cast<size_t>(value.state)];
    state.name = "beams_" + state.name;
    state.rows *= graph_.beams;
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
        value.rows = Beams();
    }
  }

  void RewriteView(ir::Value& view) const {
    switch (BaseOf(view).kind) {
      case ir::ValueKind::kConstant:
        if (IsAtPosition(view)) view.rows = ir::Dim::Fixed(1);
        return;
      case ir::ValueKind::kState:
        if (!IsAtPosition(view)) return;
        view.row_begin = ir::Dim::Of(position_, graph_.beams);
        view.rows = Beams();
        return;
      default:
        view.row_begin = ir::Dim::Fixed(0);
        view.rows = Beams();
    }
  }

  Status RewriteAttention(ir::Op& op) {
    auto* attention = std::get_if<ir::Attention>(&op.attributes);
    if (attention == nullptr || attention->pattern == ir::PatternKind::kFull) return Status::Ok();
    if (attention->pattern != ir::PatternKind::kCausal) {
      return Status::Error(StatusCode::kUnsupported, "\"%s\" has a pattern of heads; beams want none",
                           op.name.c_str());
    }
    const int64_t all = Symbol(position_).maximum;
    attention->pattern = ir::PatternKind::kHeads;
    attention->heads = {
        {.selections = {{.kind = ir::SelectionKind::kDilated, .left = all, .step = graph_.beams}},
         .causal = true}};
    return Status::Ok();
  }

  ir::Graph& graph_;
  ir::Method method_;
  int tokens_, position_, end_;
};

}  // namespace

Status AddBeams(ir::Graph& graph) {
  if (graph.beams == 0) return Status::Ok();
  const auto decode = std::ranges::find(graph.methods, kSource, &ir::Method::name);
  if (decode == graph.methods.end())
    return Status::Error(StatusCode::kInternal, "there is no method \"%s\" to add beams to", kSource);
  BeamMethod beams(graph, *decode);
  if (const Status status = beams.Derive(); !status.ok()) return status;
  graph.methods.push_back(std::move(beams).Take());
  return Status::Ok();
}

}  // namespace earshot::passes
