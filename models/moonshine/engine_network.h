// Moonshine's network as the engine runs it: the methods `encode` and `decode` of a model file,
// and `embed` in front of them where the model is one for streams.
#ifndef EARSHOT_MODELS_MOONSHINE_ENGINE_NETWORK_H_
#define EARSHOT_MODELS_MOONSHINE_ENGINE_NETWORK_H_

#include <cstdint>
#include <optional>
#include <span>

#include "models/loops/method_run.h"
#include "models/moonshine/dimensions.h"
#include "models/moonshine/network.h"
#include "runtime/engine/session.h"

namespace earshot::moonshine {

// Borrows the session, which must stay where it is. Threads: one call at a time. Never allocates.
class EngineNetwork final : public Network {
 public:
  // kInvalidModel names a method or value that is missing or has another shape than the family's.
  static Result<EngineNetwork> Create(Session& session, const Dimensions& dimensions);

  Result<std::span<float>> AudioInput() override;
  Status Encode(int64_t samples) override;
  Result<std::span<const float>> Decode(std::span<const int32_t> tokens, int64_t position) override;

 private:
  EngineNetwork(const Dimensions& dimensions, const loops::MethodRun& encode, const loops::MethodRun& decode)
      : dimensions_(dimensions), encode_(encode), decode_(decode) {}
  // The method that takes the audio.
  loops::MethodRun& hearing() { return embed_ ? *embed_ : encode_; }
  void SetSamples(int64_t samples);
  Status Embed();
  Status CheckShapes();

  Dimensions dimensions_;
  std::optional<loops::MethodRun> embed_;
  loops::MethodRun encode_, decode_;
  bool is_encoded_ = false;
};

}  // namespace earshot::moonshine

#endif  // EARSHOT_MODELS_MOONSHINE_ENGINE_NETWORK_H_
