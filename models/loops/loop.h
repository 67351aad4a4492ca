// Loops over the methods of a model, by the names under which model files ask for them.
#ifndef EARSHOT_MODELS_LOOPS_LOOP_H_
#define EARSHOT_MODELS_LOOPS_LOOP_H_

#include <span>
#include <string_view>

#include "models/loops/arrays.h"
#include "runtime/core/status.h"
#include "runtime/engine/session.h"

namespace earshot::loops {

// What a driver works on. Its settings are those of the file, then those of the caller.
struct LoopContext {
  Session& session;
  const fb::Loop& loop;
  Run& run;

  // Name of the n-th method that the file gives to the driver. kInvalidModel.
  Result<std::string_view> Method(size_t n) const;
  size_t num_methods() const { return loop.methods()->size(); }
  // The caller's setting, else the file's, else `absent`.
  double Setting(std::string_view name, double absent) const;
  // kInvalidModel if neither has it.
  Result<int64_t> Integer(std::string_view name) const;
};

// One file each. A driver runs from the inputs of the run to its outputs and never allocates; states are zero
// before it.
struct Driver {
  std::string_view name;
  Status (*run)(const LoopContext& context);
};

// nullptr where there is no such loop in the file.
const fb::Loop* FindLoop(const fb::Model& model, std::string_view name);

// Runs a method or a loop of the model, whichever bears the name, over the run's inputs. Drivers that a
// family has for itself come from the caller. Errors: kNotFound (no such method or loop, an input is
// missing), kUnsupported (no such driver), kInvalidArgument.
Status RunByName(Session& session, std::string_view name, std::span<const Driver> family_drivers, Run& run);

}  // namespace earshot::loops

#endif  // EARSHOT_MODELS_LOOPS_LOOP_H_
