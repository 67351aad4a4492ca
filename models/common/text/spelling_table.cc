// Reading the British to American spelling table.
#include "models/common/text/spelling_table.h"

#include <nlohmann/json.hpp>

namespace earshot {

Result<SpellingTable> ParseSpellingTable(std::string_view json) {
  const auto parsed = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "the spelling table is not a JSON object; expected {\"colour\": \"color\", ...}");
  }
  SpellingTable table;
  for (const auto& [british, american] : parsed.items()) {
    if (!american.is_string()) {
      return Status::Error(
          StatusCode::kInvalidArgument,
          "the spelling table gives no string for \"%.100s\"; expected {\"colour\": \"color\", ...}",
          british.c_str());
    }
    table.emplace(british, american.get<std::string>());
  }
  return table;
}

}  // namespace earshot
