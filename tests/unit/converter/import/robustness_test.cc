// Damaged checkpoints: cut at many places, or with single bytes changed. The result must be an error or a
// whole graph, and no allocation may be out of proportion to the file.
#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <functional>
#include <new>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "converter/import/ctranslate2_whisper.h"
#include "converter/import/huggingface_config.h"
#include "converter/import/import_model.h"
#include "converter/import/safetensors.h"
#include "converter/import/tokenizer.h"
#include "converter/ir/verifier.h"
#include "tests/support/synthetic_whisper.h"

namespace {

std::atomic<size_t> largest_allocation_bytes = 0;

void* CountedAllocate(size_t bytes) {
  if (bytes > largest_allocation_bytes) largest_allocation_bytes = bytes;
  if (void* memory = std::malloc(std::max(bytes, size_t{1}))) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(size_t bytes) { return CountedAllocate(bytes); }
void* operator new[](size_t bytes) { return CountedAllocate(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace earshot::checkpoint {
namespace {

constexpr int kNumCuts = 200;
constexpr int kNumChanges = 2000;

// All the files here are below 20 kB. Sizes that a damaged header can ask for before they are checked are
// bounded by kMaxSize of the vocabulary (2^20 entries of up to 40 bytes); nothing else may come near.
constexpr size_t kMaxAllocationBytes = size_t{64} << 20;

struct Outcome {
  int num_errors = 0;
  int num_graphs = 0;
};

Checkpoint SyntheticCheckpoint() {
  Checkpoint checkpoint;
  checkpoint.family = "whisper";
  checkpoint.whisper = test::MakeSyntheticWhisper().config;
  checkpoint.tokenizer =
      ImportTokenizerJson(test::SyntheticTokenizerJson(), checkpoint.whisper.vocab_size).value();
  return checkpoint;
}

Result<ir::Graph> GraphFromSafetensors(std::vector<std::byte> bytes) {
  std::vector<CheckpointFile> files;
  files.push_back(CheckpointFile::FromBytes("model.safetensors", std::move(bytes)));
  Checkpoint checkpoint = SyntheticCheckpoint();
  EARSHOT_ASSIGN_OR_RETURN(checkpoint.weights, SafetensorsSource::Create(std::move(files)));
  return BuildGraph(std::move(checkpoint));
}

Result<ir::Graph> GraphFromCt2(std::vector<std::byte> bytes) {
  EARSHOT_ASSIGN_OR_RETURN(Ct2Model model,
                           Ct2Model::Read(CheckpointFile::FromBytes("model.bin", std::move(bytes))));
  EARSHOT_ASSIGN_OR_RETURN(auto source, Ct2WhisperSource::Create(std::move(model)));
  Checkpoint checkpoint = SyntheticCheckpoint();
  checkpoint.whisper = source->config();
  checkpoint.weights = std::move(source);
  return BuildGraph(std::move(checkpoint));
}

std::vector<std::byte> Bytes(const std::string& text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

std::string Text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The whole of a Hugging Face checkpoint but for one of its text files.
Result<ir::Graph> GraphFromTexts(const std::string& config, const std::string& tokenizer) {
  HuggingFaceConfigs configs;
  EARSHOT_ASSIGN_OR_RETURN(configs.config, ParseJsonObject(config, "config.json"));
  Checkpoint checkpoint;
  checkpoint.family = "whisper";
  EARSHOT_ASSIGN_OR_RETURN(checkpoint.whisper, ParseWhisperConfig(configs));
  EARSHOT_ASSIGN_OR_RETURN(checkpoint.tokenizer,
                           ImportTokenizerJson(tokenizer, checkpoint.whisper.vocab_size));
  EARSHOT_ASSIGN_OR_RETURN(checkpoint.generation, ParseGenerationSettings(configs, checkpoint.tokenizer));
  std::vector<CheckpointFile> files;
  files.push_back(
      CheckpointFile::FromBytes("m", test::SafetensorsBytes(test::MakeSyntheticWhisper().tensors, "F16")));
  EARSHOT_ASSIGN_OR_RETURN(checkpoint.weights, SafetensorsSource::Create(std::move(files)));
  return BuildGraph(std::move(checkpoint));
}

using Import = std::function<Result<ir::Graph>(std::vector<std::byte>)>;

void Try(const Import& import, std::vector<std::byte> bytes, Outcome& outcome) {
  largest_allocation_bytes = 0;
  const Result<ir::Graph> graph = import(std::move(bytes));
  REQUIRE(largest_allocation_bytes < kMaxAllocationBytes);
  if (graph.ok()) {
    REQUIRE(ir::Verify(graph.value()).ok());
    ++outcome.num_graphs;
  } else {
    REQUIRE(graph.status().code() != StatusCode::kInternal);
    ++outcome.num_errors;
  }
}

Outcome Cut(const Import& import, const std::vector<std::byte>& bytes) {
  Outcome outcome;
  for (int i = 0; i < kNumCuts; ++i) {
    const size_t size = bytes.size() * static_cast<size_t>(i) / kNumCuts;
    Try(import, {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)}, outcome);
  }
  return outcome;
}

// Three changes in four fall into the first `head` bytes, which hold the structure of a file; the rest
// anywhere.
Outcome Change(const Import& import, const std::vector<std::byte>& bytes, size_t head) {
  Outcome outcome;
  std::mt19937 random(7);
  for (int i = 0; i < kNumChanges; ++i) {
    std::vector<std::byte> changed = bytes;
    const size_t range = i % 4 == 3 ? bytes.size() : std::min(head, bytes.size());
    std::byte& byte = changed[std::uniform_int_distribution<size_t>(0, range - 1)(random)];
    byte ^= static_cast<std::byte>(std::uniform_int_distribution<int>(1, 255)(random));
    Try(import, std::move(changed), outcome);
  }
  return outcome;
}

void CheckAll(const Import& import, const std::vector<std::byte>& bytes, size_t head) {
  const Result<ir::Graph> whole = import(bytes);
  INFO(whole.status().message());
  REQUIRE(whole.ok());
  CHECK(Cut(import, bytes).num_errors == kNumCuts);
  const Outcome changed = Change(import, bytes, head);
  CHECK(changed.num_errors + changed.num_graphs == kNumChanges);
  CHECK(changed.num_errors > 0);
  CHECK(changed.num_graphs > 0);
}

TEST_CASE("Damaged safetensors files are errors or whole graphs") {
  const std::vector<std::byte> bytes = test::SafetensorsBytes(test::MakeSyntheticWhisper().tensors, "F16");
  CheckAll(GraphFromSafetensors, bytes, 7000);  // about the length of the header
}

TEST_CASE("Damaged CTranslate2 files are errors or whole graphs") {
  const test::SyntheticWhisper model = test::MakeSyntheticWhisper();
  for (const test::Ct2Type type : {test::Ct2Type::kF16, test::Ct2Type::kI8}) {
    const std::vector<std::byte> bytes = Ct2Bytes(model, {.weights = type});
    CheckAll(GraphFromCt2, bytes, bytes.size());
  }
  const std::vector<std::byte> old = Ct2Bytes(model, {.version = 3, .weights = test::Ct2Type::kI16});
  CheckAll(GraphFromCt2, old, old.size());
}

TEST_CASE("Damaged configurations are errors or whole graphs") {
  const std::vector<std::byte> config = Bytes(test::SyntheticConfigJson());
  CheckAll(
      [](std::vector<std::byte> bytes) {
        return GraphFromTexts(Text(bytes), test::SyntheticTokenizerJson());
      },
      config, config.size());
}

TEST_CASE("Damaged tokenizers are errors or whole graphs") {
  const std::vector<std::byte> tokenizer = Bytes(test::SyntheticTokenizerJson());
  CheckAll(
      [](std::vector<std::byte> bytes) { return GraphFromTexts(test::SyntheticConfigJson(), Text(bytes)); },
      tokenizer, tokenizer.size());
}

}  // namespace
}  // namespace earshot::checkpoint
