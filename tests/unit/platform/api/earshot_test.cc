// The C interface with packed weights: a model takes good ones, which save memory, and stays usable after bad
// ones.
#include "platform/api/earshot.h"

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <string>

#include "platform/audio/audio_reader.h"
#include "platform/files/memory_block.h"

namespace earshot {
namespace {

constexpr const char* kModel = EARSHOT_TEST_MODELS_DIR "/whisper-tiny.en.int8.earshot";
constexpr const char* kPacked = EARSHOT_TEST_MODELS_DIR "/whisper-tiny.en.int8.packed";

size_t SessionBytes(const earshot_model* model) {
  size_t memory_bytes = 0;
  REQUIRE(earshot_session_memory_bytes(model, 2, &memory_bytes, nullptr) == EARSHOT_OK);
  return memory_bytes;
}

std::string Transcribe(const earshot_model* model) {
  const auto audio = DecodeAudioFile(EARSHOT_DOWNLOADS_DIR "/speech/beckett.wav", {});
  REQUIRE(audio.ok());
  const auto memory = MemoryBlock::Allocate(SessionBytes(model));
  REQUIRE(memory.ok());
  earshot_session* session = nullptr;
  REQUIRE(earshot_session_create(model, memory->bytes().data(), memory->bytes().size(), 2, &session,
                                 nullptr) == EARSHOT_OK);
  std::string text;
  earshot_options options = earshot_default_options();
  options.context = &text;
  options.on_segment = [](void* context, const earshot_segment* segment) {
    static_cast<std::string*>(context)->append(segment->text, segment->text_bytes);
  };
  CHECK(earshot_transcribe(session, audio->data(), audio->size(), &options, nullptr) == EARSHOT_OK);
  earshot_session_destroy(session);
  return text;
}

TEST_CASE("a C program may start with packed weights") {
  earshot_model* model = nullptr;
  REQUIRE(earshot_model_open(kModel, &model, nullptr) == EARSHOT_OK);
  const size_t bytes_without = SessionBytes(model);
  const std::string text_without = Transcribe(model);
  CHECK(text_without.find("ail again") != std::string::npos);  // with a capital or without

  earshot_error error = {};
  CHECK(earshot_model_use_packed_weights(model, nullptr, &error) == EARSHOT_INVALID_ARGUMENT);
  CHECK(earshot_model_use_packed_weights(model, "none-such", &error) == EARSHOT_NOT_FOUND);
  CHECK(earshot_model_use_packed_weights(model, kModel, &error) == EARSHOT_INVALID_MODEL);
  CHECK(std::strstr(error.message, kModel) != nullptr);
  CHECK(SessionBytes(model) == bytes_without);

  REQUIRE(earshot_model_use_packed_weights(model, kPacked, &error) == EARSHOT_OK);
  CHECK(SessionBytes(model) < bytes_without);
  CHECK(Transcribe(model) == text_without);
  earshot_model_close(model);
}

}  // namespace
}  // namespace earshot
