// Reading the British to American spelling table.
#include "models/common/text/spelling_table.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace earshot {
namespace {

TEST_CASE("an object of strings is read", "[spelling_table]") {
  const auto table = ParseSpellingTable(R"({"colour": "color", "grey": "gray"})");
  REQUIRE(table.ok());
  CHECK(table.value() == SpellingTable{{"colour", "color"}, {"grey", "gray"}});
  CHECK(ParseSpellingTable("{}").ok());
}

TEST_CASE("anything else is an error that says what is expected", "[spelling_table]") {
  for (const char* json : {"", "[]", "{\"colour\": ", "\"colour\"", "{\"a\xFF\": \"b\"}"}) {
    const auto table = ParseSpellingTable(json);
    REQUIRE_FALSE(table.ok());
    CHECK(table.status().code() == StatusCode::kInvalidArgument);
  }
  const auto table = ParseSpellingTable(R"({"colour": 1})");
  REQUIRE_FALSE(table.ok());
  CHECK_THAT(table.status().message(), Catch::Matchers::ContainsSubstring("\"colour\""));
}

}  // namespace
}  // namespace earshot
