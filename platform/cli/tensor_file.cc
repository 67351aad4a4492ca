// Parsing, converting and writing safetensors.
#include "platform/cli/tensor_file.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "platform/files/atomic_file.h"
#include "platform/files/mapped_file.h"
#include "runtime/core/float16.h"

namespace earshot::cli {
namespace {

using Json = nlohmann::json;

static_assert(std::endian::native == std::endian::little,
              "safetensors are little endian and read without swapping");

constexpr uint64_t kMaxHeaderBytes = uint64_t{32} << 20;
constexpr size_t kMaxRank = 2;

template <class... Arguments>
Status Bad(const char* format, Arguments... arguments) {
  return Status::Error(StatusCode::kInvalidArgument, format, arguments...);
}

// Elements of a stored type made into what runs take; false if one does not fit.
template <class Stored, class Wanted>
bool ConvertAll(std::span<const std::byte> in, std::vector<std::byte>& out) {
  const size_t count = in.size() / sizeof(Stored);
  out.resize(count * sizeof(Wanted));
  for (size_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, in.data() + i * sizeof(Stored), sizeof(Stored));
    if constexpr (std::is_integral_v<Stored>) {
      if (!std::in_range<int32_t>(stored)) return false;
    }
    const Wanted wanted = static_cast<Wanted>(stored);
    std::memcpy(out.data() + i * sizeof(Wanted), &wanted, sizeof(Wanted));
  }
  return true;
}

bool ConvertHalfs(std::span<const std::byte> in, std::vector<std::byte>& out) {
  out.resize(in.size() * 2);
  for (size_t i = 0; i < in.size() / 2; ++i) {
    uint16_t bits;
    std::memcpy(&bits, in.data() + 2 * i, sizeof(bits));
    const float wide = ToFloat(Float16{bits});
    std::memcpy(out.data() + 4 * i, &wide, sizeof(wide));
  }
  return true;
}

constexpr struct {
  std::string_view name;
  size_t bytes;
  DType dtype;
  bool (*convert)(std::span<const std::byte> in, std::vector<std::byte>& out);
} kTypes[] = {{"F32", 4, DType::kF32, ConvertAll<float, float>},
              {"F64", 8, DType::kF32, ConvertAll<double, float>},
              {"F16", 2, DType::kF32, ConvertHalfs},
              {"I32", 4, DType::kI32, ConvertAll<int32_t, int32_t>},
              {"I64", 8, DType::kI32, ConvertAll<int64_t, int32_t>},
              {"I16", 2, DType::kI32, ConvertAll<int16_t, int32_t>},
              {"U8", 1, DType::kI32, ConvertAll<uint8_t, int32_t>},
              {"I8", 1, DType::kI32, ConvertAll<int8_t, int32_t>},
              {"BOOL", 1, DType::kI32, ConvertAll<uint8_t, int32_t>}};

// Whole numbers >= 0; nothing if it is no list of them.
std::optional<std::vector<uint64_t>> Numbers(const Json& tensor, const char* key) {
  const auto found = tensor.find(key);
  if (found == tensor.end() || !found->is_array()) return std::nullopt;
  std::vector<uint64_t> numbers;
  for (const Json& item : *found) {
    if (!item.is_number_unsigned()) return std::nullopt;
    numbers.push_back(item.get<uint64_t>());
  }
  return numbers;
}

Result<TensorContent> ParseTensor(const Json& tensor, std::span<const std::byte> data) {
  if (!tensor.is_object() || !tensor.contains("dtype") || !tensor["dtype"].is_string())
    return Bad("it has no dtype");
  const auto shape = Numbers(tensor, "shape"), offsets = Numbers(tensor, "data_offsets");
  if (!shape || !offsets || offsets->size() != 2) return Bad("it has no shape or data_offsets");
  if (shape->size() > kMaxRank)
    return Bad("it has %zu axes; a run takes one example at a time, of at most %zu axes", shape->size(),
               kMaxRank);
  const std::string& name = tensor["dtype"].get_ref<const std::string&>();
  const auto type = std::ranges::find(kTypes, std::string_view(name), [](const auto& t) { return t.name; });
  if (type == std::end(kTypes))
    return Status::Error(StatusCode::kUnsupported, "it is of the type %s", name.c_str());
  uint64_t elems = 1;
  for (const uint64_t length : *shape) {
    if (length > data.size() || elems * length > data.size())
      return Bad("its data is shorter than its shape");
    elems *= length;
  }
  const uint64_t begin = (*offsets)[0], end = (*offsets)[1];
  if (begin > end || end > data.size() || end - begin != elems * type->bytes)
    return Bad("its data_offsets do not match its shape, or leave the file");
  const auto bytes = data.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  TensorContent content;
  content.dtype = type->dtype;
  for (const uint64_t length : *shape) content.shape.push_back(static_cast<int64_t>(length));
  if (!type->convert(bytes, content.data)) return Bad("a number of it is beyond 32 bits");
  return content;
}

std::string_view TypeName(DType dtype) { return dtype == DType::kI32 ? "I32" : "F32"; }

}  // namespace

Result<Tensors> ParseTensors(std::span<const std::byte> file) {
  uint64_t header_bytes = 0;
  if (file.size() < sizeof(header_bytes)) return Bad("this is no safetensors file");
  std::memcpy(&header_bytes, file.data(), sizeof(header_bytes));
  file = file.subspan(sizeof(header_bytes));
  if (header_bytes > file.size() || header_bytes > kMaxHeaderBytes) return Bad("this is no safetensors file");
  const auto* text = reinterpret_cast<const char*>(file.data());
  const Json header = Json::parse(text, text + header_bytes, nullptr, false);
  if (!header.is_object()) return Bad("its header is no JSON object");
  Tensors tensors;
  for (const auto& [name, tensor] : header.items()) {
    if (name == "__metadata__") continue;
    Result<TensorContent> content = ParseTensor(tensor, file.subspan(static_cast<size_t>(header_bytes)));
    if (!content.ok()) return content.status().WithContext("tensor \"%s\"", name.c_str());
    tensors[name] = std::move(content).value();
  }
  return tensors;
}

Result<Tensors> ReadTensorFile(const std::string& path) {
  EARSHOT_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  Result<Tensors> tensors = ParseTensors(file.bytes());
  if (!tensors.ok()) return tensors.status().WithContext("%s", path.c_str());
  return tensors;
}

Status WriteTensorFile(const std::string& path, const Tensors& tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  size_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    header[name] = {{"dtype", TypeName(tensor.dtype)},
                    {"shape", tensor.shape},
                    {"data_offsets", {offset, offset + tensor.data.size()}}};
    offset += tensor.data.size();
  }
  std::string text = header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data begins aligned
  const uint64_t header_bytes = text.size();
  EARSHOT_ASSIGN_OR_RETURN(AtomicFileWriter writer, AtomicFileWriter::Create(path));
  EARSHOT_RETURN_IF_ERROR(writer.Append(std::as_bytes(std::span(&header_bytes, 1))));
  EARSHOT_RETURN_IF_ERROR(writer.Append(text));
  for (const auto& [name, tensor] : tensors)
    EARSHOT_RETURN_IF_ERROR(writer.Append(std::span<const std::byte>(tensor.data)));
  return writer.Commit();
}

}  // namespace earshot::cli
