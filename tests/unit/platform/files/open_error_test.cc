// Every error says what to do.
#include "platform/files/open_error.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cerrno>

namespace earshot {
namespace {

using Catch::Matchers::ContainsSubstring;

TEST_CASE("errors of opening name the path, the reason and the remedy", "[open_error]") {
  const Status missing = OpenError("talk.wav", ENOENT);
  CHECK(missing.code() == StatusCode::kNotFound);
  CHECK_THAT(missing.message(), ContainsSubstring("talk.wav: No such file or directory; check the path"));
  const Status forbidden = OpenError("talk.wav", EACCES);
  CHECK(forbidden.code() == StatusCode::kIo);
  CHECK_THAT(forbidden.message(), ContainsSubstring("talk.wav: Permission denied; you need permission"));
  const Status nameless = OpenError("", ENOENT);
  CHECK(nameless.code() == StatusCode::kInvalidArgument);
  CHECK_THAT(nameless.message(), ContainsSubstring("is empty"));
}

}  // namespace
}  // namespace earshot
