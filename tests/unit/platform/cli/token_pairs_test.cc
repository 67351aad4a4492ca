#include "platform/cli/token_pairs.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace earshot::cli {
namespace {

using Catch::Matchers::ContainsSubstring;

Result<std::vector<TokenPair>> Read(const std::string& text) {
  const std::filesystem::path path = std::filesystem::temp_directory_path() / "earshot_token_pairs_test.tsv";
  std::ofstream(path) << text;
  auto pairs = ReadTokenPairs(path.string());
  std::filesystem::remove(path);
  return pairs;
}

TEST_CASE("pairs are tokens between spaces") {
  const auto pairs = Read("source\ttarget\nc a t\tK AE T\n d  o g \tD AO G\n");
  REQUIRE(pairs.ok());
  REQUIRE(pairs->size() == 2);
  CHECK(pairs.value()[1].source == std::vector<std::string>{"d", "o", "g"});
  CHECK(pairs.value()[1].target == std::vector<std::string>{"D", "AO", "G"});
}

TEST_CASE("tables without pairs are refused, and why") {
  CHECK_THAT(Read("source\tresult\na\tb\n").status().message(), ContainsSubstring("no column \"target\""));
  CHECK_THAT(Read("source\ttarget\na\tb\nc\t\n").status().message(), ContainsSubstring("row 2"));
  CHECK_THAT(Read("source\ttarget\n").status().message(), ContainsSubstring("no rows"));
}

}  // namespace
}  // namespace earshot::cli
