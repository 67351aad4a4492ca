// Tables as tab-separated text with a line of column names and no quoting.
#ifndef EARSHOT_PLATFORM_CLI_TSV_H_
#define EARSHOT_PLATFORM_CLI_TSV_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/core/status.h"

namespace earshot::cli {

class TsvTable {
 public:
  // Reads a whole file of at most 256 MB. Lines may end in CR LF; empty lines are skipped.
  // Errors: kNotFound, kIo; kInvalidArgument (no header, or a line with more fields than the header, named by
  // number).
  static Result<TsvTable> ReadFile(const std::string& path);
  static Result<TsvTable> Parse(std::string_view text);

  static constexpr size_t kNoColumn = static_cast<size_t>(-1);
  size_t FindColumn(std::string_view name) const;

  size_t num_rows() const { return rows_.size(); }
  // Empty for kNoColumn and for fields missing at the end of a line.
  std::string_view Field(size_t row, size_t column) const;

 private:
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// The whole of a small file. Errors: kNotFound, kIo, kInvalidArgument (more than 256 MB, or a directory).
Result<std::string> ReadTextFile(const std::string& path);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_TSV_H_
