// Field by field comparison of graphs.
#include "tests/support/same_graph.h"

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <variant>

namespace earshot::test {
namespace {

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

bool Same(const ir::Tensor& a, const ir::Tensor& b) {
  return a.name == b.name && a.rows == b.rows && a.cols == b.cols && a.dtype == b.dtype &&
         SameBits(a.values, b.values) && a.data == b.data && a.scales == b.scales;
}

bool Same(const ir::State& a, const ir::State& b) {
  return a.name == b.name && a.dtype == b.dtype && a.rows == b.rows && a.cols == b.cols &&
         a.offset_bytes == b.offset_bytes;
}

bool Same(const ir::Symbol& a, const ir::Symbol& b) {
  return a.name == b.name && a.maximum == b.maximum && a.minimum == b.minimum && a.formula == b.formula;
}

bool Same(const ir::Value& a, const ir::Value& b) {
  return a.name == b.name && a.kind == b.kind && a.dtype == b.dtype && a.rows == b.rows && a.cols == b.cols &&
         a.offset_bytes == b.offset_bytes && a.tensor == b.tensor && a.state == b.state && a.base == b.base &&
         a.row_begin == b.row_begin && a.col_begin == b.col_begin && a.is_transient == b.is_transient;
}

struct SameAttributes {
  bool operator()(const ir::Linear& a, const ir::Linear& b) const {
    return a.activation == b.activation && a.is_ranked == b.is_ranked && a.ranked_begin == b.ranked_begin;
  }
  bool operator()(const ir::Conv1d& a, const ir::Conv1d& b) const {
    return a.kernel == b.kernel && a.stride == b.stride && a.padding == b.padding &&
           a.activation == b.activation;
  }
  bool operator()(const ir::LayerNorm& a, const ir::LayerNorm& b) const {
    return SameBits({a.epsilon}, {b.epsilon});
  }
  bool operator()(const ir::Add&, const ir::Add&) const { return true; }
  bool operator()(const ir::Embedding&, const ir::Embedding&) const { return true; }
  bool operator()(const ir::Attention& a, const ir::Attention& b) const {
    return a.num_heads == b.num_heads && a.num_kv_heads == b.num_kv_heads && SameBits({a.scale}, {b.scale}) &&
           a.pattern == b.pattern && a.heads == b.heads && a.side_by_side == b.side_by_side;
  }
  bool operator()(const ir::Activate& a, const ir::Activate& b) const { return a.activation == b.activation; }
  bool operator()(const ir::FeedForward& a, const ir::FeedForward& b) const {
    return a.activation == b.activation;
  }
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    if constexpr (std::is_same_v<A, B>) {
      return a == b;  // the schema's own type
    } else {
      return false;
    }
  }
};

bool Same(const ir::Op& a, const ir::Op& b) {
  return a.name == b.name && a.inputs == b.inputs && a.outputs == b.outputs &&
         std::visit(SameAttributes(), a.attributes, b.attributes);
}

template <class T>
std::string DifferenceInList(const std::string& what, const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size())
    return what + ": " + std::to_string(a.size()) + " and " + std::to_string(b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    if (!Same(a[i], b[i])) return what + " " + std::to_string(i) + ": " + a[i].name + " and " + b[i].name;
  }
  return "";
}

std::string DifferenceInMethod(const ir::Method& a, const ir::Method& b) {
  if (a.name != b.name) return "methods " + a.name + " and " + b.name;
  for (const std::string& difference :
       {DifferenceInList("symbol", a.symbols, b.symbols), DifferenceInList("value", a.values, b.values),
        DifferenceInList("op", a.ops, b.ops)}) {
    if (!difference.empty()) return "method " + a.name + ", " + difference;
  }
  return "";
}

std::string DifferenceInText(const ir::Graph& a, const ir::Graph& b) {
  if (a.tokenizer.pieces != b.tokenizer.pieces) return "pieces of the tokenizer";
  if (a.tokenizer.special_tokens != b.tokenizer.special_tokens) return "special tokens";
  if (a.tokenizer.timestamp_begin != b.tokenizer.timestamp_begin) return "begin of the timestamps";
  if (a.tokenizer.timestamp_step_ms != b.tokenizer.timestamp_step_ms) return "step of the timestamps";
  if (a.generation.suppressed_tokens != b.generation.suppressed_tokens) return "suppressed tokens";
  if (a.generation.begin_suppressed_tokens != b.generation.begin_suppressed_tokens)
    return "tokens suppressed at the begin";
  if (a.generation.max_initial_timestamp_index != b.generation.max_initial_timestamp_index)
    return "largest initial timestamp";
  return "";
}

std::string DifferenceInAudio(const ir::AudioFrontEnd& a, const ir::AudioFrontEnd& b) {
  const bool same = a.sample_rate_hz == b.sample_rate_hz && a.fft_length == b.fft_length &&
                    a.hop_length == b.hop_length && a.num_mels == b.num_mels &&
                    a.mel_filters == b.mel_filters;
  return same ? "" : "audio front end";
}

}  // namespace

std::string FirstDifference(const ir::Graph& a, const ir::Graph& b) {
  if (a.family != b.family) return "families " + a.family + " and " + b.family;
  if (a.int4_exceptions != b.int4_exceptions) return "tensors that int4 would spoil";
  for (const std::string& difference :
       {DifferenceInList("tensor", a.tensors, b.tensors), DifferenceInList("state", a.states, b.states),
        DifferenceInText(a, b), DifferenceInAudio(a.audio, b.audio)}) {
    if (!difference.empty()) return difference;
  }
  if (a.methods.size() != b.methods.size()) return "number of methods";
  for (size_t i = 0; i < a.methods.size(); ++i) {
    const std::string difference = DifferenceInMethod(a.methods[i], b.methods[i]);
    if (!difference.empty()) return difference;
  }
  return "";
}

}  // namespace earshot::test
