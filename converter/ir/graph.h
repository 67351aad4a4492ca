// The converter's own picture of a model: what readers build, passes rewrite, and the emitter writes.
// It mirrors runtime/schema/model.fbs with owning, editable types; weights are f32 (or f16 as stored) until
// `quantize` runs.
#ifndef EARSHOT_CONVERTER_IR_GRAPH_H_
#define EARSHOT_CONVERTER_IR_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/core/dtype.h"
#include "runtime/kernels/kernels.h"
#include "runtime/schema/model_generated.h"

namespace earshot::ir {

constexpr int kNone = -1;

// floor((symbol * multiplier + addend) / divisor); see fb::Dim.
struct Dim {
  int symbol = kNone;
  int64_t multiplier = 1;
  int64_t addend = 0;
  int64_t divisor = 1;

  static Dim Fixed(int64_t length) { return {kNone, 1, length, 1}; }
  static Dim Of(int symbol, int64_t multiplier = 1) { return {symbol, multiplier, 0, 1}; }
  bool operator==(const Dim&) const = default;
};

struct Symbol {
  std::string name;
  int64_t maximum = 1;
  int64_t minimum = 1;
  std::optional<Dim> formula;  // in terms of an earlier symbol
};

// A weight matrix. Before quantization dtype is kF32 and `values` holds it; the quantize pass fills `data`
// and `scales` in the file's layout (fb::Tensor) and may then drop `values`.
struct Tensor {
  std::string name;
  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<float> values;  // [rows, cols]
  DType dtype = DType::kF32;
  std::vector<std::byte> data;
  std::vector<std::byte> scales;
};

struct State {
  std::string name;
  DType dtype = DType::kF32;
  int64_t rows = 0;
  int64_t cols = 0;
  uint64_t offset_bytes = 0;  // set by the memory plan
  int64_t panel_cols = 0;     // fb::State
};

enum class ValueKind : uint8_t {
  kActivation = 0,
  kInput = 1,
  kOutput = 2,
  kConstant = 3,
  kState = 4,
  kView = 5
};

struct Value {
  std::string name;
  ValueKind kind = ValueKind::kActivation;
  DType dtype = DType::kF32;
  Dim rows;
  Dim cols;
  uint64_t offset_bytes = 0;  // set by the memory plan
  int tensor = kNone;         // kConstant
  int state = kNone;          // kState
  int base = kNone;           // kView: a value that is not itself a view
  Dim row_begin = Dim::Fixed(0);
  int64_t col_begin = 0;
  bool is_transient = false;  // kInput, kOutput: lies among the activations
};

// Whether the plan places it among the activations.
inline bool IsAmongActivations(const Value& value) {
  return value.kind == ValueKind::kActivation || value.is_transient;
}

// Whether the plan places it among the inputs and outputs.
inline bool IsInIo(const Value& value) {
  return (value.kind == ValueKind::kInput || value.kind == ValueKind::kOutput) && !value.is_transient;
}

using kernels::Activation;
enum class PatternKind : uint8_t { kFull = 0, kCausal = 1, kHeads = 2 };
enum class SelectionKind : uint8_t {
  kAll = 0,
  kLocal = 1,
  kGlobal = 2,
  kStrided = 3,
  kPooled = 4,
  kBucket = 5,
  kDilated = 6,
  kListed = 7,
  kBlocks = 8,
  kPaired = 9,
  kSummaries = 10
};
enum class AttentionArithmetic : uint8_t { kF32 = 0, kInt8 = 1 };

// Attributes, one struct for each op of the schema; the operands are listed there.
struct Linear {
  Activation activation = Activation::kNone;
  bool is_ranked = false;
  int64_t ranked_begin = 0;
};
struct Conv1d {
  int64_t kernel = 1, stride = 1, padding = 0;
  Activation activation = Activation::kNone;
  int64_t dilation = 1, groups = 1;
  int64_t padding_end = -1;  // -1: as padding
  bool ends_last = false;
};
struct LayerNorm {
  float epsilon = 1e-5f;
};
struct Add {};
struct Embedding {};
// Keys that a head sees; see fb::KeySelection and fb::HeadPattern.
struct KeySelection {
  SelectionKind kind = SelectionKind::kAll;
  int64_t left = 0, right = 0;  // kLocal, kBucket, kDilated
  int64_t count = 0;            // kGlobal, kBucket, kPaired, kSummaries
  int64_t step = 0;             // kStrided, kPooled, kBucket, kDilated, kBlocks, kPaired, kSummaries
  int64_t offset = 0;           // kStrided, kBucket
  int64_t width = 1;            // kStrided
  // kBlocks: compressed sparse rows
  std::vector<int64_t> block_begins = {}, blocks = {};
  bool operator==(const KeySelection&) const = default;
};
struct HeadPattern {
  std::vector<KeySelection> selections;
  bool causal = false;
  bool own_last = false;
  bool operator==(const HeadPattern&) const = default;
};
struct Attention {
  int64_t num_heads = 1, num_kv_heads = 1;
  float scale = 1.0f;
  PatternKind pattern = PatternKind::kFull;
  AttentionArithmetic arithmetic = AttentionArithmetic::kF32;
  std::vector<HeadPattern> heads = {};  // kHeads: one for all heads, or one for each
  bool past = false;                    // a state holds keys and values of earlier runs
  bool side_by_side = false;            // of sequences: a row of q for each, and an equal part of the keys
};
struct Activate {
  Activation activation = Activation::kNone;
};
struct FeedForward {
  Activation activation = Activation::kNone;  // between the layers
};

// Ops whose attributes are those of the schema: adding one takes a table there, its name here and a rule in
// op_rules.h.
using ScaleShift = fb::ScaleShiftT;
using Binary = fb::BinaryT;
using Unary = fb::UnaryT;
using Normalize = fb::NormalizeT;
using Softmax = fb::SoftmaxT;
using Reduce = fb::ReduceT;
using ArgMax = fb::ArgMaxT;
using MatMul = fb::MatMulT;
using Conv2d = fb::Conv2dT;
using Rotary = fb::RotaryT;
using Lstm = fb::LstmT;
using RelativeShift = fb::RelativeShiftT;
using LinearAttention = fb::LinearAttentionT;
using ReplaceRows = fb::ReplaceRowsT;
using ScatterAdd = fb::ScatterAddT;
using MixBlocks = fb::MixBlocksT;
using RankedSoftmax = fb::RankedSoftmaxT;
using BucketSort = fb::BucketSortT;
using TopRows = fb::TopRowsT;
using ClusterAttention = fb::ClusterAttentionT;
using DropListed = fb::DropListedT;
using fb::Axis, fb::BinaryFunction, fb::GroupLayout, fb::LinearNormalizer, fb::MaskedQuery, fb::Merge,
    fb::NormalizeKind, fb::OwnKey, fb::ReduceFunction, fb::UnaryFunction;

using Attributes = std::variant<Linear, Conv1d, LayerNorm, Add, Embedding, Attention, Activate, FeedForward,
                                ScaleShift, Binary, Unary, Normalize, Softmax, Reduce, ArgMax, MatMul, Conv2d,
                                Rotary, Lstm, RelativeShift, LinearAttention, ReplaceRows, ScatterAdd,
                                MixBlocks, RankedSoftmax, BucketSort, TopRows, ClusterAttention, DropListed>;

struct Op {
  std::string name;
  Attributes attributes;
  std::vector<int> inputs;   // values
  std::vector<int> outputs;  // the result, then states that the op reads and updates in place
};

struct Method {
  std::string name;
  bool optional = false;  // a session has it only if asked to
  std::vector<Symbol> symbols;
  std::vector<Value> values;
  std::vector<Op> ops;
};

struct AudioFrontEnd {
  int64_t sample_rate_hz = 16000, fft_length = 400, hop_length = 160, num_mels = 80;
  int mel_filters = kNone;  // tensor
};

struct Tokenizer {
  std::vector<std::string> pieces;  // raw bytes of each id
  std::map<std::string, int64_t> special_tokens;
  int64_t timestamp_begin = 0;
  int64_t timestamp_step_ms = 20;
};

struct GenerationSettings {
  std::vector<int64_t> suppressed_tokens;
  std::vector<int64_t> begin_suppressed_tokens;
  int64_t max_initial_timestamp_index = 50;
};

// A loop over methods that device code drives (fb::Loop).
struct Loop {
  std::string name;
  std::string driver;
  std::vector<std::string> methods;
  std::map<std::string, double> settings;
};

// Sequences for which a pass derives from `decode` a method that continues them all in one run.
struct SideBySide {
  int64_t sequences = 0;  // at most; 0: there is no such method
  int64_t positions = 0;  // of each, at most those of `decode`
};

// What became of a batch norm, for the report.
struct BatchNormFate {
  std::string method;
  std::string name;
  std::string fate;    // "folded into conv1", "kept as scale and shift"
  std::string reason;  // why it was kept; empty if it was not
};

struct MemoryPlan {
  uint64_t state_bytes = 0;
  uint64_t activation_bytes = 0;
  uint64_t activation_lower_bound_bytes = 0;
  uint64_t io_bytes = 0;
};

// Tensors and states are shared by all methods (encode writes the cross-attention cache that decode reads).
struct Graph {
  std::string family;
  std::string name;
  std::map<std::string, std::string> metadata;
  std::vector<Tensor> tensors;
  std::vector<std::string>
      int4_exceptions;  // shell patterns of tensor names that 4 bits would spoil: int8 instead
  std::vector<std::string> int8_convolutions;  // ... of convolutions that 8 bits do not spoil
  std::vector<std::string> int8_states;        // ... of KV caches that may be kept in 8 bits
  std::vector<std::string> f16_states;         // ... of KV caches that may be kept in f16
  // Shell patterns of the encoder's attention ops, one a layer and in order: those may compute in 8 bits, and
  // be given patterns of heads.
  std::vector<std::string> encoder_attention;
  SideBySide beams;    // of one window
  SideBySide windows;  // of one recording
  std::vector<State> states;
  std::vector<Method> methods;
  MemoryPlan memory_plan;
  AudioFrontEnd audio;
  Tokenizer tokenizer;
  GenerationSettings generation;
  std::vector<Loop> loops;
  std::vector<BatchNormFate> batch_norms;  // filled by the passes; not part of the file
};

}  // namespace earshot::ir

#endif  // EARSHOT_CONVERTER_IR_GRAPH_H_
