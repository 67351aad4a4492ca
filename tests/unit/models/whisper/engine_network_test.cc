// The network on the engine: beams say what each of them would say alone.
#include "models/whisper/engine_network.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/memory/arena.h"
#include "tests/support/exercise_model.h"
#include "tests/support/synthetic_whisper.h"
#include "tests/unit/models/whisper/aligned_memory.h"

namespace earshot::whisper {
namespace {

using Tokens = std::vector<int32_t>;
constexpr std::string_view kBeams[] = {kBeamsMethod};
constexpr std::string_view kWindows[] = {kWindowsMethod};

// Sizes of the synthetic Whisper, whose tokenizer is too small for whole transcriptions.
Dimensions SyntheticDimensions() {
  const Config config = test::MakeSyntheticWhisper().config;
  constexpr uint32_t kNoPieces[] = {0};
  Dimensions dimensions = {.max_mel_frames = 2 * config.max_audio_frames,
                           .tables = {.pieces = TokenDecoder::Create({}, kNoPieces, 0).value(),
                                      .max_text_tokens = config.max_text_tokens}};
  dimensions.log_mel.num_mels = static_cast<int>(config.num_mels);
  dimensions.tables.vocabulary.size = static_cast<int32_t>(config.vocab_size);
  return dimensions;
}

class Loaded {
 public:
  explicit Loaded(DType weights, const SessionOptions& options = {.optional_methods = kBeams})
      : bytes_(test::ConvertSyntheticWhisper(weights)), file_(bytes_.size()) {
    std::memcpy(file_.bytes().data(), bytes_.data(), bytes_.size());
    program_.emplace(Program::Load(file_.bytes()).value());
    needed = Session::Measure(*program_, options).value();
    memory_.emplace(needed.total_bytes());
    Arena arena(memory_->bytes());
    Session session = Session::Create(*program_, arena, options).value();
    network.emplace(EngineNetwork::Create(std::move(session), SyntheticDimensions()).value());
  }

  void Encode() { Encode(network->max_mel_frames(), 0); }

  // One of several sounds.
  void Encode(int64_t frames, int sound) {
    const Matrix<float> mel = network->MelInput(frames).value();
    for (int64_t t = 0; t < frames; ++t) {
      for (int64_t c = 0; c < mel.cols; ++c)
        mel.Row(t)[c] =
            std::sin((0.7f + 0.2f * static_cast<float>(sound)) * static_cast<float>(t * mel.cols + c));
    }
    REQUIRE(network->Encode(frames).ok());
  }

  // What follows the tokens, by the method for one sequence.
  std::vector<float> Alone(const Tokens& prompt, const Tokens& tokens) {
    REQUIRE(network->Decode(prompt, 0).ok());
    int64_t position = std::ssize(prompt);
    std::span<float> logits;
    for (const int32_t token : tokens) logits = network->Decode({&token, 1}, position++).value();
    return {logits.begin(), logits.end()};
  }

 private:
  std::vector<std::byte> bytes_;
  AlignedMemory file_;
  std::optional<Program> program_;
  std::optional<AlignedMemory> memory_;

 public:
  MemoryRequirements needed;
  std::optional<EngineNetwork> network;
};

void CheckSame(const Matrix<float>& logits, int64_t row, const std::vector<float>& alone) {
  for (size_t v = 0; v < alone.size(); ++v) {
    // The orders of f32 sums may differ between one row and several.
    const float difference = std::fabs(logits.Row(row)[v] - alone[v]);
    CHECK(difference <= 1e-4f * std::max(1.0f, std::fabs(alone[v])));
  }
}

// Appends tokens to the sequences, decodes, and compares each beam with its sequence alone.
void Step(Loaded& loaded, const Tokens& prompt, const Tokens& tokens, std::vector<Tokens>& sequences) {
  const int64_t position = std::ssize(prompt) + std::ssize(sequences[0]);
  for (size_t beam = 0; beam < tokens.size(); ++beam) sequences[beam].push_back(tokens[beam]);
  const Result<Matrix<float>> run = loaded.network->DecodeBeams(tokens, position);
  REQUIRE(run.ok());
  REQUIRE(run->rows == std::ssize(tokens));
  REQUIRE(run->cols == loaded.network->vocab_size());
  std::vector<std::vector<float>> rows;
  for (int64_t row = 0; row < run->rows; ++row) rows.emplace_back(run->Row(row), run->Row(row) + run->cols);
  for (size_t beam = 0; beam < tokens.size(); ++beam) {
    const Matrix<float> got = {rows[beam].data(), 1, run->cols, run->cols};
    CheckSame(got, 0, loaded.Alone(prompt, sequences[beam]));
  }
}

TEST_CASE("beams give the logits of one sequence after the other, reordered or not") {
  const DType weights = GENERATE(DType::kF32, DType::kI8);
  Loaded loaded(weights);
  loaded.Encode();
  EngineNetwork& network = *loaded.network;
  REQUIRE(network.max_beams() == kMaxBeams);
  const Tokens prompt = {3};
  REQUIRE(network.Decode(prompt, 0).ok());
  REQUIRE(network.BeginBeams(4, std::ssize(prompt)).ok());
  std::vector<Tokens> sequences(4);
  Step(loaded, prompt, {5, 6, 7, 8}, sequences);
  Step(loaded, prompt, {9, 9, 10, 11}, sequences);

  const Tokens parents = {2, 0, 0};
  REQUIRE(network.ReorderBeams(parents, std::ssize(prompt), std::ssize(prompt) + 2).ok());
  sequences = {sequences[2], sequences[0], sequences[0]};
  Step(loaded, prompt, {1, 2, 3}, sequences);
  const Tokens shuffled = {1, 2, 0};
  REQUIRE(network.ReorderBeams(shuffled, std::ssize(prompt), std::ssize(prompt) + 3).ok());
  sequences = {sequences[1], sequences[2], sequences[0]};
  // The last beam rests.
  sequences.pop_back();
  Step(loaded, prompt, {4, 5}, sequences);
}

TEST_CASE("impossible beams are refused") {
  Loaded loaded(DType::kF32);
  EngineNetwork& network = *loaded.network;
  const Tokens one = {1}, three = {1, 2, 3}, unknown = {1, 1 << 20};
  CHECK(network.DecodeBeams(one, 0).status().code() == StatusCode::kInvalidArgument);  // nothing encoded
  loaded.Encode();
  CHECK(network.DecodeBeams(one, 0).status().code() == StatusCode::kInvalidArgument);  // none begun
  CHECK(network.BeginBeams(0, 0).code() == StatusCode::kInvalidArgument);
  CHECK(network.BeginBeams(kMaxBeams + 1, 0).code() == StatusCode::kInvalidArgument);
  CHECK(network.BeginBeams(2, network.max_text_tokens() + 1).code() == StatusCode::kInvalidArgument);
  REQUIRE(network.BeginBeams(2, 0).ok());
  CHECK(network.DecodeBeams(three, 0).status().code() == StatusCode::kInvalidArgument);
  CHECK(network.DecodeBeams(unknown, 0).status().code() == StatusCode::kInvalidArgument);
  CHECK(network.DecodeBeams(one, -1).status().code() == StatusCode::kInvalidArgument);
  CHECK(network.DecodeBeams(one, network.max_text_tokens()).status().code() == StatusCode::kInvalidArgument);
  CHECK(network.ReorderBeams(three, 0, 1).code() == StatusCode::kInvalidArgument);
  const Tokens beyond = {2};
  CHECK(network.ReorderBeams(beyond, 0, 1).code() == StatusCode::kInvalidArgument);
  CHECK(network.ReorderBeams(one, 0, network.max_text_tokens() + 1).code() == StatusCode::kInvalidArgument);
  CHECK(network.DecodeBeams(one, 0).ok());
}

// Runs windows that hear these sounds, and compares each with itself alone. `said`: what each has said
// before.
void StepWindows(Loaded& loaded, const std::vector<int>& sounds, const Tokens& tokens, int64_t frames,
                 std::vector<Tokens>& said) {
  const int64_t position = std::ssize(said[0]);
  const Result<Matrix<float>> run = loaded.network->DecodeWindows(tokens, position);
  REQUIRE(run.ok());
  REQUIRE(run->rows == std::ssize(tokens));
  std::vector<std::vector<float>> rows;
  for (int64_t row = 0; row < run->rows; ++row) rows.emplace_back(run->Row(row), run->Row(row) + run->cols);
  for (size_t window = 0; window < tokens.size(); ++window) {
    said[window].push_back(tokens[window]);
    loaded.Encode(frames, sounds[window]);
    const std::span<float> alone = loaded.network->Decode(said[window], 0).value();
    CheckSame({rows[window].data(), 1, run->cols, run->cols}, 0, {alone.begin(), alone.end()});
  }
}

TEST_CASE("windows give the logits of one after the other, whatever place they have") {
  const DType weights = GENERATE(DType::kF32, DType::kF16, DType::kI8);
  Loaded loaded(weights, {.optional_methods = kWindows});
  EngineNetwork& network = *loaded.network;
  REQUIRE(network.max_windows() == kMaxWindows);
  const int64_t all_tokens = network.max_text_tokens();
  REQUIRE(network.max_window_tokens() == std::min(all_tokens, WindowPositions(all_tokens)));
  for (const int64_t frames : {network.max_mel_frames(), network.max_mel_frames() / 2}) {
    for (int window = 0; window < 4; ++window) {
      loaded.Encode(frames, window);
      REQUIRE(network.KeepWindow(window).ok());
    }
    std::vector<int> sounds = {0, 1, 2, 3};
    std::vector<Tokens> said(4);
    StepWindows(loaded, sounds, {3, 3, 3, 3}, frames, said);
    StepWindows(loaded, sounds, {5, 6, 7, 8}, frames, said);
    // The second is at its end: the last takes its place.
    REQUIRE(network.MoveWindow(3, 1, 2).ok());
    sounds = {0, 3, 2};
    said = {said[0], said[3], said[2]};
    StepWindows(loaded, sounds, {9, 10, 11}, frames, said);
    // The last one rests.
    said.pop_back();
    StepWindows(loaded, sounds, {1, 2}, frames, said);
  }
}

TEST_CASE("impossible windows are refused") {
  Loaded loaded(DType::kI8, {.optional_methods = kWindows});
  EngineNetwork& network = *loaded.network;
  const Tokens one = {1}, two = {1, 2}, unknown = {1 << 20};
  const int64_t frames = network.max_mel_frames();
  CHECK(network.KeepWindow(0).code() == StatusCode::kInvalidArgument);  // nothing encoded
  CHECK(network.DecodeWindows(one, 0).status().code() == StatusCode::kInvalidArgument);
  loaded.Encode(frames, 0);
  CHECK(network.KeepWindow(1).code() == StatusCode::kInvalidArgument);  // not the next
  REQUIRE(network.KeepWindow(0).ok());
  loaded.Encode(frames / 2, 0);
  CHECK(network.KeepWindow(1).code() == StatusCode::kInvalidArgument);  // of another length
  CHECK(network.KeepWindow(-1).code() == StatusCode::kInvalidArgument);
  CHECK(network.DecodeWindows(two, 0).status().code() == StatusCode::kInvalidArgument);
  CHECK(network.DecodeWindows(unknown, 0).status().code() == StatusCode::kInvalidArgument);
  CHECK(network.DecodeWindows(one, -1).status().code() == StatusCode::kInvalidArgument);
  CHECK(network.DecodeWindows(one, network.max_window_tokens()).status().code() ==
        StatusCode::kInvalidArgument);
  CHECK(network.MoveWindow(0, 1, 0).code() == StatusCode::kInvalidArgument);
  CHECK(network.MoveWindow(0, 0, network.max_window_tokens() + 1).code() == StatusCode::kInvalidArgument);
  CHECK(network.DecodeWindows(one, 0).ok());
  loaded.Encode(frames, 0);
  for (int64_t window = 0; window < network.max_windows(); ++window) REQUIRE(network.KeepWindow(window).ok());
  CHECK(network.KeepWindow(network.max_windows()).code() == StatusCode::kInvalidArgument);
}

// Bytes of the states whose names begin so.
uint64_t BytesOfStates(const EngineNetwork& network, std::string_view prefix) {
  uint64_t bytes = 0;
  for (const fb::State* state : *network.session().program().model().states()) {
    if (state->name()->string_view().starts_with(prefix))
      bytes += DTypeBytes(static_cast<DType>(state->dtype()), uint64_t{state->rows()} * state->cols());
  }
  return bytes;
}

TEST_CASE("a session without beams or windows needs no memory for them, and decodes") {
  constexpr std::string_view kBoth[] = {kBeamsMethod, kWindowsMethod};
  Loaded all(DType::kI8, {.optional_methods = kBoth}), beams(DType::kI8),
      windows(DType::kI8, {.optional_methods = kWindows}), none(DType::kI8, SessionOptions());
  CHECK(none.network->max_beams() == 0);
  CHECK(none.network->max_windows() == 0);
  CHECK(beams.network->max_windows() == 0);
  CHECK(windows.network->max_beams() == 0);
  const uint64_t of_beams = BytesOfStates(*all.network, "beams_"),
                 of_windows = BytesOfStates(*all.network, "windows_");
  REQUIRE((of_beams > 0 && of_windows > 0));
  CHECK(none.needed.persistent_bytes + of_beams <= beams.needed.persistent_bytes);
  CHECK(none.needed.persistent_bytes + of_windows <= windows.needed.persistent_bytes);
  CHECK(beams.needed.persistent_bytes + of_windows <= all.needed.persistent_bytes);
  CHECK(windows.needed.persistent_bytes + of_beams <= all.needed.persistent_bytes);
  all.Encode();
  const std::vector<float> expected = all.Alone({3, 1}, {4, 1});
  for (Loaded* loaded : {&beams, &windows, &none}) {
    CHECK(loaded->network->session().used().persistent_bytes <= loaded->needed.persistent_bytes);
    loaded->Encode();
    CHECK(loaded->Alone({3, 1}, {4, 1}) == expected);
  }
  CHECK(none.network->BeginBeams(1, 0).code() == StatusCode::kInvalidArgument);
  CHECK(none.network->KeepWindow(0).code() == StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace earshot::whisper
