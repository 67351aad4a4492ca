// XXH64 for little-endian machines, the only ones that model files are for.
#include "runtime/core/xxh64.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace earshot {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87, kPrime2 = 0xC2B2AE3D27D4EB4F, kPrime3 = 0x165667B19E3779F9,
                   kPrime4 = 0x85EBCA77C2B2AE63, kPrime5 = 0x27D4EB2F165667C5;

template <class T>
uint64_t Load(const std::byte* bytes) {
  T word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

uint64_t Round(uint64_t lane, uint64_t word) { return std::rotl(lane + word * kPrime2, 31) * kPrime1; }

// Whole stripes; the lanes stay in registers.
void AddStripes(std::array<uint64_t, 4>& lanes, std::span<const std::byte> stripes) {
  auto [a, b, c, d] = lanes;
  for (const std::byte* stripe = stripes.data(); stripe != stripes.data() + stripes.size(); stripe += 32) {
    a = Round(a, Load<uint64_t>(stripe));
    b = Round(b, Load<uint64_t>(stripe + 8));
    c = Round(c, Load<uint64_t>(stripe + 16));
    d = Round(d, Load<uint64_t>(stripe + 24));
  }
  lanes = {a, b, c, d};
}

uint64_t MergeLanes(const std::array<uint64_t, 4>& lanes) {
  uint64_t hash =
      std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
  for (const uint64_t lane : lanes) hash = (hash ^ Round(0, lane)) * kPrime1 + kPrime4;
  return hash;
}

uint64_t AddTail(uint64_t hash, std::span<const std::byte> tail) {
  for (; tail.size() >= 8; tail = tail.subspan(8))
    hash = std::rotl(hash ^ Round(0, Load<uint64_t>(tail.data())), 27) * kPrime1 + kPrime4;
  if (tail.size() >= 4) {
    hash = std::rotl(hash ^ Load<uint32_t>(tail.data()) * kPrime1, 23) * kPrime2 + kPrime3;
    tail = tail.subspan(4);
  }
  for (const std::byte byte : tail)
    hash = std::rotl(hash ^ std::to_integer<uint64_t>(byte) * kPrime5, 11) * kPrime1;
  return hash;
}

uint64_t Avalanche(uint64_t hash) {
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return hash ^ hash >> 32;
}

}  // namespace

void Xxh64::Update(std::span<const std::byte> bytes) {
  total_bytes_ += bytes.size();
  if (rest_bytes_ > 0) {
    const auto head = bytes.first(std::min(bytes.size(), kStripeBytes - rest_bytes_));
    std::ranges::copy(head, rest_.begin() + static_cast<ptrdiff_t>(rest_bytes_));
    rest_bytes_ += head.size();
    bytes = bytes.subspan(head.size());
    if (rest_bytes_ < kStripeBytes) return;
    AddStripes(lanes_, rest_);
    rest_bytes_ = 0;
  }
  const size_t whole_bytes = bytes.size() / kStripeBytes * kStripeBytes;
  AddStripes(lanes_, bytes.first(whole_bytes));
  bytes = bytes.subspan(whole_bytes);
  std::ranges::copy(bytes, rest_.begin());
  rest_bytes_ = bytes.size();
}

uint64_t Xxh64::Digest() const {
  const uint64_t hash = (total_bytes_ >= kStripeBytes ? MergeLanes(lanes_) : kPrime5) + total_bytes_;
  return Avalanche(AddTail(hash, std::span(rest_).first(rest_bytes_)));
}

uint64_t Xxh64Of(std::span<const std::byte> bytes) {
  Xxh64 hash;
  hash.Update(bytes);
  return hash.Digest();
}

}  // namespace earshot
