// XXH64, the checksum of weights: 64 bits that tell damaged bytes from good ones at memory speed. It is no
// protection against somebody who means to deceive. Specification: Y. Collet, "xxHash fast digest algorithm",
// 2023, github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md.
#ifndef EARSHOT_RUNTIME_CORE_XXH64_H_
#define EARSHOT_RUNTIME_CORE_XXH64_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace earshot {

// The checksum of bytes that come in pieces; how they are cut makes no difference. Seed 0. Never allocates.
class Xxh64 {
 public:
  void Update(std::span<const std::byte> bytes);
  uint64_t Digest() const;  // of all bytes so far; more may follow

 private:
  static constexpr size_t kStripeBytes = 32;
  static constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87, kPrime2 = 0xC2B2AE3D27D4EB4F;

  std::array<uint64_t, 4> lanes_ = {kPrime1 + kPrime2, kPrime2, 0, uint64_t{0} - kPrime1};
  std::array<std::byte, kStripeBytes> rest_;  // what does not fill a stripe yet
  size_t rest_bytes_ = 0;
  uint64_t total_bytes_ = 0;
};

uint64_t Xxh64Of(std::span<const std::byte> bytes);

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_CORE_XXH64_H_
