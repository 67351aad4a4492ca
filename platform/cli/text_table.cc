// TextTable: widths are counted in code points, so that words with accents stay in line.
#include "platform/cli/text_table.h"

#include <algorithm>
#include <utility>

namespace earshot::cli {
namespace {

size_t CodePoints(const std::string& utf8) {
  return static_cast<size_t>(std::count_if(
      utf8.begin(), utf8.end(), [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }));
}

}  // namespace

void TextTable::AddRow(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::string TextTable::ToString(size_t indent) const {
  std::vector<std::vector<std::string>> lines;
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  const bool has_titles =
      std::any_of(titles.begin(), titles.end(), [](const auto& title) { return !title.empty(); });
  if (has_titles) lines.push_back(std::move(titles));
  lines.insert(lines.end(), rows_.begin(), rows_.end());

  std::vector<size_t> widths(columns_.size(), 0);
  for (const auto& line : lines) {
    for (size_t c = 0; c < widths.size(); ++c) widths[c] = std::max(widths[c], CodePoints(line[c]));
  }
  std::string text;
  for (const auto& line : lines) {
    std::string row(indent, ' ');
    for (size_t c = 0; c < widths.size(); ++c) {
      const std::string padding(widths[c] - CodePoints(line[c]), ' ');
      if (c > 0) row += "  ";
      row += columns_[c].align == Align::kRight ? padding + line[c] : line[c] + padding;
    }
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + '\n';
  }
  return text;
}

}  // namespace earshot::cli
