// A whole session on the engine, with a decoder that is a Markov chain.
#include "models/whisper/session.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "runtime/memory/arena.h"
#include "tests/unit/models/whisper/aligned_memory.h"
#include "tests/unit/models/whisper/small_model.h"

namespace earshot::whisper {
namespace {

using token::At;

class Loaded {
 public:
  explicit Loaded(const SmallModelOptions& options) : model_(options), program_(model_.program()) {
    needed = WhisperSession::Measure(program_, {}).value();
    session.emplace(WhisperSession::Create(program_, Memory(needed.total_bytes()), {}).value());
  }
  Result<WhisperSession> CreateIn(size_t bytes) {
    return WhisperSession::Create(program_, Memory(bytes), {});
  }

 private:
  std::span<std::byte> Memory(size_t bytes) { return memories_.emplace_back(bytes).bytes(); }

  // In order of what borrows from what.
  SmallModel model_;
  Program program_;
  std::vector<AlignedMemory> memories_;

 public:
  MemoryRequirements needed;
  std::optional<WhisperSession> session;
};

// " one two." and the end.
const SmallModelOptions kSpeaker = {
    .chain = {{token::kStart, {{token::kGerman, 6.0f}, {token::kNoSpeech, 1.0f}}},
              {token::kTranscribe, {{At(0.0), 30.0f}}},
              {At(0.0), {{token::kOne, 30.0f}}},
              {token::kOne, {{token::kTwo, 30.0f}}},
              {token::kTwo, {{token::kStop, 30.0f}}},
              {token::kStop, {{At(1.5), 30.0f}}},
              {At(1.5), {{token::kEndOfText, 30.0f}}}}};

std::vector<float> Buzz(size_t samples) {
  std::vector<float> audio(samples);
  for (size_t i = 0; i < samples; ++i) audio[i] = i % 80 < 40 ? 0.2f : -0.2f;
  return audio;
}

void CheckRefused(const SmallModelOptions& options, StatusCode code, const std::string& word) {
  const SmallModel model(options);
  const Result<MemoryRequirements> measured = WhisperSession::Measure(model.program(), {});
  REQUIRE_FALSE(measured.ok());
  CHECK(measured.status().code() == code);
  INFO(measured.status().message());
  CHECK(std::string(measured.status().message()).find(word) != std::string::npos);
}

TEST_CASE("a session transcribes audio in memory") {
  Loaded loaded(kSpeaker);
  std::string text;
  const Sink sink = {.context = &text, .on_segment = [](void* context, const Segment& segment) {
                       *static_cast<std::string*>(context) += segment.text;
                       CHECK(segment.start_ms == 0);
                       CHECK(segment.end_ms == 1500);
                     }};
  Summary summary;
  REQUIRE(loaded.session->Transcribe(Buzz(3 * 16000), {}, sink, &summary).ok());
  CHECK(text == " one two.");
  CHECK(std::string(summary.language.data()) == "de");
  CHECK(summary.tokens == 5);
  CHECK(summary.audio_ms == 3000);
}

TEST_CASE("an empty recording is no error") {
  Loaded loaded(kSpeaker);
  CHECK(loaded.session->Transcribe(std::span<const float>(), {}, {}, nullptr).ok());
}

TEST_CASE("a session can be moved") {
  Loaded loaded(kSpeaker);
  WhisperSession moved = std::move(*loaded.session);
  loaded.session.reset();
  Summary summary;
  REQUIRE(moved.Transcribe(Buzz(16000), {}, {}, &summary).ok());
  CHECK(summary.segments == 1);
}

TEST_CASE("the network can be run by hand") {
  Loaded loaded(kSpeaker);
  WhisperSession& session = *loaded.session;
  const int32_t start[] = {token::kStart};
  CHECK(session.Decode(start, 0).status().code() == StatusCode::kInvalidArgument);  // nothing encoded yet

  std::vector<float> mel(20 * kSmallModelMels);
  for (size_t i = 0; i < mel.size(); ++i) mel[i] = (i % 2 == 0 ? 1.0f : -1.0f) * static_cast<float>(i);
  REQUIRE(session.EncodeMel({mel.data(), 20, kSmallModelMels, kSmallModelMels}).ok());
  const auto encoded = session.EncoderOutput();
  REQUIRE(encoded.ok());
  REQUIRE(encoded->rows == 10);
  for (int64_t row = 0; row < 10; ++row) {
    for (int64_t col = 0; col < kSmallModelMels; ++col) {
      CHECK(encoded->Row(row)[col] == std::max(0.0f, mel[static_cast<size_t>(row * kSmallModelMels + col)]));
    }
  }
  // Only the last token matters to this decoder.
  const int32_t several[] = {token::kStart, token::kGerman, token::kTranscribe};
  const auto logits = session.Decode(several, 0);
  REQUIRE(logits.ok());
  REQUIRE(logits->size() == token::kSize);
  CHECK((*logits.operator->())[static_cast<size_t>(At(0.0))] == 30.0f);

  const auto language = session.DetectLanguage();
  REQUIRE(language.ok());
  CHECK(language->token == token::kGerman);
  CHECK(language->probability == Catch::Approx(std::exp(6.0) / (std::exp(6.0) + 2.0)));
}

TEST_CASE("tokens and features that the model cannot take are refused") {
  Loaded loaded(kSpeaker);
  WhisperSession& session = *loaded.session;
  REQUIRE(session.EncodeAudio(Buzz(16000)).ok());
  const int32_t negative[] = {-1}, beyond[] = {token::kSize}, fine[] = {token::kOne};
  CHECK(session.Decode(negative, 0).status().code() == StatusCode::kInvalidArgument);
  CHECK(session.Decode(beyond, 0).status().code() == StatusCode::kInvalidArgument);
  CHECK(session.Decode({}, 0).status().code() == StatusCode::kInvalidArgument);
  CHECK(session.Decode(fine, 64).status().code() == StatusCode::kInvalidArgument);
  CHECK(session.Decode(fine, -1).status().code() == StatusCode::kInvalidArgument);
  CHECK(session.Decode(fine, 63).ok());
  std::vector<float> mel(3002 * kSmallModelMels);
  for (const int64_t frames : {0, 1, 7, 3002}) {
    CHECK(session.EncodeMel({mel.data(), frames, kSmallModelMels, kSmallModelMels}).code() ==
          StatusCode::kInvalidArgument);
  }
  CHECK(session.EncodeMel({mel.data(), 20, kSmallModelMels - 1, kSmallModelMels}).code() ==
        StatusCode::kInvalidArgument);
}

TEST_CASE("memory is as measured, and one cache line less is refused with both numbers") {
  Loaded loaded(kSpeaker);
  CHECK(loaded.session->used().total_bytes() <= loaded.needed.total_bytes());
  const size_t too_little = loaded.needed.total_bytes() - kArenaAlignment;
  const Result<WhisperSession> session = loaded.CreateIn(too_little);
  REQUIRE_FALSE(session.ok());
  CHECK(session.status().code() == StatusCode::kOutOfMemory);
  CHECK(std::string(session.status().message()).find(std::to_string(too_little)) != std::string::npos);
  CHECK(std::string(session.status().message()).find(std::to_string(loaded.needed.total_bytes())) !=
        std::string::npos);
}

TEST_CASE("a model that is no Whisper model is refused by name") {
  CheckRefused({.family = "moonshine"}, StatusCode::kInvalidArgument, "moonshine");
}

TEST_CASE("what a model file lacks is named") {
  CheckRefused({.decode_name = "decoder"}, StatusCode::kInvalidModel, "\"decode\"");
  CheckRefused({.end_symbol = "last"}, StatusCode::kInvalidModel, "\"end\"");
  CheckRefused({.with_tokenizer = false}, StatusCode::kInvalidModel, "tokenizer");
  CheckRefused({.with_audio = false}, StatusCode::kInvalidModel, "mel filters");
  CheckRefused({.without = "<|transcribe|>"}, StatusCode::kInvalidModel, "<|transcribe|>");
  CheckRefused({.max_text_tokens = 8}, StatusCode::kInvalidModel, "8 tokens");
}

TEST_CASE("values of a wrong name or shape are refused when the session is made") {
  for (const SmallModelOptions& options :
       {SmallModelOptions{.logits_name = "scores"}, SmallModelOptions{.logits_cols = token::kSize - 1}}) {
    const SmallModel model(options);
    const Program program = model.program();
    const size_t bytes = WhisperSession::Measure(program, {}).value().total_bytes();
    const AlignedMemory memory(bytes);
    const Result<WhisperSession> session = WhisperSession::Create(program, memory.bytes(), {});
    REQUIRE_FALSE(session.ok());
    CHECK(session.status().code() == StatusCode::kInvalidModel);
  }
}

}  // namespace
}  // namespace earshot::whisper
