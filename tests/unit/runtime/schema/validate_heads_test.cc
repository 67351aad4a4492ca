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
  uint32_t left = 0, right = 0, count = 0, step = 0, offset = 0, width = 1;
  std::vector<uint32_t> block_begins = {}, blocks = {};
};
using Head = std::vector<Selection>;

const Selection kAll = {};
const Selection kLocal = {.kind = SelectionKind::Local, .left = 4, .right = 2};
const Selection kGlobal = {.kind = SelectionKind::Global, .count = 3};
const Selection kStrided = {.kind = SelectionKind::Strided, .step = 8, .offset = 7};
const Selection kPooled = {.kind = SelectionKind::Pooled, .step = 8};

struct OpKind {
  fb::PatternKind pattern = fb::PatternKind::Heads;
  uint32_t num_kv_heads = 3;
  bool causal = false;
  bool past = false;
};

// Of an op with three heads.
Status Validate(const std::vector<Head>& heads, const OpKind& kind = {}) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<fb::HeadPattern>> tables;
  for (const Head& head : heads) {
    std::vector<flatbuffers::Offset<fb::KeySelection>> selections;
    for (const Selection& s : head)
      selections.push_back(fb::CreateKeySelectionDirect(
          builder, s.kind, s.left, s.right, s.count, s.step, s.offset, s.width,
          s.block_begins.empty() ? nullptr : &s.block_begins, s.blocks.empty() ? nullptr : &s.blocks));
    tables.push_back(fb::CreateHeadPatternDirect(builder, &selections, kind.causal));
  }
  builder.Finish(fb::CreateAttentionDirect(builder, 3, kind.num_kv_heads, 1.0f, kind.pattern,
                                           fb::AttentionArithmetic::F32, &tables, kind.past));
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

const Selection kBucket = {.kind = SelectionKind::Bucket, .left = 1, .step = 8, .offset = 1};
const Selection kDilated = {.kind = SelectionKind::Dilated, .left = 6, .right = 6, .step = 2};
const Selection kListed = {.kind = SelectionKind::Listed};
const Selection kBlocks = {
    .kind = SelectionKind::Blocks, .step = 4, .block_begins = {0, 2, 2, 3}, .blocks = {0, 2, 1}};

TEST_CASE("buckets, dilated and listed keys, and tables of blocks are valid") {
  CHECK(Validate({{kBucket, kStrided}, {kDilated, kListed, kGlobal}, {kBlocks}}).ok());
  CHECK(Validate({{kLocal, kDilated}}).ok());
  CHECK(Validate({{{.kind = SelectionKind::Strided, .step = 8, .width = 8}}}).ok());
}

TEST_CASE("windows, columns and tables without sense are refused") {
  CheckRefused({{{.kind = SelectionKind::Strided, .step = 8, .width = 9}}}, "9");
  CheckRefused({{{.kind = SelectionKind::Strided, .step = 8, .width = 0}}}, "0");
  CheckRefused({{{.kind = SelectionKind::Bucket}}}, "a bucket of 0");
  CheckRefused({{{.kind = SelectionKind::Bucket, .count = 4, .step = 4}}}, "4 keys before");
  CheckRefused({{{.kind = SelectionKind::Bucket, .step = 4, .offset = 4}}}, "an offset of 4");
  CheckRefused({{{.kind = SelectionKind::Dilated, .left = 0x80000000u, .step = 2}}}, "2147483648");
  CheckRefused({{kLocal, kBucket}}, "two windows");
  CheckRefused({{kDilated, kStrided}}, "dilated");
  CheckRefused({{kDilated, kPooled}}, "dilated");
  CheckRefused({{kListed, kPooled}}, "listed");
  CheckRefused({{kBlocks, kLocal}}, "blocks");
  CheckRefused({{{.kind = SelectionKind::Blocks, .step = 4}}}, "no table");
  const auto table = [](std::vector<uint32_t> begins, std::vector<uint32_t> blocks) {
    return std::vector<Head>{
        {{.kind = SelectionKind::Blocks, .step = 4, .block_begins = begins, .blocks = blocks}}};
  };
  CheckRefused(table({1, 2}, {0, 1}), "cover");
  CheckRefused(table({0, 1}, {0, 1}), "cover");
  CheckRefused(table({0, 3, 2}, {0, 1}), "row 0");
  CheckRefused(table({0, 2}, {1, 0}), "block 0");
  CheckRefused(table({0, 2}, {0, 0x7FFFFFFFu}), "2147483647");
  CHECK(Validate(table({0, 2}, {1, 1})).ok());
}

TEST_CASE("a past wants causal windows and nothing else") {
  CHECK(Validate({{kLocal}}, {.causal = true, .past = true}).ok());
  CHECK(!Validate({{kLocal}}, {.past = true}).ok());
  CHECK(!Validate({{kLocal, kGlobal}}, {.causal = true, .past = true}).ok());
  CHECK(!Validate({{kDilated}}, {.causal = true, .past = true}).ok());
  CHECK(!Validate({}, {.pattern = fb::PatternKind::Causal, .past = true}).ok());
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
