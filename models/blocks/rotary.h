// Rotary positions (Su et al. 2021) from tables of angles.
#ifndef EARSHOT_MODELS_BLOCKS_ROTARY_H_
#define EARSHOT_MODELS_BLOCKS_ROTARY_H_

#include <cstdint>
#include <string>

#include "models/blocks/layers.h"

namespace earshot::blocks {

// Angles position * base^(-2 i / channels) of pair i, for the positions 0 .. rows - 1.
struct RotaryAngles {
  int64_t rows = 0;
  int64_t channels = 0;  // of a head that are turned, from its first on
  double base = 10000.0;
};

struct Rotation {
  int64_t heads = 1;
  ir::Dim position = ir::Dim::Fixed(0);  // of the first row
  bool interleaved = false;              // pairs are neighbours, else halves
};

// Turns the rows of `in`, the first by the angles of Rotation::position.
int Rotate(Layers& layers, const std::string& name, int in, const RotaryAngles& angles,
           const Rotation& rotation);
// The same into `out`, such as rows of a cache.
void RotateInto(Layers& layers, const std::string& name, int in, int out, const RotaryAngles& angles,
                const Rotation& rotation);

}  // namespace earshot::blocks

#endif  // EARSHOT_MODELS_BLOCKS_ROTARY_H_
