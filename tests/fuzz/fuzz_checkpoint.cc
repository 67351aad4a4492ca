// Fuzzes the checkpoint readers: safetensors bytes or a CTranslate2 model, chosen by the first byte. Whatever
// is accepted must give tensors of the shapes that it states, and a whole graph if it gives one at all.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "converter/import/ctranslate2_whisper.h"
#include "converter/import/import_model.h"
#include "converter/import/safetensors.h"
#include "converter/ir/verifier.h"

namespace {

using earshot::checkpoint::BuildGraph;
using earshot::checkpoint::Checkpoint;
using earshot::checkpoint::CheckpointFile;
using earshot::checkpoint::Ct2Model;
using earshot::checkpoint::Ct2WhisperSource;
using earshot::checkpoint::NumElements;
using earshot::checkpoint::SafetensorsSource;

void Require(bool condition) {
  if (!condition) std::abort();
}

void ReadSafetensors(CheckpointFile file) {
  std::vector<CheckpointFile> files;
  files.push_back(std::move(file));
  const auto source = SafetensorsSource::Create(std::move(files));
  if (!source.ok()) return;
  for (const std::string& name : source.value()->NamesInFile(0)) {
    const std::vector<int64_t> shape = source.value()->Shape(name);
    const auto values = source.value()->Take(name, shape);
    Require(!values.ok() || values.value().size() == NumElements(shape, UINT64_MAX).value());
  }
  Require(source.value()->Unused().empty());
}

void ReadCt2(CheckpointFile file) {
  auto model = Ct2Model::Read(std::move(file));
  if (!model.ok()) return;
  auto source = Ct2WhisperSource::Create(std::move(model).value());
  if (!source.ok()) return;
  Checkpoint checkpoint;
  checkpoint.family = "whisper";
  checkpoint.whisper = source.value()->config();
  checkpoint.tokenizer.pieces.resize(static_cast<size_t>(checkpoint.whisper.vocab_size));
  checkpoint.weights = std::move(source).value();
  const auto graph = BuildGraph(std::move(checkpoint));
  Require(!graph.ok() || earshot::ir::Verify(graph.value()).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  CheckpointFile file = CheckpointFile::FromBytes("fuzz", {begin + 1, begin + size});
  if (data[0] % 2 == 0) {
    ReadSafetensors(std::move(file));
  } else {
    ReadCt2(std::move(file));
  }
  return 0;
}
