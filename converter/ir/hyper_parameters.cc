// Typed access to a JSON object that keeps account of the keys.
#include "converter/ir/hyper_parameters.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace earshot::ir {

using Json = nlohmann::json;

HyperParameters::HyperParameters() : HyperParameters(Json::object()) {}

HyperParameters::HyperParameters(const Json& object, std::string path)
    : object_(std::make_unique<Json>(object.is_object() ? object : Json::object())), path_(std::move(path)) {
  if (object.is_object()) return;
  status_ = Status::Error(StatusCode::kInvalidModel, "%s is not an object", path_.c_str());
}

HyperParameters::HyperParameters(HyperParameters&&) noexcept = default;
HyperParameters& HyperParameters::operator=(HyperParameters&&) noexcept = default;
HyperParameters::~HyperParameters() = default;

bool HyperParameters::Has(const std::string& key) const {
  const auto found = object_->find(key);
  return found != object_->end() && !found->is_null();
}

const Json* HyperParameters::Find(const std::string& key) {
  asked_for_.insert(key);
  return Has(key) ? &*object_->find(key) : nullptr;
}

void HyperParameters::Fail(const std::string& key, const char* expected) {
  if (!status_.ok()) return;
  const auto found = object_->find(key);
  const std::string value =
      found == object_->end() ? "absent" : found->dump(-1, ' ', true, Json::error_handler_t::replace);
  status_ = Status::Error(StatusCode::kInvalidModel, "%s is %.100s, not %s", PathOf(key).c_str(),
                          value.c_str(), expected);
}

int64_t HyperParameters::Integer(const std::string& key, IntegerBounds bounds) {
  const Json* value = Find(key);
  const bool is_whole = value != nullptr && value->is_number_integer() &&
                        (!value->is_number_unsigned() || value->get<uint64_t>() <= INT64_MAX);
  if (is_whole && value->get<int64_t>() >= bounds.minimum && value->get<int64_t>() <= bounds.maximum)
    return value->get<int64_t>();
  Fail(key,
       ("a whole number from " + std::to_string(bounds.minimum) + " to " + std::to_string(bounds.maximum))
           .c_str());
  return bounds.minimum;
}

int64_t HyperParameters::IntegerOr(const std::string& key, int64_t absent, IntegerBounds bounds) {
  return Find(key) == nullptr ? absent : Integer(key, bounds);
}

double HyperParameters::Number(const std::string& key) {
  const Json* value = Find(key);
  if (value != nullptr && value->is_number()) return value->get<double>();
  Fail(key, "a number");
  return 0.0;
}

double HyperParameters::NumberOr(const std::string& key, double absent) {
  return Find(key) == nullptr ? absent : Number(key);
}

bool HyperParameters::FlagOr(const std::string& key, bool absent) {
  const Json* value = Find(key);
  if (value == nullptr) return absent;
  if (!value->is_boolean()) Fail(key, "true or false");
  return value->is_boolean() && value->get<bool>();
}

std::string HyperParameters::Text(const std::string& key) {
  const Json* value = Find(key);
  if (value != nullptr && value->is_string()) return value->get<std::string>();
  Fail(key, "a text");
  return "";
}

std::string HyperParameters::TextOr(const std::string& key, const std::string& absent) {
  return Find(key) == nullptr ? absent : Text(key);
}

std::vector<int64_t> HyperParameters::Integers(const std::string& key, IntegerBounds bounds) {
  const Json* value = Find(key);
  return ReadIntegers(key, value == nullptr ? Json() : *value, bounds);
}

std::vector<std::vector<int64_t>> HyperParameters::IntegerLists(const std::string& key,
                                                                IntegerBounds bounds) {
  const Json* value = Find(key);
  if (value == nullptr || !value->is_array()) {
    Fail(key, "a list of lists");
    return {};
  }
  std::vector<std::vector<int64_t>> lists;
  for (const Json& list : *value) lists.push_back(ReadIntegers(key, list, bounds));
  return lists;
}

std::vector<int64_t> HyperParameters::ReadIntegers(const std::string& key, const Json& value,
                                                   IntegerBounds bounds) {
  std::vector<int64_t> list;
  if (!value.is_array()) {
    Fail(key, "a list of whole numbers");
    return list;
  }
  for (const Json& item : value) {
    if (!item.is_number_integer() || item.get<int64_t>() < bounds.minimum ||
        item.get<int64_t>() > bounds.maximum) {
      Fail(key, "a list of whole numbers in range");
      return {};
    }
    list.push_back(item.get<int64_t>());
  }
  return list;
}

std::vector<std::string> HyperParameters::Texts(const std::string& key) {
  const Json* value = Find(key);
  std::vector<std::string> list;
  const bool is_list = value != nullptr && value->is_array() &&
                       std::ranges::all_of(*value, [](const Json& item) { return item.is_string(); });
  if (!is_list) {
    Fail(key, "a list of texts");
    return list;
  }
  for (const Json& item : *value) list.push_back(item.get<std::string>());
  return list;
}

std::vector<std::string> HyperParameters::RepeatedTexts(const std::string& key) {
  constexpr int64_t kMostRepetitions = 1024;
  const Json* value = Find(key);
  const auto is_pair = [](const Json& item) {
    return item.is_array() && item.size() == 2 && item[0].is_array() && item[1].is_number_integer() &&
           item[1].get<int64_t>() >= 0 && item[1].get<int64_t>() <= kMostRepetitions &&
           std::ranges::all_of(item[0], [](const Json& text) { return text.is_string(); });
  };
  std::vector<std::string> list;
  if (value == nullptr || !value->is_array() || !std::ranges::all_of(*value, is_pair)) {
    Fail(key, "a list of pairs of texts and a number");
    return list;
  }
  for (const Json& item : *value) {
    for (int64_t i = 0; i < item[1].get<int64_t>(); ++i) {
      for (const Json& text : item[0]) list.push_back(text.get<std::string>());
    }
  }
  return list;
}

std::vector<int64_t> HyperParameters::IntegersFor(const std::string& key, int64_t count,
                                                  IntegerBounds bounds) {
  const Json* value = Find(key);
  if (value != nullptr && value->is_number())
    return std::vector<int64_t>(static_cast<size_t>(count), Integer(key, bounds));
  std::vector<int64_t> list = Integers(key, bounds);
  if (static_cast<int64_t>(list.size()) != count)
    Fail(key, ("a number, or a list of " + std::to_string(count)).c_str());
  list.resize(static_cast<size_t>(count), bounds.minimum);
  return list;
}

HyperParameters& HyperParameters::AddSection(const std::string& name, const Json& object) {
  std::unique_ptr<HyperParameters>& section = sections_[name];
  if (section == nullptr) section = std::make_unique<HyperParameters>(object, PathOf(name));
  return *section;
}

HyperParameters& HyperParameters::Section(const std::string& key) {
  const Json* value = Find(key);
  return AddSection(key, value == nullptr ? Json::object() : *value);
}

std::vector<HyperParameters*> HyperParameters::Sections(const std::string& key) {
  const Json* value = Find(key);
  std::vector<HyperParameters*> list;
  if (value == nullptr || !value->is_array()) {
    Fail(key, "a list of objects");
    return list;
  }
  for (size_t i = 0; i < value->size(); ++i)
    list.push_back(&AddSection(key + "[" + std::to_string(i) + "]", (*value)[i]));
  return list;
}

std::vector<HyperParameters::NamedSection> HyperParameters::NamedSections(const std::string& key) {
  const Json* value = Find(key);
  std::vector<NamedSection> list;
  const auto is_pair = [](const Json& item) {
    return item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_object();
  };
  if (value == nullptr || !value->is_array() || !std::ranges::all_of(*value, is_pair)) {
    Fail(key, "a list of pairs of a name and an object");
    return list;
  }
  for (size_t i = 0; i < value->size(); ++i) {
    list.push_back({(*value)[i][0].get<std::string>(),
                    &AddSection(key + "[" + std::to_string(i) + "]", (*value)[i][1])});
  }
  return list;
}

std::vector<std::string> HyperParameters::Keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object_->items()) keys.push_back(key);
  return keys;
}

void HyperParameters::Ignore(std::initializer_list<const char*> keys) {
  for (const char* key : keys) asked_for_.insert(key);
}

void HyperParameters::Require(const std::string& key, const SettingValue& value, const char* reason) {
  RequireJson(key, std::visit([](const auto& held) { return Json(held); }, value), reason);
}

void HyperParameters::RequireJson(const std::string& key, const Json& value, const char* reason) {
  const Json* found = Find(key);
  if (found == nullptr || *found == value || !status_.ok()) return;
  status_ = Status::Error(StatusCode::kUnsupported, "%s is %.100s: %s", PathOf(key).c_str(),
                          found->dump(-1, ' ', true, Json::error_handler_t::replace).c_str(), reason);
}

const Status& HyperParameters::status() const {
  for (const auto& [name, section] : sections_) {
    if (status_.ok() && !section->status().ok()) return section->status();
  }
  return status_;
}

Status HyperParameters::Finish() const {
  EARSHOT_RETURN_IF_ERROR(status());
  for (const auto& [key, value] : object_->items()) {
    const bool is_off = value.is_null() || (value.is_boolean() && !value.get<bool>());
    if (asked_for_.contains(key) || is_off) continue;
    return Status::Error(StatusCode::kUnsupported, "the setting %s = %.100s is not known to this converter",
                         PathOf(key).c_str(),
                         value.dump(-1, ' ', true, Json::error_handler_t::replace).c_str());
  }
  for (const auto& [name, section] : sections_) EARSHOT_RETURN_IF_ERROR(section->Finish());
  return Status::Ok();
}

}  // namespace earshot::ir
