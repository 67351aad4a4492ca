// Aligned columns of text for reports on a terminal.
#ifndef EARSHOT_PLATFORM_CLI_TEXT_TABLE_H_
#define EARSHOT_PLATFORM_CLI_TEXT_TABLE_H_

#include <string>
#include <vector>

namespace earshot::cli {

class TextTable {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Missing cells are empty; cells beyond the columns are dropped.
  void AddRow(std::vector<std::string> cells);

  // Every line begins with `indent` spaces, ends without spaces, and columns are two spaces apart. The line
  // of titles is left out if all titles are empty.
  std::string ToString(size_t indent = 2) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_TEXT_TABLE_H_
