// The settings of a model as its checkpoint states them, for graph builders: each one is asked for once, and
// what nobody asked for is an error.
#ifndef EARSHOT_CONVERTER_IR_HYPER_PARAMETERS_H_
#define EARSHOT_CONVERTER_IR_HYPER_PARAMETERS_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "runtime/core/status.h"

namespace earshot::ir {

// Bounds of a whole number: far above any model by default, to keep products of sizes within int64_t.
struct IntegerBounds {
  int64_t minimum = 1;
  int64_t maximum = 1 << 20;
};

// A value that a setting must have.
using SettingValue = std::variant<std::nullptr_t, bool, int64_t, std::string>;

// After the first setting that is missing or of another kind than asked for, all calls return the least
// value; status() says which one it was. Settings that are null count as absent.
class HyperParameters {
 public:
  HyperParameters();
  explicit HyperParameters(const nlohmann::json& object, std::string path = "");
  HyperParameters(HyperParameters&&) noexcept;
  HyperParameters& operator=(HyperParameters&&) noexcept;
  ~HyperParameters();

  bool Has(const std::string& key) const;

  int64_t Integer(const std::string& key, IntegerBounds bounds = {});
  int64_t IntegerOr(const std::string& key, int64_t absent, IntegerBounds bounds = {});
  double Number(const std::string& key);
  double NumberOr(const std::string& key, double absent);
  bool FlagOr(const std::string& key, bool absent);
  std::string Text(const std::string& key);
  std::string TextOr(const std::string& key, const std::string& absent);
  std::vector<int64_t> Integers(const std::string& key, IntegerBounds bounds = {});
  std::vector<std::string> Texts(const std::string& key);
  // A list of pairs of a list of texts and how often it stands there, written out.
  std::vector<std::string> RepeatedTexts(const std::string& key);
  // A list of `count` numbers, or one number that stands for all of them.
  std::vector<int64_t> IntegersFor(const std::string& key, int64_t count, IntegerBounds bounds = {});

  // A list of lists of whole numbers.
  std::vector<std::vector<int64_t>> IntegerLists(const std::string& key, IntegerBounds bounds = {});

  // An object within the object, empty where it is absent. The reference lives as long as this object.
  HyperParameters& Section(const std::string& key);
  // A list of objects.
  std::vector<HyperParameters*> Sections(const std::string& key);
  // A list of pairs of a name and an object.
  struct NamedSection {
    std::string name;
    HyperParameters* settings;
  };
  std::vector<NamedSection> NamedSections(const std::string& key);
  // Keys of an object whose names are data.
  std::vector<std::string> Keys() const;

  // Settings without influence on inference.
  void Ignore(std::initializer_list<const char*> keys);
  // A setting that must have this value, or be absent; the reason says what the builder cannot do.
  void Require(const std::string& key, const SettingValue& value, const char* reason);
  void RequireJson(const std::string& key, const nlohmann::json& value, const char* reason);

  const Status& status() const;

  // The first error; kUnsupported names a setting that nobody asked for, unless it is null or false, as
  // features that are off are written.
  Status Finish() const;

 private:
  const nlohmann::json* Find(const std::string& key);
  std::vector<int64_t> ReadIntegers(const std::string& key, const nlohmann::json& value,
                                    IntegerBounds bounds);
  void Fail(const std::string& key, const char* expected);
  std::string PathOf(const std::string& key) const { return path_.empty() ? key : path_ + "." + key; }
  HyperParameters& AddSection(const std::string& name, const nlohmann::json& object);

  std::unique_ptr<nlohmann::json> object_;  // what it takes to compile JSON stays out of every graph builder
  std::string path_;
  std::set<std::string> asked_for_;
  std::map<std::string, std::unique_ptr<HyperParameters>> sections_;
  Status status_;
};

}  // namespace earshot::ir

#endif  // EARSHOT_CONVERTER_IR_HYPER_PARAMETERS_H_
