// Clips with their transcripts, for `earshot evaluate`.
#ifndef EARSHOT_PLATFORM_CLI_MANIFEST_H_
#define EARSHOT_PLATFORM_CLI_MANIFEST_H_

#include <string>
#include <vector>

#include "runtime/core/status.h"

namespace earshot::cli {

struct ManifestClip {
  std::string id;
  std::string path;  // as written if absolute, otherwise joined to the manifest's folder
  std::string language;
  std::string transcript;
  std::string source;  // where the clip comes from; empty if the manifest does not say
};

// A table with the columns id, file, language, transcript and, if there is one, source; others are ignored.
// Errors: those of TsvTable; kInvalidArgument names the column that is missing, or the id that is empty or
// used twice.
Result<std::vector<ManifestClip>> ReadManifest(const std::string& path);

}  // namespace earshot::cli

#endif  // EARSHOT_PLATFORM_CLI_MANIFEST_H_
