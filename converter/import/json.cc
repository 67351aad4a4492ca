// Typed access to JSON without exceptions.
#include "converter/import/json.h"

#include <algorithm>
#include <filesystem>
#include <unordered_set>

#include "converter/import/checkpoint_file.h"

namespace earshot::checkpoint {
namespace {

// Nesting of any real file is below 10; a bound keeps the library's recursive functions from running out of
// stack.
constexpr int kMaxDepth = 64;

constexpr size_t kMaxExcerptBytes = 80;

// Looks at a text while it is parsed.
class ParseObserver {
 public:
  // False from the first offence on: the rest is of no interest.
  bool Observe(int depth, Json::parse_event_t event, const Json& parsed) {
    if (is_too_deep_ || repeated_key_) return false;
    is_too_deep_ = depth > kMaxDepth;
    switch (event) {
      case Json::parse_event_t::object_start:
        keys_.emplace_back();
        break;
      case Json::parse_event_t::object_end:
        keys_.pop_back();
        break;
      case Json::parse_event_t::key:
        if (!keys_.back().insert(parsed.get<std::string>()).second) repeated_key_ = Excerpt(parsed);
        break;
      default:
        break;
    }
    return !is_too_deep_ && !repeated_key_;
  }

  Status Verdict(const char* file) const {
    if (is_too_deep_)
      return Status::Error(StatusCode::kInvalidModel, "%s is nested more than %d deep", file, kMaxDepth);
    if (repeated_key_)
      return Status::Error(StatusCode::kInvalidModel, "%s has %s twice", file, repeated_key_->c_str());
    return Status::Ok();
  }

 private:
  bool is_too_deep_ = false;
  std::optional<std::string> repeated_key_;
  std::vector<std::unordered_set<std::string>> keys_;  // of the objects that are open, outermost first
};

}  // namespace

Result<Json> ParseJson(std::string_view text, const char* file) {
  ParseObserver observer;
  const auto observe = [&observer](int depth, Json::parse_event_t event, Json& parsed) {
    return observer.Observe(depth, event, parsed);
  };
  Json json = Json::parse(text.begin(), text.end(), observe, /*allow_exceptions=*/false);
  EARSHOT_RETURN_IF_ERROR(observer.Verdict(file));
  if (json.is_discarded()) return Status::Error(StatusCode::kInvalidModel, "%s is not valid JSON", file);
  return json;
}

Result<Json> ParseJsonObject(std::string_view text, const char* file) {
  EARSHOT_ASSIGN_OR_RETURN(Json json, ParseJson(text, file));
  if (!json.is_object()) return Status::Error(StatusCode::kInvalidModel, "%s is not a JSON object", file);
  return json;
}

Result<Json> ReadJsonObject(const std::string& path) {
  EARSHOT_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path));
  return ParseJsonObject(text, std::filesystem::path(path).filename().c_str());
}

Result<Json> ReadOptionalJsonObject(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return Json::object();
  return ReadJsonObject(path);
}

const Json* Find(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::optional<int64_t> ToInteger(const Json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
    return std::nullopt;
  return value.get<int64_t>();
}

Result<int64_t> GetInteger(const Json& object, const char* key, IntegerRange range) {
  const Json* value = Find(object, key);
  if (value == nullptr) return Status::Error(StatusCode::kInvalidModel, "\"%s\" is missing", key);
  const std::optional<int64_t> number = ToInteger(*value);
  if (!number || *number < range.minimum || *number > range.maximum) {
    return Status::Error(StatusCode::kInvalidModel, "\"%s\" is %s, not a whole number from %lld to %lld", key,
                         Excerpt(*value).c_str(), static_cast<long long>(range.minimum),
                         static_cast<long long>(range.maximum));
  }
  return *number;
}

Result<std::vector<int64_t>> GetIds(const Json& object, const char* key) {
  std::vector<int64_t> ids;
  const Json* list = Find(object, key);
  const bool is_list = list != nullptr && list->is_array();
  if (is_list) {
    for (const Json& item : *list) {
      const std::optional<int64_t> id = ToInteger(item);
      if (!id || *id < 0) break;
      ids.push_back(*id);
    }
  }
  if (!is_list || ids.size() != list->size()) {
    return Status::Error(StatusCode::kInvalidModel, "\"%s\" is not a list of token ids", key);
  }
  return ids;
}

std::string Excerpt(const Json& value) {
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
  if (text.size() > kMaxExcerptBytes) text = text.substr(0, kMaxExcerptBytes) + "...";
  return text;
}

Status CheckKeys(const Json& object, std::span<const KeyRule> rules, const char* file) {
  for (const auto& [key, value] : object.items()) {
    if (value.is_null()) continue;
    const auto rule = std::ranges::find(rules, std::string_view(key), &KeyRule::key);
    if (rule == rules.end()) {
      if (value.is_boolean() && !value.get<bool>()) continue;
      return Status::Error(
          StatusCode::kUnsupported,
          "%s: this converter does not know \"%s\" (%s) and cannot tell whether it changes the result", file,
          key.c_str(), Excerpt(value).c_str());
    }
    if (rule->accepted == nullptr) continue;
    const Json accepted = Json::parse(rule->accepted, nullptr, /*allow_exceptions=*/false);
    if (!accepted.is_array() || std::ranges::find(accepted, value) == accepted.end()) {
      return Status::Error(StatusCode::kUnsupported, "%s: \"%s\" is %s; this converter can only do %s", file,
                           key.c_str(), Excerpt(value).c_str(), rule->accepted);
    }
  }
  return Status::Ok();
}

}  // namespace earshot::checkpoint
