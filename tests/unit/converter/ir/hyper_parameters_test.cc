// Settings are typed, counted, and none is overlooked.
#include "converter/ir/hyper_parameters.h"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace earshot::ir {
namespace {

HyperParameters Of(const char* json) { return HyperParameters(nlohmann::json::parse(json), "hparams"); }

TEST_CASE("settings are read by type") {
  HyperParameters settings =
      Of(R"({"width": 8, "rate": 0.5, "causal": true, "act": "gelu", "list": [1, 2], "lists": [[6, 3], []],
                                    "part": {"depth": 3}, "parts": [{"n": 1}, {"n": 2}], "absent": null})");
  CHECK(settings.Integer("width") == 8);
  CHECK(settings.Number("rate") == 0.5);
  CHECK(settings.FlagOr("causal", false));
  CHECK(settings.Text("act") == "gelu");
  CHECK(settings.Integers("list") == std::vector<int64_t>{1, 2});
  CHECK(settings.IntegersFor("list", 2) == std::vector<int64_t>{1, 2});
  CHECK(settings.IntegersFor("width", 3) == std::vector<int64_t>{8, 8, 8});
  CHECK(settings.IntegerLists("lists") == std::vector<std::vector<int64_t>>{{6, 3}, {}});
  CHECK(settings.Section("part").Integer("depth") == 3);
  const std::vector<HyperParameters*> parts = settings.Sections("parts");
  REQUIRE(parts.size() == 2);
  CHECK(parts[0]->Integer("n") == 1);
  CHECK(parts[1]->Integer("n") == 2);
  CHECK(settings.IntegerOr("absent", 5) == 5);
  CHECK(settings.Section("no_part").IntegerOr("depth", 7) == 7);
  CHECK(settings.Finish().ok());
}

TEST_CASE("the first misfit is kept, with its path") {
  HyperParameters settings = Of(R"({"width": 0, "part": {"depth": "three"}})");
  CHECK(settings.Integer("width") == 1);
  CHECK(settings.Integer("height") == 1);
  CHECK(std::string(settings.status().message()).find("hparams.width") != std::string::npos);
  HyperParameters flat = Of(R"({"lists": [1, 2]})");
  CHECK(flat.IntegerLists("lists").size() == 2);
  CHECK(std::string(flat.status().message()).find("hparams.lists") != std::string::npos);
  HyperParameters nested = Of(R"({"part": {"depth": "three"}})");
  nested.Section("part").Integer("depth");
  CHECK(std::string(nested.Finish().message()).find("hparams.part.depth") != std::string::npos);
}

TEST_CASE("what nobody asked for is an error unless it is off") {
  CHECK(Of(R"({"wings": 2})").Finish().code() == StatusCode::kUnsupported);
  CHECK(Of(R"({"wings": false, "tail": null})").Finish().ok());
  HyperParameters ignored = Of(R"({"dropout": 0.1})");
  ignored.Ignore({"dropout"});
  CHECK(ignored.Finish().ok());
  HyperParameters nested = Of(R"({"part": {"wings": 2}})");
  nested.Section("part");
  CHECK(std::string(nested.Finish().message()).find("hparams.part.wings") != std::string::npos);
}

TEST_CASE("a setting can be required to have one value") {
  HyperParameters settings = Of(R"({"act": "relu"})");
  settings.Require("act", "gelu", "only GELU is built");
  CHECK(std::string(settings.status().message()).find("only GELU") != std::string::npos);
  HyperParameters absent = Of("{}");
  absent.Require("act", "gelu", "only GELU is built");
  CHECK(absent.Finish().ok());
}

}  // namespace
}  // namespace earshot::ir
