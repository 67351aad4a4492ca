// The micro-kernel of 8-bit attention, and its form for 64-bit ARM cores with dot products (ARMv8.2, optional
// before ARMv8.4; Raspberry Pi 5): Highway has these instructions only together with bf16, which those cores
// lack.
#ifndef EARSHOT_RUNTIME_ATTENTION_QUAD_PRODUCTS_H_
#define EARSHOT_RUNTIME_ATTENTION_QUAD_PRODUCTS_H_

#include <cstddef>
#include <cstdint>

namespace earshot::attention {

// c[r][n] = sum over k < steps of a[k][r] . b[k][n], where the dot is a sum of four products of bytes. Rows
// r: keys or channels; columns n: queries of a panel, all that a vector of them holds.
struct QuadProducts {
  const int8_t* a;      // [steps][rows][4]
  size_t a_step_bytes;  // from a[k] to a[k + 1]
  const uint8_t* b;     // [steps][panel][4], 16-byte aligned
  size_t steps;
  int32_t* c;  // [rows][panel], 16-byte aligned
};

// Queries by keys, or weights by values. Where both factors are of the same signs, the bytes of keys and
// queries are signed, those of values and weights unsigned.
enum class QuadSide { kKeys, kValues };

constexpr size_t kDotRows = 8;
constexpr size_t kDotPanel = 12;

// kDotRows rows and the first `num_vecs` (1 to 3) vectors of four queries. Precondition:
// HasNeonDotProducts().
void MultiplyQuadsNeonDot(QuadSide side, size_t num_vecs, const QuadProducts& job);

}  // namespace earshot::attention

#endif  // EARSHOT_RUNTIME_ATTENTION_QUAD_PRODUCTS_H_
