// A converted model in memory of its own.
#include "tests/unit/platform/cli/traced_model.h"

#include <cstring>
#include <stdexcept>
#include <vector>

#include "tests/support/exercise_model.h"

namespace earshot::test {
namespace {

MemoryBlock Aligned(const std::vector<std::byte>& bytes) {
  MemoryBlock block = MemoryBlock::Allocate(bytes.size()).value();
  std::memcpy(block.bytes().data(), bytes.data(), bytes.size());
  return block;
}

}  // namespace

TracedModel::TracedModel(DType weights, size_t max_ops)
    : file_(Aligned(ConvertSyntheticWhisper(weights))),
      program_(Program::Load(file_.bytes()).value()),
      trace_(program_, max_ops),
      memory_(MemoryBlock::Allocate(Session::Measure(program_, {})->total_bytes()).value()),
      arena_(memory_.bytes()),
      session_(Session::Create(program_, arena_, {.observer = trace_.observer()}).value()) {}

void TracedModel::Run(std::string_view name) {
  std::vector<int64_t> symbols;
  for (const fb::Symbol* symbol : *method(name).symbols()) symbols.push_back(symbol->minimum());
  const Status status = session_.Run(program_.FindMethod(name), symbols);
  if (!status.ok()) throw std::runtime_error(status.message());
}

const fb::Method& TracedModel::method(std::string_view name) const {
  return *program_.model().methods()->Get(static_cast<flatbuffers::uoffset_t>(program_.FindMethod(name)));
}

}  // namespace earshot::test
