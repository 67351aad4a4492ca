// ReadManifest: columns by name, every clip checked before work begins.
#include "platform/cli/manifest.h"

#include <filesystem>
#include <unordered_set>

#include "platform/cli/tsv.h"

namespace earshot::cli {
namespace {

Result<size_t> NeededColumn(const TsvTable& table, const char* name) {
  const size_t column = table.FindColumn(name);
  if (column != TsvTable::kNoColumn) return column;
  return Status::Error(
      StatusCode::kInvalidArgument,
      "there is no column \"%s\"; the first line must name the columns id, file, language, transcript, "
      "separated by tabs",
      name);
}

Result<std::vector<ManifestClip>> ClipsOf(const TsvTable& table, const std::filesystem::path& folder) {
  EARSHOT_ASSIGN_OR_RETURN(const size_t id, NeededColumn(table, "id"));
  EARSHOT_ASSIGN_OR_RETURN(const size_t file, NeededColumn(table, "file"));
  EARSHOT_ASSIGN_OR_RETURN(const size_t language, NeededColumn(table, "language"));
  EARSHOT_ASSIGN_OR_RETURN(const size_t transcript, NeededColumn(table, "transcript"));
  const size_t source = table.FindColumn("source");
  std::vector<ManifestClip> clips;
  std::unordered_set<std::string> ids;
  for (size_t row = 0; row < table.num_rows(); ++row) {
    ManifestClip clip{.id = std::string(table.Field(row, id)),
                      .path = (folder / table.Field(row, file)).string(),
                      .language = std::string(table.Field(row, language)),
                      .transcript = std::string(table.Field(row, transcript)),
                      .source = std::string(table.Field(row, source))};
    if (clip.id.empty() || table.Field(row, file).empty()) {
      return Status::Error(StatusCode::kInvalidArgument, "clip %zu has no id or no file", row + 1);
    }
    if (!ids.insert(clip.id).second) {
      return Status::Error(StatusCode::kInvalidArgument, "the id \"%s\" is used twice", clip.id.c_str());
    }
    clips.push_back(std::move(clip));
  }
  return clips;
}

}  // namespace

Result<std::vector<ManifestClip>> ReadManifest(const std::string& path) {
  EARSHOT_ASSIGN_OR_RETURN(const TsvTable table, TsvTable::ReadFile(path));
  auto clips = ClipsOf(table, std::filesystem::path(path).parent_path());
  if (!clips.ok()) return clips.status().WithContext("%s", path.c_str());
  return clips;
}

}  // namespace earshot::cli
