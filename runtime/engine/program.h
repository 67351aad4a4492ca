// A model file that has been checked from end to end: the only way to get at its content.
#ifndef EARSHOT_RUNTIME_ENGINE_PROGRAM_H_
#define EARSHOT_RUNTIME_ENGINE_PROGRAM_H_

#include <cstddef>
#include <span>
#include <string_view>

#include "runtime/core/matrix_view.h"
#include "runtime/core/status.h"
#include "runtime/schema/model_generated.h"

namespace earshot {

// Whether the bytes claim to be a model file; Program::Load tells whether they are a good one.
bool IsModelFile(std::span<const std::byte> file);

// Owns nothing: borrows the bytes of the file, which must stay readable and unchanged as long as the program
// and any session made from it. Copyable. Threads: immutable, so free to share.
class Program {
 public:
  // Verifies the FlatBuffer, then every index, shape, offset and extent (schema/validate.h). `file` is the
  // whole file, aligned to 64 bytes. Never allocates. Errors: kInvalidModel (damaged, or not an Earshot
  // model), kUnsupported (made by a newer version).
  static Result<Program> Load(std::span<const std::byte> file);

  const fb::Model& model() const { return *model_; }
  std::string_view family() const;

  // The bytes of a tensor and of its scales, in place.
  std::span<const std::byte> TensorData(const fb::Tensor& tensor) const;
  std::span<const std::byte> TensorScales(const fb::Tensor& tensor) const;
  std::span<const std::byte> file() const { return file_; }
  std::span<const std::byte> weights() const { return weights_; }

  // A checksum of the program and, through the one that the converter stored, of the weights: two models with
  // the same are the same. Reads no weights. kUnsupported for files without a stored checksum.
  Result<uint64_t> Fingerprint() const;
  // Reads all weights. kInvalidModel where they are not those that the converter wrote, kUnsupported for
  // files without a stored checksum.
  Status VerifyWeights() const;

  // Index of the method of that name, or -1.
  int FindMethod(std::string_view name) const;

 private:
  Program() = default;

  const fb::Model* model_ = nullptr;
  std::span<const std::byte> file_;
  size_t program_bytes_ = 0;
  std::span<const std::byte> weights_;
};

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_ENGINE_PROGRAM_H_
