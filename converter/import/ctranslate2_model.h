// Reader of the container CTranslate2 keeps models in, `model.bin` (binary versions 2 to 6): named arrays and
// aliases. Little endian, packed; a string is a u16 length that counts its trailing NUL, then the bytes:
//   u32 version, string spec, u32 revision, u32 n, n variables, from version 3 on u32 m, m pairs of strings
//   (alias, target). A variable from version 4 on: string name, u8 rank, u32 dims[rank], u8 type, u32 bytes,
//   data; type 0 f32, 1 int8, 2 int16, 3 int32, 4 f16, 5 bf16. Before version 4: u8 bytes per element (4 f32,
//   2 int16, 1 int8) and u32 elements in their place.
// Quantized weights w = q / scale with `<name>_scale`: one for each row (int8) or one number (int16).
#ifndef EARSHOT_CONVERTER_IMPORT_CTRANSLATE2_MODEL_H_
#define EARSHOT_CONVERTER_IMPORT_CTRANSLATE2_MODEL_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "converter/import/checkpoint_file.h"
#include "converter/import/numbers.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

struct Ct2Variable {
  NumberType type = NumberType::kF32;
  std::vector<int64_t> shape;  // empty for a scalar
  uint64_t offset_bytes = 0;   // from the begin of the file

  // Length of the first dimension, and elements of one row; a scalar is one row of one.
  int64_t num_rows() const { return shape.empty() ? 1 : shape[0]; }
  uint64_t row_elems() const;
};

struct RowRange {
  int64_t begin = 0;
  int64_t count = 0;
};

// Owns the file.
class Ct2Model {
 public:
  // Reads the table of contents. kInvalidModel if the file contradicts itself, kUnsupported for versions and
  // types that are not known.
  static Result<Ct2Model> Read(CheckpointFile file);

  const std::string& spec() const { return spec_; }
  int64_t revision() const { return revision_; }
  const std::map<std::string, Ct2Variable>& variables() const { return variables_; }

  // The variable of a name or alias under its own name; nullptr.
  const std::pair<const std::string, Ct2Variable>* Find(const std::string& name) const;

  std::vector<std::string> AliasNames() const;

  // The one element of a variable, as stored: settings are small integers and never scaled. Precondition as
  // for ReadRows.
  Result<double> ReadScalar(const std::string& name);

  // Rows of a variable as f32, dequantized. Precondition: the variable is of this model, and the rows are in
  // it. kInvalidModel if its scale is missing or a value is not finite, kUnsupported if its numbers are of a
  // type that settings have but weights have not; kIo.
  Result<std::vector<float>> ReadRows(const std::string& name, RowRange rows);

 private:
  explicit Ct2Model(CheckpointFile file) : file_(std::move(file)) {}

  Status ReadVariable(Cursor& cursor, uint32_t version);
  Status ReadAliases(Cursor& cursor);
  Result<std::vector<float>> ReadStored(const Ct2Variable& variable, RowRange rows);
  Result<std::vector<float>> ReadScales(const std::string& name, RowRange rows);

  CheckpointFile file_;
  std::string spec_;
  int64_t revision_ = 0;
  std::map<std::string, Ct2Variable> variables_;
  std::map<std::string, std::string> aliases_;  // to names in variables_
};

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_CTRANSLATE2_MODEL_H_
