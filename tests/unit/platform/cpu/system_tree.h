// A folder that stands for /: tests put the files of other machines there.
#ifndef EARSHOT_TESTS_UNIT_PLATFORM_CPU_SYSTEM_TREE_H_
#define EARSHOT_TESTS_UNIT_PLATFORM_CPU_SYSTEM_TREE_H_

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace earshot {

class SystemTree {
 public:
  SystemTree() : root_((std::filesystem::temp_directory_path() / "earshot_system_XXXXXX").string()) {
    REQUIRE(mkdtemp(root_.data()) != nullptr);
  }
  ~SystemTree() { std::filesystem::remove_all(root_); }
  SystemTree(const SystemTree&) = delete;
  SystemTree& operator=(const SystemTree&) = delete;

  void Write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path, std::ios::binary) << text;
  }
  const std::string& root() const { return root_; }

 private:
  std::string root_;
};

}  // namespace earshot

#endif  // EARSHOT_TESTS_UNIT_PLATFORM_CPU_SYSTEM_TREE_H_
