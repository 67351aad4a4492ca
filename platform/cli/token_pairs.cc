// ReadTokenPairs.
#include "platform/cli/token_pairs.h"

#include <sstream>
#include <string_view>
#include <utility>

#include "platform/cli/tsv.h"

namespace earshot::cli {
namespace {

std::vector<std::string> Tokens(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> tokens;
  for (std::string token; stream >> token;) tokens.push_back(std::move(token));
  return tokens;
}

Result<std::vector<TokenPair>> PairsOf(const TsvTable& table) {
  const size_t source = table.FindColumn("source"), target = table.FindColumn("target");
  if (source == TsvTable::kNoColumn || target == TsvTable::kNoColumn) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "there is no column \"%s\"; the first line must name the columns source and target, "
                         "separated by a tab",
                         source == TsvTable::kNoColumn ? "source" : "target");
  }
  std::vector<TokenPair> pairs;
  for (size_t row = 0; row < table.num_rows(); ++row) {
    pairs.push_back({Tokens(table.Field(row, source)), Tokens(table.Field(row, target))});
    if (!pairs.back().source.empty() && !pairs.back().target.empty()) continue;
    return Status::Error(StatusCode::kInvalidArgument,
                         "row %zu has no tokens in one of its columns; leave such rows out", row + 1);
  }
  if (pairs.empty()) return Status::Error(StatusCode::kInvalidArgument, "the table has no rows");
  return pairs;
}

}  // namespace

Result<std::vector<TokenPair>> ReadTokenPairs(const std::string& path) {
  EARSHOT_ASSIGN_OR_RETURN(const TsvTable table, TsvTable::ReadFile(path));
  auto pairs = PairsOf(table);
  if (!pairs.ok()) return pairs.status().WithContext("%s", path.c_str());
  return pairs;
}

}  // namespace earshot::cli
