// Where transcripts go, and what is refused before work begins.
#include "platform/cli/output_plan.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <string>

namespace earshot::cli {
namespace {

constexpr auto kTxt = TranscriptFormat::kTxt;
constexpr auto kSrt = TranscriptFormat::kSrt;
constexpr auto kJson = TranscriptFormat::kJson;

std::string ErrorOf(const OutputPlan& plan) { return CheckOutputPlan(plan).message(); }

TEST_CASE("A stem is the name without folder and last extension") {
  CHECK(OutputStem("dir.d/talk.en.mp3") == "talk.en");
  CHECK(OutputStem("noext") == "noext");
  CHECK(OutputStem("-") == "stdin");
}

TEST_CASE("Standard output takes one format, and several files only where they can be told apart") {
  CHECK(CheckOutputPlan({.inputs = {"a.wav"}, .formats = {kSrt}, .directory = ""}).ok());
  CHECK(CheckOutputPlan({.inputs = {"a.wav", "b.wav"}, .formats = {kTxt}, .directory = ""}).ok());
  CHECK(CheckOutputPlan({.inputs = {"a.wav", "b.wav"}, .formats = {kJson}, .directory = ""}).ok());
  CHECK(ErrorOf({.inputs = {"a.wav", "b.wav"}, .formats = {kSrt}, .directory = ""}).find("--output-dir") !=
        std::string::npos);
  CHECK(ErrorOf({.inputs = {"a.wav"}, .formats = {kSrt, kTxt}, .directory = ""}).find("--output-dir") !=
        std::string::npos);
}

TEST_CASE("Two inputs whose results would have one name are refused by both names") {
  const std::string error =
      ErrorOf({.inputs = {"x/talk.mp3", "b.wav", "y/talk.wav"}, .formats = {kSrt}, .directory = "out"});
  CHECK(error.find("x/talk.mp3") != std::string::npos);
  CHECK(error.find("y/talk.wav") != std::string::npos);
  CHECK(error.find("out/talk.srt") != std::string::npos);
  CHECK(CheckOutputPlan({.inputs = {"x/talk.mp3", "y/talk.en.wav"}, .formats = {kSrt}, .directory = "out"})
            .ok());
}

TEST_CASE("A result that would replace an input or the model is refused by name") {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "earshot_output_plan_test";
  std::filesystem::create_directories(folder);
  for (const char* name : {"a.txt", "b.wav", "m.json"}) std::ofstream(folder / name) << "x";
  const auto plan = [&folder](const char* input, TranscriptFormat format) -> OutputPlan {
    return {.inputs = {folder / "b.wav", folder / input},
            .formats = {kSrt, format},
            .directory = folder,
            .model = folder / "m.json"};
  };
  CHECK(CheckOutputPlan(plan("a.txt", kJson)).ok());
  CHECK(ErrorOf(plan("a.txt", kTxt)).find("replace the input \"" + (folder / "a.txt").string()) !=
        std::string::npos);
  CHECK(ErrorOf(plan("m.mp3", kJson)).find("replace the input \"" + (folder / "m.json").string()) !=
        std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST_CASE("Standard input can be named once") {
  CHECK(CheckOutputPlan({.inputs = {"-", "a.wav"}, .formats = {kTxt}, .directory = ""}).ok());
  CHECK_FALSE(CheckOutputPlan({.inputs = {"-", "-"}, .formats = {kTxt}, .directory = ""}).ok());
}

}  // namespace
}  // namespace earshot::cli
