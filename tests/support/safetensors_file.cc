// SafetensorsFile: a u64 header length, a JSON header, then the tensors.
#include "tests/support/safetensors_file.h"

#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "runtime/core/float16.h"

namespace earshot::test {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// Copied out, because tensors need not be aligned in the file.
template <class T>
std::vector<T> Elements(const SafetensorsTensor& tensor) {
  std::vector<T> elements(tensor.bytes.size() / sizeof(T));
  if (!elements.empty()) std::memcpy(elements.data(), tensor.bytes.data(), elements.size() * sizeof(T));
  return elements;
}

}  // namespace

SafetensorsFile::SafetensorsFile(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {
  const std::span<const std::byte> all(bytes_);
  uint64_t header_bytes = 0;
  if (all.size() >= 8) std::memcpy(&header_bytes, all.data(), 8);
  if (all.size() < 8 || header_bytes > all.size() - 8) throw std::runtime_error("not a safetensors file");
  const std::span<const std::byte> data = all.subspan(8 + static_cast<size_t>(header_bytes));
  const char* text = reinterpret_cast<const char*>(all.data()) + 8;
  const nlohmann::json header = nlohmann::json::parse(text, text + header_bytes);
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    const auto offsets = entry.at("data_offsets").get<std::vector<uint64_t>>();
    if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data.size()) {
      throw std::runtime_error("tensor " + name + " leaves the file");
    }
    tensors_[name] = {
        .dtype = entry.at("dtype").get<std::string>(),
        .shape = entry.at("shape").get<std::vector<int64_t>>(),
        .bytes = data.subspan(static_cast<size_t>(offsets[0]), static_cast<size_t>(offsets[1] - offsets[0]))};
  }
}

const SafetensorsTensor& SafetensorsFile::Get(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw std::runtime_error("no tensor named " + name);
  return found->second;
}

std::vector<float> SafetensorsFile::Floats(const std::string& name) const {
  const SafetensorsTensor& tensor = Get(name);
  if (tensor.dtype == "F32") return Elements<float>(tensor);
  if (tensor.dtype != "F16" && tensor.dtype != "BF16") {
    throw std::runtime_error("tensor " + name + " is " + tensor.dtype + ", not floating point");
  }
  std::vector<float> floats;
  for (const uint16_t bits : Elements<uint16_t>(tensor)) {
    floats.push_back(tensor.dtype == "F16" ? ToFloat(Float16{bits}) : BFloat16ToFloat(bits));
  }
  return floats;
}

std::vector<int32_t> SafetensorsFile::Ints(const std::string& name) const {
  const SafetensorsTensor& tensor = Get(name);
  if (tensor.dtype != "I32") throw std::runtime_error("tensor " + name + " is " + tensor.dtype + ", not I32");
  return Elements<int32_t>(tensor);
}

SafetensorsFile ReadSafetensorsFile(const std::string& path) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) throw std::runtime_error("cannot open " + path);
  std::vector<std::byte> bytes;
  std::vector<std::byte> block(size_t{1} << 20);
  for (size_t count; (count = std::fread(block.data(), 1, block.size(), file.get())) > 0;) {
    bytes.insert(bytes.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(count));
  }
  try {
    return SafetensorsFile(std::move(bytes));
  } catch (const std::exception& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}

}  // namespace earshot::test
