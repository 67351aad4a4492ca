// Writing files whole or not at all.
#include "platform/files/atomic_file.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

namespace earshot {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;

// A new directory that goes with the test.
class TestDirectory {
 public:
  TestDirectory() {
    std::string path = (fs::temp_directory_path() / "earshot_atomic_file_XXXXXX").string();
    REQUIRE(mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~TestDirectory() { fs::remove_all(path_); }

  std::string Path(const std::string& name) const { return (path_ / name).string(); }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path_)) names.push_back(entry.path().filename().string());
    return names;
  }

 private:
  fs::path path_;
};

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

// While it lives, no file of this process can grow beyond the limit: a disk that runs full in the middle of a
// write.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t max_bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(getrlimit(RLIMIT_FSIZE, &old_limit_) == 0);
    const rlimit limit{max_bytes, old_limit_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_limit_);
    std::signal(SIGXFSZ, old_handler_);
  }

 private:
  void (*old_handler_)(int);
  rlimit old_limit_ = {};
};

TEST_CASE("the parts become the content", "[atomic_file]") {
  const TestDirectory directory;
  REQUIRE(WriteFileAtomically(directory.Path("a"), {"one ", "", "two"}).ok());
  CHECK(Content(directory.Path("a")) == "one two");
  REQUIRE(WriteFileAtomically(directory.Path("a"), {"new"}).ok());
  CHECK(Content(directory.Path("a")) == "new");
  REQUIRE(WriteFileAtomically(directory.Path("empty"), {}).ok());
  CHECK(fs::file_size(directory.Path("empty")) == 0);
  CHECK(directory.Names().size() == 2);
}

TEST_CASE("nothing shows before the commit", "[atomic_file]") {
  const TestDirectory directory;
  REQUIRE(WriteFileAtomically(directory.Path("a"), {"old"}).ok());
  auto writer = AtomicFileWriter::Create(directory.Path("a"));
  REQUIRE(writer.ok());
  REQUIRE(writer->Append("new ").ok());
  CHECK(Content(directory.Path("a")) == "old");
  const std::vector<std::byte> megabytes(5 << 20, std::byte{'x'});
  REQUIRE(writer->Append(megabytes).ok());
  CHECK(writer->written_bytes() == megabytes.size() + 4);
  REQUIRE(writer->Commit().ok());
  CHECK(fs::file_size(directory.Path("a")) == megabytes.size() + 4);
  CHECK(directory.Names() == std::vector<std::string>{"a"});
  CHECK_FALSE(writer->Append("more").ok());
  CHECK_FALSE(writer->Commit().ok());
  CHECK(fs::file_size(directory.Path("a")) == megabytes.size() + 4);
}

TEST_CASE("without a commit nothing is left behind", "[atomic_file]") {
  const TestDirectory directory;
  {
    auto writer = AtomicFileWriter::Create(directory.Path("a"));
    REQUIRE(writer.ok());
    REQUIRE(writer->Append("half").ok());
    CHECK(directory.Names().size() == 1);
  }
  CHECK(directory.Names().empty());
}

TEST_CASE("a full disk leaves the old file and nothing else", "[atomic_file]") {
  const TestDirectory directory;
  REQUIRE(WriteFileAtomically(directory.Path("a"), {"old"}).ok());
  const std::string content(1 << 20, 'x');
  Status status;
  {
    const FileSizeLimit limit(300 * 1000);
    status = WriteFileAtomically(directory.Path("a"), {content});
  }
  CHECK(status.code() == StatusCode::kIo);
  CHECK_THAT(status.message(), ContainsSubstring(directory.Path("a")) && ContainsSubstring("File too large"));
  CHECK(Content(directory.Path("a")) == "old");
  CHECK(directory.Names() == std::vector<std::string>{"a"});
}

TEST_CASE("after a failed append nothing can be committed", "[atomic_file]") {
  const TestDirectory directory;
  auto writer = AtomicFileWriter::Create(directory.Path("a"));
  REQUIRE(writer.ok());
  {
    const FileSizeLimit limit(1000);
    CHECK_FALSE(writer->Append(std::string(2000, 'x')).ok());
  }
  CHECK(directory.Names().empty());
  CHECK_THAT(writer->Append("more").message(), ContainsSubstring("File too large"));
  CHECK_THAT(writer->Commit().message(), ContainsSubstring("File too large"));
  CHECK(directory.Names().empty());
}

TEST_CASE("permissions stay, new files follow the umask", "[atomic_file]") {
  const TestDirectory directory;
  const mode_t old_mask = umask(027);
  REQUIRE(WriteFileAtomically(directory.Path("new"), {"x"}).ok());
  umask(old_mask);
  const auto mode = [&](const char* name) {
    struct stat info = {};
    REQUIRE(stat(directory.Path(name).c_str(), &info) == 0);
    return info.st_mode & 0777;
  };
  CHECK(mode("new") == 0640);
  REQUIRE(chmod(directory.Path("new").c_str(), 0600) == 0);
  REQUIRE(WriteFileAtomically(directory.Path("new"), {"y"}).ok());
  CHECK(mode("new") == 0600);
}

TEST_CASE("a symbolic link is followed", "[atomic_file]") {
  const TestDirectory directory;
  REQUIRE(WriteFileAtomically(directory.Path("real"), {"old"}).ok());
  fs::create_symlink("real", directory.Path("link"));
  REQUIRE(WriteFileAtomically(directory.Path("link"), {"new"}).ok());
  CHECK(fs::is_symlink(directory.Path("link")));
  CHECK(Content(directory.Path("real")) == "new");
}

TEST_CASE("a link to nothing is said to be one", "[atomic_file]") {
  const TestDirectory directory;
  fs::create_symlink("nothing", directory.Path("link"));
  const Status status = WriteFileAtomically(directory.Path("link"), {"x"});
  CHECK(status.code() == StatusCode::kNotFound);
  CHECK_THAT(status.message(),
             ContainsSubstring(directory.Path("link")) && ContainsSubstring("is a link to"));
  CHECK(directory.Names() == std::vector<std::string>{"link"});
}

TEST_CASE("what cannot be written is named with the reason", "[atomic_file]") {
  const TestDirectory directory;
  const std::string missing = directory.Path("missing/a");
  const Status no_directory = WriteFileAtomically(missing, {"x"});
  CHECK(no_directory.code() == StatusCode::kNotFound);
  CHECK_THAT(no_directory.message(),
             ContainsSubstring(missing) && ContainsSubstring("No such file or directory"));

  CHECK(WriteFileAtomically("", {"x"}).code() == StatusCode::kInvalidArgument);
  CHECK(WriteFileAtomically(directory.Path(""), {"x"}).code() == StatusCode::kInvalidArgument);
  CHECK(WriteFileAtomically(directory.Path("a/"), {"x"}).code() == StatusCode::kNotFound);
  CHECK(directory.Names().empty());
}

TEST_CASE("pipes and devices are not replaced by files", "[atomic_file]") {
  const TestDirectory directory;
  REQUIRE(mkfifo(directory.Path("pipe").c_str(), 0600) == 0);
  CHECK(WriteFileAtomically(directory.Path("pipe"), {"x"}).code() == StatusCode::kInvalidArgument);
  CHECK(fs::is_fifo(directory.Path("pipe")));
  // As /dev/stdout is: a link whose text is no path.
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const Status status = WriteFileAtomically("/dev/fd/" + std::to_string(ends[1]), {"x"});
  CHECK_THAT(status.message(), ContainsSubstring("not a regular file"));
  for (const int end : ends) close(end);
  CHECK(directory.Names() == std::vector<std::string>{"pipe"});
}

TEST_CASE("write protection is respected", "[atomic_file]") {
  if (geteuid() == 0) SKIP("root may write everywhere");
  const TestDirectory directory;
  REQUIRE(WriteFileAtomically(directory.Path("a"), {"old"}).ok());
  REQUIRE(chmod(directory.Path("a").c_str(), 0444) == 0);
  CHECK(WriteFileAtomically(directory.Path("a"), {"new"}).code() == StatusCode::kIo);
  CHECK(Content(directory.Path("a")) == "old");
}

TEST_CASE("moving a writer moves the duty to clean up", "[atomic_file]") {
  const TestDirectory directory;
  auto first = AtomicFileWriter::Create(directory.Path("a"));
  auto second = AtomicFileWriter::Create(directory.Path("b"));
  REQUIRE((first.ok() && second.ok()));
  REQUIRE(second->Append("b").ok());
  {
    AtomicFileWriter moved(std::move(first).value());
    CHECK(directory.Names().size() == 2);
    moved = std::move(second).value();
    CHECK(directory.Names().size() == 1);
    REQUIRE(moved.Commit().ok());
  }
  CHECK(directory.Names() == std::vector<std::string>{"b"});
}

}  // namespace
}  // namespace earshot
