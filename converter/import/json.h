// JSON for the readers: parsing and typed access with errors as values, and tables of the keys that a file
// may have.
#ifndef EARSHOT_CONVERTER_IMPORT_JSON_H_
#define EARSHOT_CONVERTER_IMPORT_JSON_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/core/status.h"

namespace earshot::checkpoint {

using Json = nlohmann::json;

// kInvalidModel names the file if the text is not JSON, nested absurdly deep, has an object with the same key
// twice (of which a parser would silently drop one), or (second function) is not an object.
Result<Json> ParseJson(std::string_view text, const char* file);
Result<Json> ParseJsonObject(std::string_view text, const char* file);

// The object in a file. kNotFound if there is none.
Result<Json> ReadJsonObject(const std::string& path);

// As ReadJsonObject, but an absent file is an empty object.
Result<Json> ReadOptionalJsonObject(const std::string& path);

// The value of a key; nullptr where it is absent or null. Points into `object`, which is an object.
const Json* Find(const Json& object, const char* key);

// A whole number in [minimum, maximum]. kInvalidModel names key and value, and says if the key is missing.
struct IntegerRange {
  int64_t minimum = 1;
  int64_t maximum = 1;
};
Result<int64_t> GetInteger(const Json& object, const char* key, IntegerRange range);

// The number if `value` is a whole number that fits int64_t.
std::optional<int64_t> ToInteger(const Json& value);

// A list of whole numbers >= 0. kInvalidModel names the key.
Result<std::vector<int64_t>> GetIds(const Json& object, const char* key);

// A value as text for messages, cut to a readable length.
std::string Excerpt(const Json& value);

// What to do with a key of a configuration file.
struct KeyRule {
  std::string_view key;
  // JSON list of the values under which the model is what this converter builds, nullptr where the key is
  // either read elsewhere or without influence on inference.
  const char* accepted = nullptr;
};

// kUnsupported names key and value of the first one with a value that is not accepted, and of the first
// unknown key unless its value is null or false, which is how features that are off are written. null is
// always accepted: it means the default.
Status CheckKeys(const Json& object, std::span<const KeyRule> rules, const char* file);

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_JSON_H_
