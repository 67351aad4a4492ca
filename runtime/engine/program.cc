// Program: finding and checking the two parts of a model file.
#include "runtime/engine/program.h"

#include <algorithm>
#include <cstring>

#include "runtime/core/xxh64.h"
#include "runtime/memory/arena.h"
#include "runtime/schema/format_version.h"
#include "runtime/schema/validate.h"

namespace earshot {
namespace {

constexpr size_t kPrefixBytes = 4;       // little-endian length of the FlatBuffer that follows
constexpr size_t kIdentifierOffset = 8;  // after the prefix and the root offset

Status NotAModel() {
  return Status::Error(StatusCode::kInvalidModel,
                       "this is not an Earshot model file; earshot-convert makes one from a Hugging Face or "
                       "CTranslate2 directory");
}

Status NoChecksum() {
  return Status::Error(
      StatusCode::kUnsupported,
      "the model file holds no checksum of its weights; convert the checkpoint again with this "
      "version's earshot-convert");
}

}  // namespace

bool IsModelFile(std::span<const std::byte> file) {
  return file.size() >= kIdentifierOffset + 4 &&
         std::memcmp(file.data() + kIdentifierOffset, fb::ModelIdentifier(), 4) == 0;
}

Result<Program> Program::Load(std::span<const std::byte> file) {
  if (!IsModelFile(file)) return NotAModel();
  const auto* bytes = reinterpret_cast<const uint8_t*>(file.data());
  if (reinterpret_cast<uintptr_t>(bytes) % kArenaAlignment != 0) {
    return Status::Error(StatusCode::kInvalidArgument, "the model must lie at a 64-byte aligned address");
  }
  const uint32_t length = flatbuffers::ReadScalar<uint32_t>(bytes);
  const size_t program_bytes = kPrefixBytes + std::min<size_t>(length, kMaxProgramBytes);
  if (length > kMaxProgramBytes || program_bytes > file.size()) {
    return Status::Error(
        StatusCode::kInvalidModel,
        "the model file is cut short or damaged: its program needs %zu bytes, the file has %zu",
        program_bytes, file.size());
  }
  flatbuffers::Verifier verifier(bytes, program_bytes, /*max_depth=*/64, /*max_tables=*/10'000'000);
  if (!fb::VerifySizePrefixedModelBuffer(verifier)) {
    return Status::Error(StatusCode::kInvalidModel,
                         "the model file is damaged: its tables do not verify; copy or convert it again");
  }
  Program program;
  program.file_ = file;
  program.program_bytes_ = program_bytes;
  program.model_ = fb::GetSizePrefixedModel(bytes);
  const size_t weights_begin =
      (program_bytes + kWeightsAlignment - 1) / kWeightsAlignment * kWeightsAlignment;
  if (weights_begin <= file.size()) program.weights_ = file.subspan(weights_begin);
  EARSHOT_RETURN_IF_ERROR(ValidateModel(*program.model_, program.weights_.size()));
  return program;
}

std::string_view Program::family() const { return model_->family()->string_view(); }

std::span<const std::byte> Program::TensorData(const fb::Tensor& tensor) const {
  return weights_.subspan(static_cast<size_t>(tensor.data_offset()),
                          static_cast<size_t>(tensor.data_bytes()));
}

std::span<const std::byte> Program::TensorScales(const fb::Tensor& tensor) const {
  return weights_.subspan(static_cast<size_t>(tensor.scales_offset()),
                          static_cast<size_t>(tensor.scales_bytes()));
}

Result<uint64_t> Program::Fingerprint() const {
  if (!model_->weights_xxh64().has_value()) return NoChecksum();
  return Xxh64Of(file_.first(program_bytes_));
}

Status Program::VerifyWeights() const {
  const auto stored = model_->weights_xxh64();
  if (!stored.has_value()) return NoChecksum();
  const uint64_t found = Xxh64Of(weights_);
  if (found == *stored) return Status::Ok();
  return Status::Error(
      StatusCode::kInvalidModel,
      "the weights are damaged: their checksum is %016llx instead of %016llx; copy or convert the "
      "model file again",
      static_cast<unsigned long long>(found), static_cast<unsigned long long>(*stored));
}

int Program::FindMethod(std::string_view name) const {
  for (flatbuffers::uoffset_t i = 0; i < model_->methods()->size(); ++i) {
    if (model_->methods()->Get(i)->name()->string_view() == name) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace earshot
