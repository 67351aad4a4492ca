// A mapped file can be read around its mapping.
#include "platform/files/mapped_file.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace earshot {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("parts of a mapped file are copied through the file", "[mapped_file]") {
  std::string folder = (fs::temp_directory_path() / "earshot_mapped_file_XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  const std::string path = folder + "/model";
  std::string content(20000, 0);
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7);
  std::ofstream(path) << content;

  MappedFile opened = MappedFile::Open(path).value();
  const MappedFile file = std::move(opened);  // what is open moves along
  std::vector<std::byte> copy(5000);
  REQUIRE(file.Read(file.bytes().subspan(9999, copy.size()), copy.data()).ok());
  CHECK(std::memcmp(copy.data(), content.data() + 9999, copy.size()) == 0);

  fs::resize_file(path, 12000);
  const Status status = file.Read(file.bytes().subspan(9999, copy.size()), copy.data());
  CHECK(status.code() == StatusCode::kIo);
  CHECK_THAT(status.message(), ContainsSubstring("shorter"));
  fs::remove_all(folder);
}

}  // namespace
}  // namespace earshot
