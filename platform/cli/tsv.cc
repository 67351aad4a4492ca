// TsvTable: a text file split at line ends and tabs.
#include "platform/cli/tsv.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "platform/files/open_error.h"

namespace earshot::cli {
namespace {

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

Result<std::string> ReadTextFile(const std::string& path) {
  constexpr size_t kMaxBytes = size_t{256} << 20;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) return OpenError(path.c_str(), errno);
  std::string text;
  std::array<char, 1 << 16> piece;
  while (const size_t count = std::fread(piece.data(), 1, piece.size(), file.get())) {
    text.append(piece.data(), count);
    if (text.size() > kMaxBytes) {
      return Status::Error(StatusCode::kInvalidArgument, "%s is larger than %zu MB; is it the right file?",
                           path.c_str(), kMaxBytes >> 20);
    }
  }
  if (std::ferror(file.get()) != 0) {
    return Status::Error(StatusCode::kIo, "cannot read %s: %s", path.c_str(), std::strerror(errno));
  }
  return text;
}

Result<TsvTable> TsvTable::ReadFile(const std::string& path) {
  EARSHOT_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path));
  auto table = Parse(text);
  if (!table.ok()) return table.status().WithContext("%s", path.c_str());
  return table;
}

Result<TsvTable> TsvTable::Parse(std::string_view text) {
  TsvTable table;
  size_t line_number = 0;
  for (std::string& line : Split(text, '\n')) {
    ++line_number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    std::vector<std::string> fields = Split(line, '\t');
    if (table.columns_.empty()) {
      table.columns_ = std::move(fields);
    } else if (fields.size() > table.columns_.size()) {
      return Status::Error(StatusCode::kInvalidArgument, "line %zu has %zu fields, the header %zu",
                           line_number, fields.size(), table.columns_.size());
    } else {
      table.rows_.push_back(std::move(fields));
    }
  }
  if (table.columns_.empty())
    return Status::Error(StatusCode::kInvalidArgument,
                         "the table is empty; its first line names the columns");
  return table;
}

size_t TsvTable::FindColumn(std::string_view name) const {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  return found == columns_.end() ? kNoColumn : static_cast<size_t>(found - columns_.begin());
}

std::string_view TsvTable::Field(size_t row, size_t column) const {
  const std::vector<std::string>& fields = rows_[row];
  return column < fields.size() ? std::string_view(fields[column]) : std::string_view();
}

}  // namespace earshot::cli
