// From tensors to arrays and back.
#include "platform/cli/model_run.h"

#include <utility>

#include "models/loops/loop.h"
#include "models/loops/method_run.h"
#include "platform/cli/family_drivers.h"

namespace earshot::cli {
namespace {

// For results and the buffers of loops. Untouched pages cost nothing.
constexpr size_t kResultBytes = size_t{256} << 20;

loops::Array ArrayOf(const std::string& name, const TensorContent& tensor) {
  const size_t rank = tensor.shape.size();
  return {.name = name,
          .dtype = tensor.dtype,
          .rank = rank == 2 ? 2 : 1,
          .rows = rank == 0 ? 1 : tensor.shape[0],
          .cols = rank == 2 ? tensor.shape[1] : 1,
          .data = const_cast<std::byte*>(tensor.data.data())};  // runs only read inputs
}

TensorContent ContentOf(const loops::Array& array) {
  TensorContent content;
  content.dtype = array.dtype;
  content.shape = {array.rows};
  if (array.rank == 2) content.shape.push_back(array.cols);
  content.data.assign(array.data,
                      array.data + DTypeBytes(array.dtype, static_cast<size_t>(array.rows * array.cols)));
  return content;
}

}  // namespace

Result<ModelRun> ModelRun::Create(const LoadedModel& model, const RunRequest& request) {
  SessionOptions options = model.session_options();
  const std::string_view wanted[] = {request.method};
  options.optional_methods = wanted;
  EARSHOT_ASSIGN_OR_RETURN(const MemoryRequirements needed, Session::Measure(model.program(), options));
  EARSHOT_ASSIGN_OR_RETURN(MemoryBlock memory, MemoryBlock::Allocate(needed.total_bytes()));
  EARSHOT_ASSIGN_OR_RETURN(MemoryBlock results, MemoryBlock::Allocate(kResultBytes));
  ModelRun run(request, std::move(memory), std::move(results));
  Arena session_arena(run.memory_.bytes());
  EARSHOT_ASSIGN_OR_RETURN(Session session, Session::Create(model.program(), session_arena, options));
  run.session_ = std::make_unique<Session>(std::move(session));
  for (const auto& [name, tensor] : request.inputs) run.inputs_.push_back(ArrayOf(name, tensor));
  for (const auto& [name, value] : request.settings) run.settings_.push_back({name, value});
  run.arena_ = std::make_unique<Arena>(run.results_.bytes());
  run.run_ = std::make_unique<loops::Run>(run.inputs_, run.settings_, *run.arena_);
  return run;
}

Status ModelRun::Execute() { return loops::RunByName(*session_, request_->method, FamilyDrivers(), *run_); }

Result<Tensors> ModelRun::Results() {
  Tensors tensors;
  for (const loops::Array& array : run_->outputs()) tensors[std::string(array.name)] = ContentOf(array);
  if (request_->keeps_states) AddStates(tensors);
  return tensors;
}

void ModelRun::AddStates(Tensors& tensors) const {
  const fb::Model& model = session_->program().model();
  for (const fb::Method* method : *model.methods()) {
    const auto bound = loops::MethodRun::Bind(*session_, method->name()->string_view());
    for (const fb::Value* value : *method->values()) {
      if (value->kind() != fb::ValueKind::State || value->dtype() == fb::DType::F16 ||
          value->name() == nullptr)
        continue;
      const auto view = bound->View(value->name()->string_view());
      if (!view.ok()) continue;
      const loops::Array array = {
          .name = {}, .dtype = view->dtype, .rows = view->rows, .cols = view->cols, .data = view->data};
      tensors[value->name()->str()] = ContentOf(array);
    }
  }
}

}  // namespace earshot::cli
