// Feature maps whose products stand for the weights of attention.
#ifndef EARSHOT_MODELS_LINEAR_GRAPH_FEATURE_MAP_H_
#define EARSHOT_MODELS_LINEAR_GRAPH_FEATURE_MAP_H_

#include <cstdint>
#include <string>

#include "models/blocks/layers.h"

namespace earshot::linear {

// kElu: elu(x) + 1 (Katharopoulos et al. 2020). The others project each head x, scaled, to u = x W with
// random W [D, F]:
//   kFavor        exp(u - |x|^2 / 2) and exp(-u - |x|^2 / 2), over the root of their number (Choromanski et
//   al. 2021) kFourier      cos(u) and sin(u), over the root of F (Rahimi & Recht 2007) kGeneralized  relu(u)
enum class FeatureKind { kElu, kFavor, kFourier, kGeneralized };

struct FeatureMap {
  FeatureKind kind = FeatureKind::kElu;
  int64_t heads = 1;
  int64_t head_dim = 1;
  int64_t projections = 0;     // F
  double temperature = 1.0;    // of the softmax: x is scaled by its root
  bool is_stabilized = false;  // kFavor: less the largest |x|^2 of the sequence, too
};

// [T, heads * D] -> [T, heads * features]; `projection`: W as a value of the method.
int Features(blocks::Layers& layers, const FeatureMap& map, const std::string& name, int in, int projection);

}  // namespace earshot::linear

#endif  // EARSHOT_MODELS_LINEAR_GRAPH_FEATURE_MAP_H_
