// Reads a safetensors file for tests: golden tensors and checkpoints, by name.
#ifndef EARSHOT_TESTS_SUPPORT_SAFETENSORS_FILE_H_
#define EARSHOT_TESTS_SUPPORT_SAFETENSORS_FILE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace earshot::test {

struct SafetensorsTensor {
  std::string dtype;  // as in the file: "F32", "F16", "BF16", "I32", ...
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;  // row-major, little endian, not aligned; part of the SafetensorsFile
};

// Owns the whole file in memory; not copied, since the tensors point into it. Every function throws
// std::runtime_error, which fails the test with the name and the reason, where a name is unknown or a type is
// not the one asked for.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(std::vector<std::byte> bytes);
  SafetensorsFile(SafetensorsFile&&) = default;
  SafetensorsFile& operator=(SafetensorsFile&&) = default;

  const std::map<std::string, SafetensorsTensor>& tensors() const { return tensors_; }
  const SafetensorsTensor& Get(const std::string& name) const;
  std::vector<float> Floats(const std::string& name) const;  // F32, F16 or BF16; exact
  std::vector<int32_t> Ints(const std::string& name) const;  // I32

 private:
  std::vector<std::byte> bytes_;
  std::map<std::string, SafetensorsTensor> tensors_;
};

// Throws std::runtime_error: no such file, not a safetensors file, a tensor that leaves the file.
SafetensorsFile ReadSafetensorsFile(const std::string& path);

}  // namespace earshot::test

#endif  // EARSHOT_TESTS_SUPPORT_SAFETENSORS_FILE_H_
