// Status and Result: messages survive copying and context, and errors cannot pass for successes.
#include "runtime/core/status.h"

#include <catch2/catch_test_macros.hpp>
#include <string>

namespace earshot {
namespace {

TEST_CASE("a default status is a success without a message") {
  const Status status = Status();
  CHECK(status.ok());
  CHECK(status.code() == StatusCode::kOk);
  CHECK(std::string(status.message()).empty());
}

TEST_CASE("an error keeps its code and formatted message through copies and assignments") {
  const Status error = Status::Error(StatusCode::kNotFound, "tensor %s, row %d", "a.b", 7);
  Status copy = error;
  Status assigned;
  assigned = copy;
  copy = Status::Ok();
  CHECK(copy.ok());
  CHECK(assigned.code() == StatusCode::kNotFound);
  CHECK(std::string(assigned.message()) == "tensor a.b, row 7");
}

TEST_CASE("an error made with the success code is still an error") {
  const Status status = Status::Error(StatusCode::kOk, "impossible");
  CHECK_FALSE(status.ok());
  CHECK(status.code() == StatusCode::kInternal);
}

TEST_CASE("context goes in front, outermost first, and leaves successes alone") {
  const Status inner = Status::Error(StatusCode::kIo, "disk full");
  const Status outer = inner.WithContext("writing %s", "x.srt").WithContext("clip %d", 3);
  CHECK(std::string(outer.message()) == "clip 3: writing x.srt: disk full");
  CHECK(outer.code() == StatusCode::kIo);
  CHECK(Status::Ok().WithContext("anything").ok());
}

TEST_CASE("messages that are too long are cut, not overrun") {
  const std::string text(2 * Status::kMaxMessageBytes, 'x');
  const Status error = Status::Error(StatusCode::kIo, "%s", text.c_str());
  CHECK(std::string(error.message()).size() == Status::kMaxMessageBytes);
  const Status longer = error.WithContext("front");
  CHECK(std::string(longer.message()).size() == Status::kMaxMessageBytes);
  CHECK(std::string(longer.message()).starts_with("front: xxx"));
  CHECK(std::string(error.WithContext("%s", text.c_str()).message()).size() == Status::kMaxMessageBytes);
}

TEST_CASE("a result holds a value or the reason why not") {
  const Result<int> value = 5;
  CHECK(value.ok());
  CHECK(value.value() == 5);
  const Result<int> error = Status::Error(StatusCode::kUnsupported, "no");
  CHECK_FALSE(error.ok());
  CHECK(error.status().code() == StatusCode::kUnsupported);
  const Result<int> liar = Status::Ok();
  CHECK_FALSE(liar.ok());
  CHECK(liar.status().code() == StatusCode::kInternal);
}

Result<int> Half(int number) {
  if (number % 2 != 0) return Status::Error(StatusCode::kInvalidArgument, "%d is odd", number);
  return number / 2;
}

Result<int> Quarter(int number) {
  EARSHOT_ASSIGN_OR_RETURN(const int half, Half(number));
  EARSHOT_ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

TEST_CASE("the macros pass the first error on") {
  CHECK(Quarter(12).value() == 3);
  CHECK(std::string(Quarter(6).status().message()) == "3 is odd");
}

}  // namespace
}  // namespace earshot
