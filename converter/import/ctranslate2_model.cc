// Table of contents of a CTranslate2 model, and dequantized reading.
#include "converter/import/ctranslate2_model.h"

#include <cstddef>
#include <span>
#include <utility>

namespace earshot::checkpoint {
namespace {

constexpr uint32_t kOldestVersion = 2;
constexpr uint32_t kNewestVersion = 6;
constexpr uint32_t kFirstVersionWithAliases = 3;
constexpr uint32_t kFirstVersionWithTypes = 4;

Result<std::string> ReadName(Cursor& cursor, const char* what) {
  EARSHOT_ASSIGN_OR_RETURN(const uint16_t size, cursor.ReadNumber<uint16_t>(what));
  EARSHOT_ASSIGN_OR_RETURN(std::string name, cursor.ReadString(size, what));
  if (name.find('\0') != name.size() - 1 || name.size() < 2) {
    return Status::Error(StatusCode::kInvalidModel,
                         "%s at byte %llu is not a name; is this a CTranslate2 model?", what,
                         static_cast<unsigned long long>(cursor.offset_bytes()));
  }
  name.pop_back();
  return name;
}

Result<NumberType> TypeOfId(uint8_t id) {
  switch (id) {
    case 0:
      return NumberType::kF32;
    case 1:
      return NumberType::kI8;
    case 2:
      return NumberType::kI16;
    case 3:
      return NumberType::kI32;
    case 4:
      return NumberType::kF16;
    case 5:
      return NumberType::kBF16;
    default:
      return Status::Error(StatusCode::kUnsupported, "it is of type %u, which this converter does not know",
                           id);
  }
}

Result<NumberType> TypeOfItemSize(uint8_t bytes) {
  switch (bytes) {
    case 4:
      return NumberType::kF32;
    case 2:
      return NumberType::kI16;
    case 1:
      return NumberType::kI8;
    default:
      return Status::Error(StatusCode::kInvalidModel, "its elements have %u bytes", bytes);
  }
}

struct StoredSize {
  NumberType type = NumberType::kF32;
  uint64_t bytes = 0;
};

Result<StoredSize> ReadStoredSize(Cursor& cursor, uint32_t version) {
  EARSHOT_ASSIGN_OR_RETURN(const uint8_t type_field, cursor.ReadNumber<uint8_t>("a type"));
  EARSHOT_ASSIGN_OR_RETURN(const uint32_t size_field, cursor.ReadNumber<uint32_t>("a size"));
  if (version >= kFirstVersionWithTypes) {
    EARSHOT_ASSIGN_OR_RETURN(const NumberType type, TypeOfId(type_field));
    return StoredSize{type, size_field};
  }
  EARSHOT_ASSIGN_OR_RETURN(const NumberType type, TypeOfItemSize(type_field));
  return StoredSize{type, uint64_t{size_field} * type_field};
}

}  // namespace

uint64_t Ct2Variable::row_elems() const {
  uint64_t elems = 1;
  for (size_t i = 1; i < shape.size(); ++i) elems *= static_cast<uint64_t>(shape[i]);
  return elems;
}

Result<Ct2Model> Ct2Model::Read(CheckpointFile file) {
  Ct2Model model(std::move(file));
  Cursor cursor(model.file_);
  EARSHOT_ASSIGN_OR_RETURN(const uint32_t version, cursor.ReadNumber<uint32_t>("the version"));
  if (version < kOldestVersion || version > kNewestVersion) {
    return Status::Error(StatusCode::kUnsupported,
                         "%s: binary version %u; this converter reads CTranslate2 models of version %u to %u",
                         model.file_.name().c_str(), version, kOldestVersion, kNewestVersion);
  }
  EARSHOT_ASSIGN_OR_RETURN(model.spec_, ReadName(cursor, "the name of the model"));
  EARSHOT_ASSIGN_OR_RETURN(const uint32_t revision, cursor.ReadNumber<uint32_t>("the revision"));
  model.revision_ = revision;
  EARSHOT_ASSIGN_OR_RETURN(const uint32_t num_variables,
                           cursor.ReadNumber<uint32_t>("the number of variables"));
  for (uint32_t i = 0; i < num_variables; ++i) EARSHOT_RETURN_IF_ERROR(model.ReadVariable(cursor, version));
  if (version >= kFirstVersionWithAliases) EARSHOT_RETURN_IF_ERROR(model.ReadAliases(cursor));
  if (cursor.remaining_bytes() != 0) {
    return Status::Error(StatusCode::kInvalidModel, "%s: %llu bytes follow after its end",
                         model.file_.name().c_str(),
                         static_cast<unsigned long long>(cursor.remaining_bytes()));
  }
  return model;
}

Status Ct2Model::ReadVariable(Cursor& cursor, uint32_t version) {
  EARSHOT_ASSIGN_OR_RETURN(const std::string name, ReadName(cursor, "the name of a variable"));
  Ct2Variable variable;
  EARSHOT_ASSIGN_OR_RETURN(const uint8_t rank, cursor.ReadNumber<uint8_t>("a rank"));
  for (uint8_t i = 0; i < rank; ++i) {
    EARSHOT_ASSIGN_OR_RETURN(const uint32_t length, cursor.ReadNumber<uint32_t>("a shape"));
    variable.shape.push_back(length);
  }
  Result<StoredSize> size = ReadStoredSize(cursor, version);
  if (!size.ok()) return size.status().WithContext("variable %s", name.c_str());
  variable.type = size->type;
  variable.offset_bytes = cursor.offset_bytes();
  const std::optional<uint64_t> elems = NumElements(variable.shape, cursor.remaining_bytes());
  if (!elems || *elems == 0 || *elems * NumberBytes(size->type) != size->bytes) {
    return Status::Error(
        StatusCode::kInvalidModel, "variable %s: shape %s does not make %llu bytes, or the file is cut short",
        name.c_str(), ShapeText(variable.shape).c_str(), static_cast<unsigned long long>(size->bytes));
  }
  EARSHOT_RETURN_IF_ERROR(cursor.Skip(size->bytes, "a variable"));
  if (variables_.emplace(name, std::move(variable)).second) return Status::Ok();
  return Status::Error(StatusCode::kInvalidModel, "two variables are named %s", name.c_str());
}

Status Ct2Model::ReadAliases(Cursor& cursor) {
  EARSHOT_ASSIGN_OR_RETURN(const uint32_t num_aliases, cursor.ReadNumber<uint32_t>("the number of aliases"));
  for (uint32_t i = 0; i < num_aliases; ++i) {
    EARSHOT_ASSIGN_OR_RETURN(const std::string alias, ReadName(cursor, "an alias"));
    EARSHOT_ASSIGN_OR_RETURN(const std::string target, ReadName(cursor, "the target of an alias"));
    if (!variables_.contains(target)) {
      return Status::Error(StatusCode::kInvalidModel, "%s is an alias of %s, which does not exist",
                           alias.c_str(), target.c_str());
    }
    if (variables_.contains(alias) || !aliases_.emplace(alias, target).second) {
      return Status::Error(StatusCode::kInvalidModel, "two variables or aliases are named %s", alias.c_str());
    }
  }
  return Status::Ok();
}

const std::pair<const std::string, Ct2Variable>* Ct2Model::Find(const std::string& name) const {
  const auto alias = aliases_.find(name);
  const auto variable = variables_.find(alias == aliases_.end() ? name : alias->second);
  return variable == variables_.end() ? nullptr : &*variable;
}

std::vector<std::string> Ct2Model::AliasNames() const {
  std::vector<std::string> names;
  for (const auto& [alias, target] : aliases_) names.push_back(alias);
  return names;
}

Result<double> Ct2Model::ReadScalar(const std::string& name) {
  EARSHOT_ASSIGN_OR_RETURN(const std::vector<float> values, ReadStored(variables_.at(name), {0, 1}));
  return static_cast<double>(values[0]);
}

Result<std::vector<float>> Ct2Model::ReadStored(const Ct2Variable& variable, RowRange rows) {
  const uint64_t row_bytes = variable.row_elems() * NumberBytes(variable.type);
  std::vector<std::byte> bytes(static_cast<size_t>(static_cast<uint64_t>(rows.count) * row_bytes));
  EARSHOT_RETURN_IF_ERROR(
      file_.Read(variable.offset_bytes + static_cast<uint64_t>(rows.begin) * row_bytes, bytes));
  return ToFloats(variable.type, bytes);
}

// One scale for each of the rows.
Result<std::vector<float>> Ct2Model::ReadScales(const std::string& name, RowRange rows) {
  const auto* entry = Find(name + "_scale");
  if (entry == nullptr)
    return Status::Error(StatusCode::kInvalidModel, "variable %s is quantized but has no scale",
                         name.c_str());
  const Ct2Variable& scale = entry->second;
  const bool is_float =
      scale.type == NumberType::kF32 || scale.type == NumberType::kF16 || scale.type == NumberType::kBF16;
  const bool is_single = scale.num_rows() == 1 && scale.row_elems() == 1;
  if (!is_float ||
      (!is_single && (scale.shape.size() != 1 || scale.num_rows() != variables_.at(name).num_rows()))) {
    return Status::Error(StatusCode::kInvalidModel, "variable %s of shape %s does not fit the scale %s",
                         name.c_str(), ShapeText(variables_.at(name).shape).c_str(),
                         ShapeText(scale.shape).c_str());
  }
  if (!is_single) return ReadStored(scale, rows);
  EARSHOT_ASSIGN_OR_RETURN(const std::vector<float> single, ReadStored(scale, {0, 1}));
  return std::vector<float>(static_cast<size_t>(rows.count), single[0]);
}

Result<std::vector<float>> Ct2Model::ReadRows(const std::string& name, RowRange rows) {
  const Ct2Variable& variable = variables_.at(name);
  if (variable.type == NumberType::kI32) {
    return Status::Error(StatusCode::kUnsupported,
                         "variable %s is of the type int32, which is none of weights", name.c_str());
  }
  EARSHOT_ASSIGN_OR_RETURN(std::vector<float> values, ReadStored(variable, rows));
  if (variable.type == NumberType::kI8 || variable.type == NumberType::kI16) {
    EARSHOT_ASSIGN_OR_RETURN(const std::vector<float> scales, ReadScales(name, rows));
    const size_t row_elems = static_cast<size_t>(variable.row_elems());
    for (size_t i = 0; i < values.size(); ++i) values[i] /= scales[i / row_elems];
  }
  EARSHOT_RETURN_IF_ERROR(CheckFinite(name, values));
  return values;
}

}  // namespace earshot::checkpoint
