// Tables of clips.
#include "platform/cli/manifest.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "platform/cli/tsv.h"

namespace earshot::cli {
namespace {

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text)
      : path_((std::filesystem::temp_directory_path() / "earshot_manifest_test.tsv").string()) {
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string ErrorOf(const std::string& text) {
  const TemporaryFile file(text);
  return ReadManifest(file.path()).status().message();
}

TEST_CASE("Columns are found by name, in any order, and others ignored") {
  const TemporaryFile file(
      "language\tid\tnotes\ttranscript\tfile\tsource\r\n"
      "en\tone\tsaid \"so\"\tHello there.\tclips/one.flac\tbooks\r\n"
      "\n"
      "de\ttwo\t\tGuten Tag\t/abs/two.wav\n");
  const auto clips = ReadManifest(file.path());
  REQUIRE(clips.ok());
  REQUIRE(clips.value().size() == 2);
  const ManifestClip& one = clips.value()[0];
  CHECK(one.id == "one");
  CHECK(one.language == "en");
  CHECK(one.transcript == "Hello there.");
  CHECK(one.source == "books");
  CHECK(one.path == (std::filesystem::temp_directory_path() / "clips/one.flac").string());
  CHECK(clips.value()[1].path == "/abs/two.wav");
  CHECK(clips.value()[1].source.empty());
}

TEST_CASE("What is wrong with a manifest is said by name") {
  CHECK(ErrorOf("id\tfile\tlanguage\n").find("\"transcript\"") != std::string::npos);
  CHECK(ErrorOf("").find("empty") != std::string::npos);
  CHECK(ErrorOf("id\tfile\tlanguage\ttranscript\na\tb\ten\tx\ty\n").find("line 2") != std::string::npos);
  CHECK(ErrorOf("id\tfile\tlanguage\ttranscript\na\tb\ten\tx\na\tc\ten\tx\n").find("\"a\"") !=
        std::string::npos);
  CHECK_FALSE(ErrorOf("id\tfile\tlanguage\ttranscript\n\tb\ten\tx\n").empty());
  CHECK(std::string(ReadManifest("no/such/file.tsv").status().message()).find("no/such/file.tsv") !=
        std::string::npos);
}

}  // namespace
}  // namespace earshot::cli
