// What the validator lets through as patterns of heads, and how it names what it refuses.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <string>
#include <vector>

#include "runtime/schema/validate.h"

namespace earshot {
namespace {

using Catch::Matchers::ContainsSubstring;
using fb::SelectionKind;

struct Selection {
  SelectionKind kind = SelectionKind::All;
  uint32_t left = 0, right = 0, count = 0, step = 0, offset = 0;
};
using Head = std::vector<Selection>;

constexpr Selection kAll = {};
constexpr Selection kLocal = {.kind = SelectionKind::Local, .left = 4, .right = 2};
constexpr Selection kGlobal = {.kind = SelectionKind::Global, .count = 3};
constexpr Selection kStrided = {.kind = SelectionKind::Strided, .step = 8, .offset = 7};
constexpr Selection kPooled = {.kind = SelectionKind::Pooled, .step = 8};

struct OpKind {
  fb::PatternKind pattern = fb::PatternKind::Heads;
  uint32_t num_kv_heads = 3;
};

// Of an op with three heads.
Status Validate(const std::vector<Head>& heads, const OpKind& kind = {}) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<fb::HeadPattern>> tables;
  for (const Head& head : heads) {
    std::vector<flatbuffers::Offset<fb::KeySelection>> selections;
    for (const Selection& s : head)
      selections.push_back(
          fb::CreateKeySelection(builder, s.kind, s.left, s.right, s.count, s.step, s.offset));
    tables.push_back(fb::CreateHeadPatternDirect(builder, &selections));
  }
  builder.Finish(fb::CreateAttentionDirect(builder, 3, kind.num_kv_heads, 1.0f, kind.pattern,
                                           fb::AttentionArithmetic::F32, &tables));
  return ValidateHeadPatterns(*flatbuffers::GetRoot<fb::Attention>(builder.GetBufferPointer()));
}

void CheckRefused(const std::vector<Head>& heads, const std::string& why) {
  const Status status = Validate(heads);
  CHECK(!status.ok());
  CHECK_THAT(status.message(), ContainsSubstring(why));
}

TEST_CASE("patterns of one head or of every head are valid") {
  CHECK(Validate({{kAll}}).ok());
  CHECK(Validate({{kLocal, kGlobal, kStrided}}).ok());
  CHECK(Validate({{{.kind = SelectionKind::Paired, .count = 8, .step = 4}}}).ok());
  CHECK(Validate({{{.kind = SelectionKind::Summaries, .step = 4}}}).ok());
  CHECK(Validate({{kAll}, {kLocal, kPooled}, {kPooled, kGlobal}}).ok());
  CHECK(Validate({}, {.pattern = fb::PatternKind::Causal}).ok());
}

TEST_CASE("the number of patterns must fit the heads") {
  CheckRefused({}, "0 heads");
  CheckRefused({{kAll}, {kAll}}, "2 heads");
  CHECK(!Validate({{kAll}}, {.pattern = fb::PatternKind::Full}).ok());
}

TEST_CASE("a selection without sense is named with its head") {
  CheckRefused({{kAll}, {}, {kAll}}, "head 1");
  CheckRefused({{kAll}, {kAll}, {{.kind = SelectionKind::Strided}}}, "head 2");
  CheckRefused({{{.kind = SelectionKind::Pooled}}}, "a step of 0");
  CheckRefused({{{.kind = SelectionKind::Strided, .step = 4, .offset = 4}}}, "an offset of 4");
  CheckRefused({{{.kind = SelectionKind::Local, .left = 0xFFFFFFF0u}}}, "4294967280");
  CheckRefused({{{.kind = SelectionKind::Local, .right = 0x80000000u}}}, "2147483648");
  CheckRefused({{{.kind = SelectionKind::Global}}}, "global");
  CheckRefused({{{.kind = SelectionKind::Strided, .step = 0x80000000u}}}, "2147483648");
  CheckRefused({{{.kind = SelectionKind::Paired, .step = 4}}}, "no keys");
  CheckRefused({{{.kind = SelectionKind::Paired, .count = 4}}}, "a step of 0");
  CheckRefused({{{.kind = SelectionKind::Summaries, .count = 0x80000000u, .step = 4}}}, "2147483648");
}

TEST_CASE("selections that contradict each other are refused") {
  CheckRefused({{kLocal, kLocal}}, "Local");
  CheckRefused({{kLocal, {.kind = SelectionKind::Summaries, .step = 4}}}, "others beside them");
  CheckRefused({{kGlobal, {.kind = SelectionKind::Paired, .count = 8, .step = 4}}}, "others beside them");
  CheckRefused({{kAll, kGlobal}}, "all keys");
  CheckRefused({{kStrided, kPooled}}, "strided and pooled");
}

TEST_CASE("heads that share keys share the length of pooled keys") {
  const std::vector<Head> heads = {{kPooled}, {kAll}, {{.kind = SelectionKind::Pooled, .step = 4}}};
  CHECK(Validate(heads).ok());
  const Status status = Validate(heads, {.num_kv_heads = 1});
  CHECK(!status.ok());
  CHECK_THAT(status.message(), ContainsSubstring("head 2"));
}

TEST_CASE("a selection of a later version is unsupported") {
  const Status status = Validate({{{.kind = static_cast<SelectionKind>(77)}}});
  CHECK(status.code() == StatusCode::kUnsupported);
  CHECK_THAT(status.message(), ContainsSubstring("77"));
}

}  // namespace
}  // namespace earshot
