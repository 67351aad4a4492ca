#include "converter/import/task_weights.h"

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace earshot::checkpoint {
namespace {

// Vectors by name.
class Vectors final : public ir::WeightSource {
 public:
  explicit Vectors(std::map<std::string, std::vector<float>> values) : values_(std::move(values)) {}

  bool Has(const std::string& name) const override { return values_.contains(name); }
  std::vector<int64_t> ShapeOf(const std::string& name) const override {
    return Has(name) ? std::vector<int64_t>{std::ssize(values_.at(name))} : std::vector<int64_t>();
  }
  Result<std::vector<float>> Take(const std::string& name, const std::vector<int64_t>&) override {
    if (!Has(name)) return Status::Error(StatusCode::kNotFound, "no %s", name.c_str());
    used_.insert(name);
    return values_.at(name);
  }
  void Drop(const std::string& name) override { used_.insert(name); }
  std::vector<std::string> Unused() const override {
    std::vector<std::string> names;
    for (const auto& [name, value] : values_) {
      if (!used_.contains(name)) names.push_back(name);
    }
    return names;
  }

 private:
  std::map<std::string, std::vector<float>> values_;
  std::set<std::string> used_;
};

TEST_CASE("an encoder is found behind the name of a task's model, and the head is left") {
  Vectors file(
      {{"longformer.layer.0", {1.0f}}, {"longformer.pooler.dense", {2.0f}}, {"lm_head.bias", {3.0f}}});
  TaskWeights weights(file, {.prefix = "longformer.", .dropped = {"lm_head.*", "longformer.pooler.*"}});
  CHECK(weights.Has("layer.0"));
  CHECK(weights.ShapeOf("layer.0") == std::vector<int64_t>{1});
  CHECK(weights.Unused() == std::vector<std::string>{"longformer.layer.0"});
  CHECK(weights.Take("layer.0", {1}).value() == std::vector<float>{1.0f});
  CHECK(weights.Unused().empty());
  CHECK(weights.Take("layer.1", {1}).status().code() == StatusCode::kNotFound);
}

TEST_CASE("names without the prefix, and older parts of names, are found") {
  Vectors file({{"layer.weight_g", {1.0f}}, {"other", {2.0f}}});
  TaskWeights weights(file, {.prefix = "model.", .dropped = {}, .older = {{".gain", ".weight_g"}}});
  CHECK(weights.Has("layer.gain"));
  CHECK(weights.Take("layer.gain", {1}).ok());
  weights.Drop("other");
  CHECK(weights.Unused().empty());
}

}  // namespace
}  // namespace earshot::checkpoint
