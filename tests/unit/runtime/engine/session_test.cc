// Session: the same numbers whether tokens come at once or one by one, errors for impossible requests, and
// clean failure when memory is short.
#include "runtime/engine/session.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "platform/files/memory_block.h"
#include "runtime/ops/op.h"
#include "tests/support/exercise_model.h"

namespace earshot {
namespace {

using Catch::Matchers::ContainsSubstring;

// The synthetic Whisper with a session on it.
class SmallSession {
 public:
  explicit SmallSession(DType weights, const SessionOptions& options = {})
      : file_(Aligned(test::ConvertSyntheticWhisper(weights))),
        program_(Program::Load(file_.bytes()).value()),
        needed_(Session::Measure(program_, {}).value()),
        memory_(MemoryBlock::Allocate(needed_.total_bytes()).value()),
        arena_(memory_.bytes()),
        session_(Session::Create(program_, arena_, options).value()) {}

  Session& session() { return session_; }
  const Program& program() const { return program_; }
  const MemoryRequirements& needed() const { return needed_; }

  int64_t Maximum(int method, const char* symbol) const {
    const auto& symbols =
        *program_.model().methods()->Get(static_cast<flatbuffers::uoffset_t>(method))->symbols();
    const int index = session_.FindSymbol(method, symbol).value();
    return symbols.Get(static_cast<flatbuffers::uoffset_t>(index))->maximum();
  }

  // Symbol values of `decode` in declared order.
  std::vector<int64_t> DecodeSymbols(int64_t tokens, int64_t position, int64_t frames) const {
    std::vector<int64_t> symbols(4);
    const auto set = [&](const char* name, int64_t value) {
      symbols[static_cast<size_t>(session_.FindSymbol(decode(), name).value())] = value;
    };
    set("tokens", tokens);
    set("position", position);
    set("end", position + tokens);
    set("frames", frames);
    return symbols;
  }

  void Encode(int64_t frames) {
    const int method = program_.FindMethod("encode");
    const std::vector<int64_t> symbols = {frames};
    const MatrixView mel = session_.View(method, session_.FindValue(method, "mel").value(), symbols).value();
    for (int64_t t = 0; t < mel.rows; ++t) {
      for (int64_t c = 0; c < mel.cols; ++c)
        mel.As<float>().Row(t)[c] = std::sin(0.7f * static_cast<float>(t * mel.cols + c));
    }
    REQUIRE(session_.Run(method, symbols).ok());
  }

  std::vector<float> Decode(const std::vector<int32_t>& tokens, int64_t position, int64_t frames) {
    const auto symbols = DecodeSymbols(static_cast<int64_t>(tokens.size()), position, frames);
    const MatrixView ids =
        session_.View(decode(), session_.FindValue(decode(), "token_ids").value(), symbols).value();
    std::memcpy(ids.data, tokens.data(), tokens.size() * sizeof(int32_t));
    REQUIRE(session_.Run(decode(), symbols).ok());
    const MatrixView logits =
        session_.View(decode(), session_.FindValue(decode(), "logits").value(), symbols).value();
    return {logits.As<float>().data, logits.As<float>().data + logits.cols};
  }

  int decode() const { return program_.FindMethod("decode"); }

 private:
  static MemoryBlock Aligned(const std::vector<std::byte>& bytes) {
    MemoryBlock block = MemoryBlock::Allocate(bytes.size()).value();
    std::memcpy(block.bytes().data(), bytes.data(), bytes.size());
    return block;
  }

  MemoryBlock file_;
  Program program_;
  MemoryRequirements needed_;
  MemoryBlock memory_;
  Arena arena_;
  Session session_;
};

TEST_CASE("prefill gives the logits of decoding token by token") {
  const DType weights = GENERATE(DType::kF32, DType::kI8);
  SmallSession small(weights);
  const int64_t frames = small.Maximum(small.program().FindMethod("encode"), "frames");
  small.Encode(frames);
  const std::vector<int32_t> tokens = {3, 1, 4, 1, 5};
  const std::vector<float> at_once = small.Decode(tokens, 0, frames);
  std::vector<float> one_by_one;
  for (size_t i = 0; i < tokens.size(); ++i)
    one_by_one = small.Decode({tokens[i]}, static_cast<int64_t>(i), frames);
  REQUIRE(at_once.size() == one_by_one.size());
  for (size_t v = 0; v < at_once.size(); ++v) {
    // The orders of f32 sums differ between one row and many; activations are quantized by row, so int8 adds
    // nothing.
    CHECK(std::fabs(at_once[v] - one_by_one[v]) <= 1e-4f * std::max(1.0f, std::fabs(at_once[v])));
  }
}

// A file whose reader counts, and fails from a given read on.
struct CountingFile {
  int reads = 0;
  int failing_read = -1;

  WeightsFile AsWeightsFile() {
    return {.context = this, .read = [](void* context, std::span<const std::byte> bytes, std::byte* target) {
              auto& file = *static_cast<CountingFile*>(context);
              if (file.reads++ == file.failing_read)
                return Status::Error(StatusCode::kIo, "the file has become shorter while in use");
              std::memcpy(target, bytes.data(), bytes.size());
              return Status::Ok();
            }};
  }
};

TEST_CASE("rows of a vocabulary come from the owner of the file, with the same logits") {
  const DType weights = GENERATE(DType::kF32, DType::kI8, DType::kI4, DType::kF16);
  CountingFile file;
  SmallSession in_place(weights), through_file(weights, {.weights_file = file.AsWeightsFile()});
  const std::vector<int32_t> tokens = {3, 1, 4};
  for (SmallSession* small : {&in_place, &through_file}) small->Encode(2);
  CHECK(through_file.Decode(tokens, 0, 2) == in_place.Decode(tokens, 0, 2));
  CHECK(file.reads >= 3);
}

TEST_CASE("a file that cannot be read any more ends a run with an error that says so") {
  CountingFile file;
  SmallSession small(DType::kI8, {.weights_file = file.AsWeightsFile()});
  small.Encode(2);
  file.failing_read = file.reads + 1;  // the scale of the first row
  const auto symbols = small.DecodeSymbols(1, 0, 2);
  const Status status = small.session().Run(small.decode(), symbols);
  CHECK(status.code() == StatusCode::kIo);
  CHECK_THAT(status.message(), ContainsSubstring("shorter") && ContainsSubstring("decoder.tokens"));
}

TEST_CASE("positions may go back: the cache forgets what came after") {
  SmallSession small(DType::kF32);
  small.Encode(2);
  const std::vector<float> first = small.Decode({7, 8}, 0, 2);
  small.Decode({9, 10, 11}, 2, 2);
  CHECK(small.Decode({7, 8}, 0, 2) == first);
}

TEST_CASE("symbols out of range are refused with their name and bounds") {
  SmallSession small(DType::kF32);
  const int64_t limit = small.Maximum(small.decode(), "tokens");
  const Status status = small.session().Run(small.decode(), small.DecodeSymbols(limit + 1, 0, 1));
  CHECK(status.code() == StatusCode::kInvalidArgument);
  CHECK(std::string(status.message()).find("tokens") != std::string::npos);
  CHECK(small.session().Run(small.decode(), std::vector<int64_t>{1}).code() == StatusCode::kInvalidArgument);
  CHECK(small.session().Run(99, {}).code() == StatusCode::kInvalidArgument);
  CHECK(small.session().Run(-1, {}).code() == StatusCode::kInvalidArgument);
}

TEST_CASE("a token beyond the vocabulary is refused") {
  SmallSession small(DType::kI8);
  small.Encode(1);
  const auto symbols = small.DecodeSymbols(1, 0, 1);
  const MatrixView ids =
      small.session()
          .View(small.decode(), small.session().FindValue(small.decode(), "token_ids").value(), symbols)
          .value();
  for (const int32_t id : {-1, 1 << 30}) {
    *ids.As<int32_t>().data = id;
    CHECK(small.session().Run(small.decode(), symbols).code() == StatusCode::kInvalidArgument);
  }
}

// What an observer was told, "before" as +op, "after" as -op - 1.
struct Observed {
  std::vector<int> calls;
  std::vector<int64_t> symbols;
  int64_t last_cols = 0;
  int method = -1;

  OpObserver observer() {
    return {
        .context = this,
        .before = [](void* context, const OpRun& run) { static_cast<Observed*>(context)->Note(run, run.op); },
        .after = [](void* context,
                    const OpRun& run) { static_cast<Observed*>(context)->Note(run, -run.op - 1); }};
  }
  void Note(const OpRun& run, int call) {
    calls.push_back(call);
    symbols.assign(run.symbols.begin(), run.symbols.end());
    last_cols = run.operands.outputs[0].cols;
    method = run.method;
  }
};

TEST_CASE("an observer sees each op once before and once after, in order") {
  Observed observed;
  SmallSession small(DType::kF32, {.observer = observed.observer()});
  small.Encode(2);
  CHECK(observed.method == small.program().FindMethod("encode"));
  observed.calls.clear();
  const size_t num_logits = small.Decode({7, 8}, 0, 2).size();
  const auto& decode =
      *small.program().model().methods()->Get(static_cast<flatbuffers::uoffset_t>(small.decode()));
  std::vector<int> expected;
  for (int op = 0; op < static_cast<int>(decode.ops()->size()); ++op)
    expected.insert(expected.end(), {op, -op - 1});
  CHECK(observed.calls == expected);
  CHECK(observed.method == small.decode());
  CHECK(observed.symbols == small.DecodeSymbols(2, 0, 2));
  CHECK(observed.last_cols == static_cast<int64_t>(num_logits));
}

TEST_CASE("an observer is told the end of an op that fails, too") {
  Observed observed;
  SmallSession small(DType::kF32, {.observer = observed.observer()});
  small.Encode(1);
  observed.calls.clear();
  const auto symbols = small.DecodeSymbols(1, 0, 1);
  const int ids = small.session().FindValue(small.decode(), "token_ids").value();
  *small.session().View(small.decode(), ids, symbols)->As<int32_t>().data = -1;
  CHECK_FALSE(small.session().Run(small.decode(), symbols).ok());
  REQUIRE(observed.calls.size() >= 2);
  CHECK(observed.calls.back() == -observed.calls[observed.calls.size() - 2] - 1);
}

TEST_CASE("names that do not exist are reported as not found") {
  SmallSession small(DType::kF32);
  CHECK(small.session().FindValue(small.decode(), "no such value").status().code() == StatusCode::kNotFound);
  CHECK(small.session().FindSymbol(small.decode(), "no such symbol").status().code() ==
        StatusCode::kNotFound);
  CHECK(small.program().FindMethod("no such method") == -1);
}

TEST_CASE("the session takes no more than was measured") {
  const DType weights = GENERATE(DType::kF32, DType::kF16, DType::kI8, DType::kI4);
  SmallSession small(weights);
  CHECK(small.session().used().total_bytes() <= small.needed().total_bytes());
}

TEST_CASE("an arena that is too small is refused with the bytes needed and given") {
  SmallSession small(DType::kI8);
  for (const size_t missing_bytes : {size_t{64}, size_t{4096}, small.needed().total_bytes()}) {
    const size_t given_bytes = small.needed().total_bytes() - missing_bytes;
    const auto memory = MemoryBlock::Allocate(std::max<size_t>(given_bytes, 64));
    Arena arena(memory.value().bytes().first(given_bytes));
    const auto session = Session::Create(small.program(), arena, {});
    REQUIRE_FALSE(session.ok());
    CHECK(session.status().code() == StatusCode::kOutOfMemory);
    CHECK(std::string(session.status().message()).find(std::to_string(given_bytes)) != std::string::npos);
  }
}

}  // namespace
}  // namespace earshot
