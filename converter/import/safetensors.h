// Reader of safetensors files: 8 bytes length of the header (little endian), the header (JSON: name -> dtype,
// shape, data_offsets), then the data, which the tensors fill without gap or overlap.
// https://github.com/huggingface/safetensors (format section of its README).
#ifndef EARSHOT_CONVERTER_IMPORT_SAFETENSORS_H_
#define EARSHOT_CONVERTER_IMPORT_SAFETENSORS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "converter/import/checkpoint_file.h"
#include "converter/import/numbers.h"
#include "converter/ir/weight_source.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

struct SafetensorsEntry {
  NumberType type = NumberType::kF32;
  std::vector<int64_t> shape;
  uint64_t offset_bytes = 0;  // from the begin of the file
  uint64_t size_bytes = 0;
};

// The checked header of a file. kInvalidModel names the tensor that is wrong, kUnsupported one of a type that
// is not known.
Result<std::map<std::string, SafetensorsEntry>> ReadSafetensorsHeader(CheckpointFile& file);

// The tensors of one file or of several shards. Owns the files.
class SafetensorsSource final : public ir::WeightSource {
 public:
  // kInvalidModel if a tensor lies in two files.
  static Result<std::unique_ptr<SafetensorsSource>> Create(std::vector<CheckpointFile> files);

  // Names in file `index` of those given to Create.
  std::vector<std::string> NamesInFile(size_t index) const;
  // Shape of a tensor that the source has.
  const std::vector<int64_t>& Shape(const std::string& name) const { return tensors_.at(name).entry.shape; }

  bool Has(const std::string& name) const override { return tensors_.contains(name); }
  std::vector<int64_t> ShapeOf(const std::string& name) const override {
    return Has(name) ? Shape(name) : std::vector<int64_t>();
  }
  Result<std::vector<float>> Take(const std::string& name, const std::vector<int64_t>& shape) override;
  void Drop(const std::string& name) override;
  std::vector<std::string> Unused() const override;

 private:
  struct Tensor {
    SafetensorsEntry entry;
    size_t file = 0;
    bool is_taken = false;
  };

  SafetensorsSource() = default;

  std::vector<CheckpointFile> files_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_SAFETENSORS_H_
