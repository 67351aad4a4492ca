// Inputs are recognized under every name that they have.
#include "platform/files/input_files.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace earshot {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("an output that is an input is refused under any of its names", "[input_files]") {
  std::string folder = (fs::temp_directory_path() / "earshot_input_files_XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const auto path = [&folder](const char* name) { return folder + "/" + name; };
  for (const char* name : {"input", "other"}) std::ofstream(path(name)) << "x";
  fs::create_symlink("input", path("symbolic"));
  fs::create_hard_link(path("input"), path("hard"));
  fs::create_directory(path("below"));

  InputFiles inputs;
  inputs.Add(path("missing"));
  CHECK(inputs.Check(path("input")).ok());
  inputs.Add(path("input"));
  for (const char* name : {"input", "symbolic", "hard", "below/../input"}) {
    const Status status = inputs.Check(path(name));
    CHECK(status.code() == StatusCode::kInvalidArgument);
    CHECK_THAT(status.message(), ContainsSubstring(path(name)) && ContainsSubstring(path("input")));
  }
  for (const char* name : {"other", "missing", "new", "below/input"}) CHECK(inputs.Check(path(name)).ok());
  fs::remove_all(folder);
}

}  // namespace
}  // namespace earshot
