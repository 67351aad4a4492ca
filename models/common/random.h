// A small seeded random number generator, so that sampling gives the same text for the same seed on every
// machine.
#ifndef EARSHOT_MODELS_COMMON_RANDOM_H_
#define EARSHOT_MODELS_COMMON_RANDOM_H_

#include <bit>
#include <cstdint>

namespace earshot {

// PCG32 (O'Neill 2014, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for Random
// Number Generation", variant XSH-RR 64/32): a 64-bit linear congruential state, and an output that a part of
// it rotates. Not for secrets. Threads: distinct objects are independent.
class Pcg32 {
 public:
  // Equal seeds and streams give equal sequences; different streams are independent of each other.
  explicit Pcg32(uint64_t seed, uint64_t stream = 0) : increment_(stream * 2 + 1) {
    state_ = increment_ + seed;
    Advance();
  }

  uint32_t Next() {
    const uint64_t before = state_;
    Advance();
    const auto folded = static_cast<uint32_t>(((before >> 18) ^ before) >> 27);
    return std::rotr(folded, static_cast<int>(before >> 59));
  }

  // Uniform in [0, 1), a multiple of 2^-32.
  double NextUnit() { return Next() * 0x1p-32; }

 private:
  void Advance() { state_ = state_ * 6364136223846793005ULL + increment_; }

  uint64_t state_;
  uint64_t increment_;
};

}  // namespace earshot

#endif  // EARSHOT_MODELS_COMMON_RANDOM_H_
