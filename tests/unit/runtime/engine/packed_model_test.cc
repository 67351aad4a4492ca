// Packed weights in a file: the same numbers as without, from the file alone; whatever is wrong with the file
// is an error when it is loaded.
#include "runtime/engine/packed_model.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "platform/files/memory_block.h"
#include "platform/threads/worker_threads.h"
#include "runtime/core/xxh64.h"
#include "runtime/xnnpack/packed_layout.h"
#include "tests/support/exercise_model.h"

namespace earshot {
namespace {

using Bytes = std::vector<std::byte>;

MemoryBlock Aligned(std::span<const std::byte> bytes) {
  MemoryBlock block = MemoryBlock::Allocate(std::max<size_t>(bytes.size(), 1)).value();
  std::ranges::copy(bytes, block.bytes().begin());
  return block;
}

// A model in memory.
class LoadedModel {
 public:
  explicit LoadedModel(const Bytes& file)
      : file_(Aligned(file)), program_(Program::Load(file_.bytes()).value()) {}

  const Program& program() const { return program_; }

  // Destroys what a session without packed weights would pack: all weights that dense ops alone read, and
  // their scales.
  void ForgetPackedOriginals() {
    std::set<int32_t> packed, read;
    for (const fb::Method* method : *program_.model().methods()) {
      for (const fb::Op* op : *method->ops()) {
        const bool is_dense = op->attributes_as_Linear() != nullptr || op->attributes_as_Conv1d() != nullptr;
        for (flatbuffers::uoffset_t i = 0; i < op->inputs()->size(); ++i) {
          const auto value = static_cast<flatbuffers::uoffset_t>(op->inputs()->Get(i));
          const int32_t tensor = TensorBehind(*method, value);
          if (tensor >= 0) (is_dense ? packed : read).insert(tensor);
        }
      }
    }
    for (const int32_t tensor : packed) {
      if (!read.contains(tensor)) Forget(*program_.model().tensors()->Get(static_cast<uint32_t>(tensor)));
    }
  }

 private:
  static int32_t TensorBehind(const fb::Method& method, flatbuffers::uoffset_t index) {
    const fb::Value& value = *method.values()->Get(index);
    if (value.kind() == fb::ValueKind::View)
      return TensorBehind(method, static_cast<flatbuffers::uoffset_t>(value.base()));
    return value.kind() == fb::ValueKind::Constant ? value.tensor() : -1;
  }
  void Forget(const fb::Tensor& tensor) {
    for (const auto part : {program_.TensorData(tensor), program_.TensorScales(tensor)}) {
      if (part.empty()) continue;
      const auto begin = static_cast<size_t>(part.data() - file_.bytes().data());
      std::ranges::fill(file_.bytes().subspan(begin, part.size()), std::byte{0xFF});
    }
  }

  MemoryBlock file_;
  Program program_;
};

// A session with the memory that it measured.
class SmallSession {
 public:
  // In memory of its own, or the caller's.
  SmallSession(const Program& program, const SessionOptions& options, std::span<std::byte> memory = {})
      : needed_(Session::Measure(program, options).value()),
        memory_(MemoryBlock::Allocate(needed_.total_bytes()).value()),
        arena_(memory.empty() ? memory_.bytes() : memory),
        session_(Session::Create(program, arena_, options).value()) {}

  Session& session() { return session_; }
  const MemoryRequirements& needed() const { return needed_; }

  Bytes Packed() const {
    Bytes bytes;
    const Status status = WritePackedWeights(
        session_, {.context = &bytes, .write = [](void* context, std::span<const std::byte> part) {
                     auto& all = *static_cast<Bytes*>(context);
                     all.insert(all.end(), part.begin(), part.end());
                     return Status::Ok();
                   }});
    REQUIRE(status.ok());
    return bytes;
  }

  // The logits after an encoded sine wave and some tokens.
  std::vector<float> Logits() {
    const Program& program = session_.program();
    const int encode = program.FindMethod("encode"), decode = program.FindMethod("decode");
    constexpr int64_t kFrames = 4;
    const std::vector<int32_t> tokens = {3, 1, 4};
    const std::vector<int64_t> frames = {kFrames};
    const MatrixView mel = session_.View(encode, session_.FindValue(encode, "mel").value(), frames).value();
    for (int64_t t = 0; t < mel.rows; ++t) {
      for (int64_t c = 0; c < mel.cols; ++c)
        mel.As<float>().Row(t)[c] = std::sin(0.7f * static_cast<float>(t * mel.cols + c));
    }
    REQUIRE(session_.Run(encode, frames).ok());
    std::vector<int64_t> symbols(4);
    const auto set = [&](const char* name, int64_t value) {
      symbols[static_cast<size_t>(session_.FindSymbol(decode, name).value())] = value;
    };
    set("tokens", std::ssize(tokens));
    set("position", 0);
    set("end", std::ssize(tokens));
    set("frames", kFrames);
    const MatrixView ids =
        session_.View(decode, session_.FindValue(decode, "token_ids").value(), symbols).value();
    std::memcpy(ids.data, tokens.data(), tokens.size() * sizeof(int32_t));
    REQUIRE(session_.Run(decode, symbols).ok());
    const auto logits = session_.View(decode, session_.FindValue(decode, "logits").value(), symbols).value();
    return {logits.As<float>().data, logits.As<float>().data + logits.cols};
  }

 private:
  MemoryRequirements needed_;
  MemoryBlock memory_;
  Arena arena_;
  Session session_;
};

Bytes PackedWeightsOf(const Program& program) { return SmallSession(program, {}).Packed(); }

Status LoadStatus(const Program& program, const Bytes& file) {
  const MemoryBlock copy = Aligned(file);
  return LoadPackedWeights(program, copy.bytes().first(file.size()), ThreadPool()).status();
}

TEST_CASE("a session with packed weights computes the same numbers without their originals") {
  const DType weights = GENERATE(DType::kF32, DType::kF16, DType::kI8, DType::kI4);
  const size_t num_threads = GENERATE(1u, 2u);
  const Bytes file = test::ConvertSyntheticWhisper(weights);
  const LoadedModel model(file);
  const WorkerThreads threads = WorkerThreads::Start(num_threads).value();
  SmallSession without(model.program(), {.pool = threads.pool()});
  const MemoryBlock packed_bytes = Aligned(without.Packed());

  LoadedModel hollow(file);
  hollow.ForgetPackedOriginals();
  const auto packed = LoadPackedWeights(hollow.program(), packed_bytes.bytes(), threads.pool());
  INFO(packed.status().message());
  REQUIRE(packed.ok());
  SmallSession with(hollow.program(), {.pool = threads.pool(), .packed_weights = packed.value()});
  CHECK(with.Logits() == without.Logits());
  CHECK(with.needed().persistent_bytes < without.needed().persistent_bytes);
  CHECK(with.needed().packed_file_bytes == packed_bytes.bytes().size());
  CHECK(with.needed().activation_bytes == without.needed().activation_bytes);
  CHECK(with.session().used().total_bytes() <= with.needed().total_bytes());
}

TEST_CASE("a session in memory that is known to be zero computes what one in used memory does") {
  const LoadedModel model(test::ConvertSyntheticWhisper(DType::kI8));
  SmallSession fresh(model.program(), {.memory_is_zero = true});
  const MemoryBlock used = MemoryBlock::Allocate(fresh.needed().total_bytes()).value();
  std::ranges::fill(used.bytes(), std::byte{0xFF});
  SmallSession cleared(model.program(), {}, used.bytes());
  CHECK(fresh.Logits() == cleared.Logits());
}

TEST_CASE("the same model gives the same file") {
  const LoadedModel model(test::ConvertSyntheticWhisper(DType::kI8));
  const Bytes file = PackedWeightsOf(model.program());
  CHECK(file == PackedWeightsOf(model.program()));
  CHECK(LoadStatus(model.program(), file).ok());
}

TEST_CASE("packed weights of another model are refused") {
  const LoadedModel int8(test::ConvertSyntheticWhisper(DType::kI8));
  const LoadedModel f32(test::ConvertSyntheticWhisper(DType::kF32));
  const Status status = LoadStatus(int8.program(), PackedWeightsOf(f32.program()));
  CHECK(status.code() == StatusCode::kInvalidArgument);
}

TEST_CASE("packed weights that were loaded for one program are not used with another") {
  const Bytes file = test::ConvertSyntheticWhisper(DType::kI8);
  const LoadedModel model(file), copy(file);
  const MemoryBlock packed_bytes = Aligned(PackedWeightsOf(model.program()));
  const auto packed = LoadPackedWeights(model.program(), packed_bytes.bytes(), ThreadPool());
  REQUIRE(packed.ok());
  const auto needed = Session::Measure(copy.program(), {.packed_weights = packed.value()});
  CHECK(needed.status().code() == StatusCode::kInvalidArgument);
}

// The fields of the header, by offset (packed_weights_file.h).
constexpr size_t kVersionAt = 8, kMatricesAt = 12, kModelAt = 16, kLayoutAt = 24, kDataBytesAt = 32,
                 kTableHashAt = 40, kHeaderHashAt = 56, kHeaderBytes = 64, kRecordBytes = 48;

template <class T>
T Get(const Bytes& file, size_t offset) {
  T value;
  std::memcpy(&value, &file.at(offset), sizeof(value));
  return value;
}

template <class T>
void Set(Bytes& file, size_t offset, T value) {
  std::memcpy(&file.at(offset), &value, sizeof(value));
}

// Makes the checksums of header and table right again, as somebody who means to deceive would.
void Reseal(Bytes& file) {
  const uint64_t data_bytes = Get<uint64_t>(file, kDataBytesAt);
  if (data_bytes < file.size() - kHeaderBytes) {
    const size_t table_bytes = file.size() - static_cast<size_t>(data_bytes) - kHeaderBytes;
    Set(file, kTableHashAt, Xxh64Of(std::span(file).subspan(kHeaderBytes, table_bytes)));
  }
  Set(file, kHeaderHashAt, Xxh64Of(std::span(file).first(kHeaderHashAt)));
}

TEST_CASE("every changed byte of packed weights is noticed") {
  const LoadedModel model(test::ConvertSyntheticWhisper(DType::kI8));
  Bytes file = PackedWeightsOf(model.program());
  const size_t table_end = file.size() - Get<uint64_t>(file, kDataBytesAt);
  std::mt19937 random(20261126);
  for (size_t i = 0; i < file.size(); i += i < table_end ? 1 : 1 + random() % 31) {
    const std::byte right = file[i];
    file[i] ^= static_cast<std::byte>(1 + random() % 255);
    INFO("byte " << i);
    CHECK_FALSE(LoadStatus(model.program(), file).ok());
    file[i] = right;
  }
  CHECK(LoadStatus(model.program(), file).ok());
}

TEST_CASE("packed weights cut short anywhere, or with bytes too many, are refused") {
  const LoadedModel model(test::ConvertSyntheticWhisper(DType::kI8));
  const Bytes file = PackedWeightsOf(model.program());
  for (size_t length = 0; length < file.size(); length += length < 256 ? 1 : 97) {
    INFO("cut to " << length);
    CHECK(LoadStatus(model.program(), Bytes(file.begin(), file.begin() + static_cast<ptrdiff_t>(length)))
              .code() == StatusCode::kInvalidModel);
  }
  Bytes longer = file;
  longer.resize(file.size() + 64);
  CHECK(LoadStatus(model.program(), longer).code() == StatusCode::kInvalidModel);
}

TEST_CASE("random bytes are no packed weights, with a good header or without") {
  const LoadedModel model(test::ConvertSyntheticWhisper(DType::kI8));
  const Bytes file = PackedWeightsOf(model.program());
  std::mt19937 random(20261126);
  for (int round = 0; round < 200; ++round) {
    Bytes noise = file;
    for (size_t i = round % 2 == 0 ? 0 : kHeaderBytes; i < noise.size(); ++i)
      noise[i] = static_cast<std::byte>(random());
    if (round % 2 == 1) Reseal(noise);
    CHECK_FALSE(LoadStatus(model.program(), noise).ok());
  }
}

TEST_CASE("packed weights for another CPU or version are told apart from damaged ones") {
  const LoadedModel model(test::ConvertSyntheticWhisper(DType::kI8));
  Bytes file = PackedWeightsOf(model.program());
  SECTION("another layout") {
    Set(file, kLayoutAt, PackedLayoutId().value() + 1);
    Reseal(file);
  }
  SECTION("another format") { Set<uint32_t>(file, kVersionAt, 2); }
  CHECK(LoadStatus(model.program(), file).code() == StatusCode::kUnsupported);
}

TEST_CASE("a header or table that lies under right checksums is an error") {
  const LoadedModel model(test::ConvertSyntheticWhisper(DType::kI8));
  Bytes file = PackedWeightsOf(model.program());
  constexpr size_t kOffsetAt = kHeaderBytes + 32, kBytesAt = kHeaderBytes + 40;  // of the first matrix
  const auto data_bytes = Get<uint64_t>(file, kDataBytesAt);
  const std::vector<std::function<void()>> lies = {
      [&] { Set<uint32_t>(file, kMatricesAt, 0xFFFFFFFF); },
      [&] { Set<uint64_t>(file, kModelAt, 0); },
      [&] { Set<uint64_t>(file, kDataBytesAt, UINT64_MAX); },
      [&] { Set<uint64_t>(file, kDataBytesAt, data_bytes + 4096); },
      [&] { Set<uint64_t>(file, kOffsetAt, data_bytes); },
      [&] { Set<uint64_t>(file, kOffsetAt, UINT64_MAX - 63); },
      [&] { Set<uint64_t>(file, kOffsetAt, 32); },
      [&] { Set<uint64_t>(file, kBytesAt, data_bytes); },
      [&] { Set<uint64_t>(file, kBytesAt, data_bytes - 64); },  // nothing left to read past the end
      [&] { Set<uint64_t>(file, kBytesAt, UINT64_MAX); },
  };
  const Bytes right = file;
  for (size_t i = 0; i < lies.size(); ++i) {
    file = right;
    lies[i]();
    Reseal(file);
    INFO("lie " << i);
    CHECK_FALSE(LoadStatus(model.program(), file).ok());
  }
}

TEST_CASE("a matrix that is smaller than its layer needs ends the creation of a session, by name") {
  const LoadedModel model(test::ConvertSyntheticWhisper(DType::kI8));
  Bytes file = PackedWeightsOf(model.program());
  Set<uint64_t>(file, kHeaderBytes + 40, 64);
  Reseal(file);
  const MemoryBlock bytes = Aligned(file);
  const auto packed = LoadPackedWeights(model.program(), bytes.bytes(), ThreadPool());
  REQUIRE(packed.ok());
  const SessionOptions options = {.packed_weights = packed.value()};
  const auto memory =
      MemoryBlock::Allocate(Session::Measure(model.program(), options).value().total_bytes()).value();
  Arena arena(memory.bytes());
  const auto session = Session::Create(model.program(), arena, options);
  CHECK(session.status().code() == StatusCode::kInvalidModel);
  CHECK(std::string(session.status().message()).find("64 bytes") != std::string::npos);
}

TEST_CASE("a matrix that the file lacks is packed") {
  const LoadedModel model(test::ConvertSyntheticWhisper(DType::kI8));
  SmallSession without(model.program(), {});
  Bytes file = without.Packed();
  Set<uint64_t>(file, kHeaderBytes, 12345);  // the place of the first one's originals
  Reseal(file);
  const MemoryBlock bytes = Aligned(file);
  const auto packed = LoadPackedWeights(model.program(), bytes.bytes(), ThreadPool());
  REQUIRE(packed.ok());
  SmallSession with(model.program(), {.packed_weights = packed.value()});
  CHECK(with.Logits() == without.Logits());
}

TEST_CASE("the weights of a model are verified by their checksum") {
  Bytes file = test::ConvertSyntheticWhisper(DType::kI8);
  const LoadedModel model(file);
  CHECK(model.program().VerifyWeights().ok());
  const auto in_weights =
      static_cast<size_t>(model.program().weights().data() - model.program().file().data());
  file[in_weights + 1000] ^= std::byte{1};
  const LoadedModel damaged(file);
  CHECK(damaged.program().VerifyWeights().code() == StatusCode::kInvalidModel);
  CHECK(damaged.program().Fingerprint().value() ==
        model.program().Fingerprint().value());  // no weights are read
}

}  // namespace
}  // namespace earshot
