// What is concluded from the state of a machine, and what is not.
#include "platform/cli/diagnosis.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "platform/cli/kernel_levels.h"

namespace earshot::cli {
namespace {

using Catch::Matchers::ContainsSubstring;

// A board with nothing wrong.
Examination HealthyBoard() {
  return {.cpu = {.name = "Cortex-A72", .num_cores = 4, .features = "neon"},
          .cores = std::vector<Core>(4, {.max_khz = 1'800'000}),
          .board = {.model = "Raspberry Pi 4 Model B",
                    .kernel_machine = "aarch64",
                    .total_memory_bytes = 4'000'000'000,
                    .available_memory_bytes = 3'000'000'000,
                    .load = 0.3,
                    .degrees_celsius = 52.0,
                    .governor = "ondemand",
                    .throttling = Throttling{},
                    .microphones = {"USB Audio"}},
          .kernels = {{"dense layers, int8", "NEON multiply-add"}},
          .default_threads = 4,
          .pointer_bits = 64,
          .models = {{.path = "tiny.earshot",
                      .file_bytes = 43'000'000,
                      .session_bytes = 60'000'000,
                      .has_packed_weights = true}}};
}

// The only finding about the machine.
Finding OnlyFinding(const Examination& machine) {
  const std::vector<Finding> findings = Diagnose(machine);
  REQUIRE(findings.size() == 1);
  CHECK_FALSE(findings[0].remedy.empty());
  return findings[0];
}

TEST_CASE("nothing is wrong with a healthy board", "[diagnosis]") {
  const Examination machine = HealthyBoard();
  CHECK(Diagnose(machine).empty());
  const std::string text = DiagnosisText(machine, {});
  for (const char* fact : {"Raspberry Pi 4", "Cortex-A72, 4 cores, 1.80 GHz", "NEON multiply-add",
                           "USB Audio", "52 degrees", "tiny.earshot", "nothing is wrong"}) {
    CHECK_THAT(text, ContainsSubstring(fact));
  }
}

TEST_CASE("where no matrix kernel can start it is not the models' fault", "[diagnosis]") {
  Examination machine = HealthyBoard();
  machine.matrix_kernels_error = "XNNPACK cannot start";
  machine.models[0].error = "tiny.earshot: XNNPACK cannot start";
  const Finding finding = OnlyFinding(machine);
  CHECK(finding.severity == Severity::kProblem);
  CHECK_THAT(finding.what, ContainsSubstring("XNNPACK cannot start"));
  CHECK_THAT(finding.remedy, ContainsSubstring("/sys"));
}

TEST_CASE("too little memory for a model is a problem", "[diagnosis]") {
  Examination machine = HealthyBoard();
  machine.board.available_memory_bytes = 90'000'000;
  const Finding finding = OnlyFinding(machine);
  CHECK(finding.severity == Severity::kProblem);
  CHECK_THAT(finding.what, ContainsSubstring("103 MB") && ContainsSubstring("90.0 MB"));
  machine.board.available_memory_bytes = 0;  // unknown
  CHECK(Diagnose(machine).empty());
}

TEST_CASE("heat, voltage and a fixed low frequency are problems", "[diagnosis]") {
  Examination machine = HealthyBoard();
  machine.board.degrees_celsius = 82.4;
  CHECK_THAT(OnlyFinding(machine).what, ContainsSubstring("82 degrees"));
  machine = HealthyBoard();
  machine.board.throttling = Throttling{.undervoltage_before = true};
  CHECK_THAT(OnlyFinding(machine).remedy, ContainsSubstring("power supply"));
  machine = HealthyBoard();
  machine.board.throttling = Throttling{.throttled_before = true};
  CHECK(OnlyFinding(machine).severity == Severity::kAdvice);
  machine = HealthyBoard();
  machine.board.governor = "powersave";
  CHECK(OnlyFinding(machine).severity == Severity::kProblem);
}

TEST_CASE("a model that cannot be used is a problem and comes first", "[diagnosis]") {
  Examination machine = HealthyBoard();
  machine.models[0].has_packed_weights = false;
  machine.models.push_back({.path = "broken.earshot", .error = "broken.earshot: is truncated"});
  const std::vector<Finding> findings = Diagnose(machine);
  REQUIRE(findings.size() == 2);
  CHECK(findings[0].severity == Severity::kProblem);
  CHECK_THAT(findings[0].what, ContainsSubstring("truncated"));
  CHECK_THAT(findings[1].remedy, ContainsSubstring("earshot pack tiny.earshot"));
  const auto json = nlohmann::json::parse(DiagnosisJson(machine, findings));
  CHECK(json["findings"][0]["severity"] == "problem");
  CHECK(json["kernels"]["dense layers, int8"] == "NEON multiply-add");
  CHECK(json["models"].size() == 2);
}

TEST_CASE("load, missing models and microphones, and 32-bit programs are advice", "[diagnosis]") {
  Examination machine = HealthyBoard();
  machine.board.load = 7.0;
  CHECK(OnlyFinding(machine).severity == Severity::kAdvice);
  machine = HealthyBoard();
  machine.models.clear();
  CHECK_THAT(OnlyFinding(machine).remedy, ContainsSubstring("earshot-convert"));
  machine = HealthyBoard();
  machine.board.microphones.clear();
  CHECK(OnlyFinding(machine).severity == Severity::kAdvice);
  machine = HealthyBoard();
  machine.pointer_bits = 32;
  CHECK_THAT(OnlyFinding(machine).what, ContainsSubstring("32-bit"));
}

TEST_CASE("the level of dense layers is the best that the features allow", "[diagnosis]") {
  CHECK(DenseInt8Level("neon") == "NEON multiply-add");
  CHECK(DenseInt8Level("neon fp16 dotprod") == "NEON dot product");
  CHECK_THAT(DenseInt8Level("neon fp16 dotprod i8mm"), ContainsSubstring("i8mm"));
  CHECK(DenseInt8Level("avx f16c fma avx2") == "AVX2");
  CHECK(DenseInt8Level("avx f16c fma avx2 avx512f avx512vnni") == "AVX-512 VNNI");
  CHECK(DenseInt8Level("") == "baseline of the architecture");
}

}  // namespace
}  // namespace earshot::cli
