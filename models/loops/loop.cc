// Look-up of methods, loops and drivers.
#include "models/loops/loop.h"

#include <algorithm>
#include <iterator>

#include "models/loops/drivers.h"
#include "models/loops/method_run.h"

namespace earshot::loops {
namespace {

using flatbuffers::uoffset_t;

constexpr Driver kSharedDrivers[] = {{"stepwise", RunStepwise}, {"prefixes", RunPrefixes},
                                     {"greedy", RunGreedy},     {"ctc_greedy", RunCtcGreedy},
                                     {"beam", RunBeam},         {"ctc_nll", RunCtcNll}};

Status RunMethod(Session& session, std::string_view name, Run& run) {
  EARSHOT_ASSIGN_OR_RETURN(MethodRun method, MethodRun::Bind(session, name));
  method.SetFrom(run);
  EARSHOT_RETURN_IF_ERROR(method.FeedAll(run));
  EARSHOT_RETURN_IF_ERROR(method.Execute());
  return method.KeepOutputs(run);
}

const Driver* FindDriver(std::span<const Driver> drivers, std::string_view name) {
  const auto found = std::ranges::find(drivers, name, &Driver::name);
  return found == drivers.end() ? nullptr : &*found;
}

}  // namespace

Result<std::string_view> LoopContext::Method(size_t n) const {
  if (n < num_methods()) return loop.methods()->Get(static_cast<uoffset_t>(n))->string_view();
  return Status::Error(StatusCode::kInvalidModel,
                       "the loop \"%s\" names %zu methods, which are too few for \"%s\"",
                       loop.name()->c_str(), num_methods(), loop.driver()->c_str());
}

double LoopContext::Setting(std::string_view name, double absent) const {
  if (const auto* setting = run.FindSetting(name); setting != nullptr) return setting->value;
  for (const fb::Setting* setting : *loop.settings()) {
    if (setting->key()->string_view() == name) return setting->value();
  }
  return absent;
}

Result<int64_t> LoopContext::Integer(std::string_view name) const {
  constexpr double kAbsent = -0x1p60;
  const double value = Setting(name, kAbsent);
  if (value > kAbsent && value < 0x1p31) return static_cast<int64_t>(value);
  return Status::Error(StatusCode::kInvalidModel, "the loop \"%s\" has no setting \"%.*s\"",
                       loop.name()->c_str(), static_cast<int>(name.size()), name.data());
}

const fb::Loop* FindLoop(const fb::Model& model, std::string_view name) {
  if (model.loops() == nullptr) return nullptr;
  for (const fb::Loop* loop : *model.loops()) {
    if (loop->name()->string_view() == name) return loop;
  }
  return nullptr;
}

Status RunByName(Session& session, std::string_view name, std::span<const Driver> family_drivers, Run& run) {
  session.ResetStates();
  const fb::Loop* loop = FindLoop(session.program().model(), name);
  if (loop == nullptr) return RunMethod(session, name, run);
  const Driver* driver = FindDriver(kSharedDrivers, loop->driver()->string_view());
  if (driver == nullptr) driver = FindDriver(family_drivers, loop->driver()->string_view());
  if (driver == nullptr) {
    return Status::Error(StatusCode::kUnsupported, "this build has no driver \"%s\"; use a newer Earshot",
                         loop->driver()->c_str());
  }
  return driver->run({session, *loop, run});
}

}  // namespace earshot::loops
