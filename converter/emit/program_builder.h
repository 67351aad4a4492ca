// Turns the graph into FlatBuffer tables, part by part. Used by flatbuffer_writer.cc.
#ifndef EARSHOT_CONVERTER_EMIT_PROGRAM_BUILDER_H_
#define EARSHOT_CONVERTER_EMIT_PROGRAM_BUILDER_H_

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "converter/emit/weights_layout.h"
#include "converter/ir/graph.h"
#include "runtime/core/status.h"
#include "runtime/schema/model_generated.h"

namespace earshot::emit {

class ProgramBuilder {
 public:
  ProgramBuilder(const ir::Graph& graph, const WeightsLayout& layout) : graph_(graph), layout_(layout) {}

  // Once. kUnsupported names the first number that does not fit its field.
  Result<std::vector<uint8_t>> Build() &&;

 private:
  template <class T>
  using Offset = flatbuffers::Offset<T>;
  template <class T>
  using Offsets = flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<T>>>;

  // The number as a field of the schema; 0 and an error to report if it does not fit.
  template <class T>
  T Narrow(int64_t number, const char* what) {
    if (std::in_range<T>(number)) return static_cast<T>(number);
    if (status_.ok()) {
      status_ = Status::Error(StatusCode::kUnsupported, "%s is %lld, which the file format cannot hold", what,
                              static_cast<long long>(number));
    }
    return T{};
  }

  // One table for each item.
  template <class T, class Items, class Make>
  Offsets<T> Vector(const Items& items, const Make& make) {
    std::vector<Offset<T>> offsets;
    offsets.reserve(items.size());
    for (const auto& item : items) offsets.push_back(make(item));
    return builder_.CreateVector(offsets);
  }

  Offset<flatbuffers::String> Text(const std::string& text) { return builder_.CreateString(text); }
  Offset<flatbuffers::Vector<uint32_t>> Ids(const std::vector<int64_t>& ids);

  fb::Dim ToDim(const ir::Dim& dim);
  Offset<fb::Tensor> AddTensor(size_t index);
  Offset<fb::State> AddState(const ir::State& state);
  Offset<fb::Value> AddValue(const ir::Value& value);
  Offset<fb::HeadPattern> AddHeadPattern(const ir::HeadPattern& pattern);
  Offset<fb::Attention> AddAttention(const ir::Attention& attention);
  Offset<fb::Op> AddOp(const ir::Op& op);
  Offset<fb::Method> AddMethod(const ir::Method& method);
  Offset<fb::MemoryPlan> AddMemoryPlan();
  Offset<fb::AudioFrontEnd> AddAudio();
  Offset<fb::Tokenizer> AddTokenizer();
  Offset<fb::GenerationSettings> AddGeneration();
  Offsets<fb::Loop> AddLoops();

  std::pair<fb::OpAttributes, Offset<void>> AddAttributes(const ir::Attributes& attributes);

  const ir::Graph& graph_;
  const WeightsLayout& layout_;
  flatbuffers::FlatBufferBuilder builder_;
  Status status_;
};

}  // namespace earshot::emit

#endif  // EARSHOT_CONVERTER_EMIT_PROGRAM_BUILDER_H_
