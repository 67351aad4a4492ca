// Reading of safetensors: values of every type, and every way in which a header can lie.
#include "converter/import/safetensors.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "converter/import/huggingface.h"
#include "tests/support/synthetic_whisper.h"

namespace earshot::checkpoint {
namespace {

using Catch::Matchers::ContainsSubstring;

// A file from the text of its header and its data.
CheckpointFile MakeFile(const std::string& header, const std::vector<unsigned char>& data) {
  std::vector<std::byte> bytes(8);
  const uint64_t size = header.size();
  std::memcpy(bytes.data(), &size, 8);
  for (const char c : header) bytes.push_back(static_cast<std::byte>(c));
  for (const unsigned char c : data) bytes.push_back(static_cast<std::byte>(c));
  return CheckpointFile::FromBytes("test.safetensors", std::move(bytes));
}

Result<std::unique_ptr<SafetensorsSource>> Open(const std::string& header,
                                                const std::vector<unsigned char>& data) {
  std::vector<CheckpointFile> files;
  files.push_back(MakeFile(header, data));
  return SafetensorsSource::Create(std::move(files));
}

std::string Header(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"x": {"dtype": ")" + dtype + R"(", "shape": )" + shape + R"(, "data_offsets": )" + offsets +
         "}}";
}

std::vector<float> TakeX(const std::string& dtype, const std::vector<unsigned char>& data, int64_t count) {
  auto source = Open(
      Header(dtype, "[" + std::to_string(count) + "]", "[0, " + std::to_string(data.size()) + "]"), data);
  REQUIRE(source.ok());
  const auto values = source.value()->Take("x", {count});
  REQUIRE(values.ok());
  return values.value();
}

TEST_CASE("Numbers of every type that weights have are read") {
  CHECK(TakeX("F32", {0, 0, 0x80, 0x3F, 0, 0, 0x20, 0xC0}, 2) == std::vector<float>{1.0f, -2.5f});
  CHECK(TakeX("F64", {0, 0, 0, 0, 0, 0, 0x04, 0xC0}, 1) == std::vector<float>{-2.5f});
  CHECK(TakeX("F16", {0x00, 0x3C, 0x00, 0xC1, 0x01, 0x00}, 3) == std::vector<float>{1.0f, -2.5f, 0x1p-24f});
  CHECK(TakeX("BF16", {0x80, 0x3F, 0x20, 0xC0}, 2) == std::vector<float>{1.0f, -2.5f});
}

TEST_CASE("Narrow whole numbers are no weights") {
  const std::vector<unsigned char> data(8);
  const std::pair<std::string, const char*> types[] = {
      {"I32", "[2]"}, {"I16", "[4]"}, {"I8", "[8]"}, {"U8", "[8]"}, {"BOOL", "[8]"}};
  for (const auto& [dtype, count] : types) {
    const Status status = Open(Header(dtype, count, "[0, 8]"), data).status();
    CHECK(status.code() == StatusCode::kUnsupported);
    CHECK_THAT(status.message(), ContainsSubstring("tensor x is of the type " + dtype + ";"));
  }
}

TEST_CASE("Each tensor is given once, in the shape that is asked for") {
  auto source = Open(R"({"__metadata__": {"format": "pt"},
    "a": {"dtype": "BF16", "shape": [2, 1], "data_offsets": [2, 6]}, "b": {"dtype": "BF16", "shape": [], "data_offsets": [0, 2]}})",
                     {0xE0, 0x40, 0x00, 0x41, 0x10, 0x41});  // 7, 8, 9
  REQUIRE(source.ok());
  SafetensorsSource& tensors = *source.value();
  CHECK(tensors.Has("a"));
  CHECK_FALSE(tensors.Has("__metadata__"));
  CHECK(tensors.Unused() == std::vector<std::string>{"a", "b"});
  CHECK(tensors.Take("c", {1}).status().code() == StatusCode::kNotFound);
  const Status wrong_shape = tensors.Take("a", {1, 2}).status();
  CHECK(wrong_shape.code() == StatusCode::kInvalidModel);
  CHECK_THAT(wrong_shape.message(), ContainsSubstring("[2, 1]") && ContainsSubstring("[1, 2]"));
  CHECK(tensors.Take("a", {2, 1}).value() == std::vector<float>{8, 9});
  CHECK(tensors.Unused() == std::vector<std::string>{"b"});
  CHECK_FALSE(tensors.Take("a", {2, 1}).ok());
  CHECK(tensors.Take("b", {}).value() == std::vector<float>{7});
  CHECK(tensors.Unused().empty());
}

TEST_CASE("Headers that lie are refused") {
  const std::vector<unsigned char> data = {1, 2, 3, 4};
  const std::pair<std::string, const char*> cases[] = {
      {"{", "not valid JSON"},
      {"[]", "not a JSON object"},
      {std::string(100, '[') + std::string(100, ']'), "nested"},
      {R"({"x": 3})", "not an object"},
      {R"({"x": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]},
           "x": {"dtype": "F16", "shape": [1], "data_offsets": [2, 4]}})",
       "has \"x\" twice"},
      {R"({"x": {"shape": [4], "data_offsets": [0, 4]}})", "no dtype"},
      {Header("F8_E4M3", "[4]", "[0, 4]"), "F8_E4M3"},
      {Header("F32", "4", "[0, 4]"), "list of whole numbers"},
      {Header("F32", "[1.5]", "[0, 4]"), "list of whole numbers"},
      {Header("F32", "[-1]", "[0, 4]"), "list of whole numbers"},
      {Header("F32", "[18446744073709551615]", "[0, 4]"), "list of whole numbers"},
      {Header("F32", "[1]", "[0]"), "begin and an end"},
      {Header("F32", "[1]", "[4, 0]"), "begin and an end"},
      {Header("F32", "[2]", "[0, 8]"), "beyond the end"},
      {Header("F32", "[2]", "[0, 4]"), "does not make"},
      {Header("F32", "[4611686018427387905]", "[0, 4]"), "does not make"},        // 4 * (2^62 + 1) wraps to 4
      {Header("F32", "[4294967296, 4294967296, 1]", "[0, 4]"), "does not make"},  // 2^64 wraps to 0
      {Header("F32", "[0, 4294967296, 4294967296]", "[0, 0]"), "does not make"},
      {Header("F16", "[1]", "[0, 2]"), "2 bytes of data belong to no tensor"},
      {Header("F16", "[1]", "[2, 4]"), "gap at byte 0"},
      {R"({"x": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}, "y": {"dtype": "F16", "shape": [1], "data_offsets": [1, 3]}})",
       "overlap"},
  };
  for (const auto& [header, problem] : cases) {
    INFO(header);
    const Status status = Open(header, data).status();
    REQUIRE_FALSE(status.ok());
    CHECK_THAT(status.message(), ContainsSubstring(problem));
  }
}

TEST_CASE("Files that are too short are refused") {
  std::vector<CheckpointFile> files;
  files.push_back(CheckpointFile::FromBytes("short", std::vector<std::byte>(7)));
  CHECK_THAT(SafetensorsSource::Create(std::move(files)).status().message(),
             ContainsSubstring("length of the header"));

  std::vector<std::byte> huge(16);
  const uint64_t size = std::numeric_limits<uint64_t>::max();
  std::memcpy(huge.data(), &size, 8);
  files.clear();
  files.push_back(CheckpointFile::FromBytes("huge", huge));
  CHECK_THAT(SafetensorsSource::Create(std::move(files)).status().message(),
             ContainsSubstring("not possible"));
}

TEST_CASE("Weights that are not numbers are refused") {
  auto source = Open(Header("F32", "[2]", "[0, 8]"), {0, 0, 0x80, 0x3F, 0, 0, 0x80, 0x7F});
  REQUIRE(source.ok());
  const Status status = source.value()->Take("x", {2}).status();
  CHECK(status.code() == StatusCode::kInvalidModel);
  CHECK_THAT(status.message(), ContainsSubstring("element 1") && ContainsSubstring("inf"));
}

TEST_CASE("Weights in several files are found by their index") {
  const std::map<std::string, test::SyntheticTensor> first = {{"a", {{2}, {1.0f, 2.0f}}}};
  const std::map<std::string, test::SyntheticTensor> second = {{"b", {{1}, {3.0f}}}};
  const auto open = [&](const std::string& index) {
    const test::TemporaryDirectory directory("shards", {{"model.safetensors.index.json", index}},
                                             {{"one.safetensors", test::SafetensorsBytes(first, "F32")},
                                              {"two.safetensors", test::SafetensorsBytes(second, "F16")}});
    return OpenSafetensorsWeights(directory.path());
  };
  auto source = open(R"({"metadata": {}, "weight_map": {"a": "one.safetensors", "b": "two.safetensors"}})");
  REQUIRE(source.ok());
  CHECK(source.value()->Take("a", {2}).value() == std::vector<float>{1, 2});
  CHECK(source.value()->Take("b", {1}).value() == std::vector<float>{3});

  const auto message = [&](const std::string& index) { return std::string(open(index).status().message()); };
  CHECK_THAT(message(R"({"weight_map": {"a": "one.safetensors", "c": "two.safetensors"}})"),
             ContainsSubstring("different tensors"));
  CHECK_THAT(message(R"({"weight_map": {"b": "one.safetensors", "a": "two.safetensors"}})"),
             ContainsSubstring("different tensors"));
  CHECK_THAT(message(R"({"weight_map": {"a": "../one.safetensors"}})"),
             ContainsSubstring("not the name of a safetensors file"));
  CHECK_THAT(message(R"({"weight_map": {"a": "three.safetensors"}})"), ContainsSubstring("there is no file"));
  CHECK_THAT(message("{}"), ContainsSubstring("weight_map"));
}

}  // namespace
}  // namespace earshot::checkpoint
