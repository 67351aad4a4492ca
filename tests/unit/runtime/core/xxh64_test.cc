// XXH64 against values of the reference implementation (python-xxhash), and in pieces of every size.
#include "runtime/core/xxh64.h"

#include <catch2/catch_test_macros.hpp>
#include <vector>

namespace earshot {
namespace {

std::vector<std::byte> Sequence(size_t count) {
  std::vector<std::byte> bytes;
  for (size_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::byte>((i * 7 + 3) % 256));
  return bytes;
}

TEST_CASE("checksums are those of XXH64 for every kind of length") {
  struct Case {
    size_t length;
    uint64_t xxh64;
  };
  for (const Case& expected :
       {Case{0, 0xEF46DB3751D8E999}, Case{1, 0x1F25C8D0BC1F4BB6}, Case{3, 0x31D2363F52E564C9},
        Case{4, 0x9BB64B7D66EE9FDA}, Case{5, 0xC7608EFDDB7051FE}, Case{8, 0xDAB99D95C6F90092},
        Case{13, 0xF78B031308F5BFC8}, Case{31, 0xA2AA5F33CC4A6119}, Case{32, 0x23C3C17EF790FD97},
        Case{33, 0x50A7CFC7BA588784}, Case{63, 0x5E3E54B431C7493C}, Case{64, 0x0EB64B3EF6EEB01F},
        Case{100, 0xA61F8D4C170FE531}, Case{1000, 0x5F235FA033F1A3FB}}) {
    INFO(expected.length << " bytes");
    CHECK(Xxh64Of(Sequence(expected.length)) == expected.xxh64);
  }
}

TEST_CASE("how bytes are cut into pieces does not change their checksum") {
  const std::vector<std::byte> bytes = Sequence(300);
  const uint64_t expected = Xxh64Of(bytes);
  for (size_t piece_bytes = 1; piece_bytes <= bytes.size(); ++piece_bytes) {
    Xxh64 hash;
    for (size_t begin = 0; begin < bytes.size(); begin += piece_bytes) {
      hash.Update(std::span(bytes).subspan(begin, std::min(piece_bytes, bytes.size() - begin)));
      hash.Update({});
      (void)hash.Digest();  // asking in between disturbs nothing
    }
    INFO("pieces of " << piece_bytes);
    CHECK(hash.Digest() == expected);
  }
}

}  // namespace
}  // namespace earshot
