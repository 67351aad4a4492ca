// Session: start-up (measure, allocate, create the ops) and the run loop.
#include "runtime/engine/session.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <cstring>
#include <new>

#include "runtime/engine/value_slot.h"
#include "runtime/ops/op_registry.h"
#include "runtime/xnnpack/packed_weights.h"
#include "runtime/xnnpack/xnnpack_arena.h"

namespace earshot {
namespace {

using flatbuffers::uoffset_t;

constexpr size_t kMaxSymbols = 16;
// Matrix kernels may read this much past the last row of a matrix, so every block ends with it.
constexpr size_t kReadableTailBytes = 128;

// Of a block of the memory plan, whose size Program::Load has checked.
size_t BlockBytes(uint64_t planned_bytes) { return static_cast<size_t>(planned_bytes) + kReadableTailBytes; }

using SymbolValues = std::array<int64_t, kMaxSymbols>;

struct OpSlot {
  OpKernel* kernel = nullptr;
  uint32_t num_inputs = 0;
  uint32_t num_outputs = 0;
  std::array<int32_t, kMaxOperands> inputs;
  std::array<int32_t, kMaxOperands> outputs;
};

Result<SymbolValues> SymbolMaxima(const fb::Method& method) {
  if (method.symbols()->size() > kMaxSymbols) {
    return Status::Error(StatusCode::kUnsupported, "method \"%s\" has more than %zu symbols",
                         method.name()->c_str(), kMaxSymbols);
  }
  SymbolValues maxima{};
  for (uoffset_t i = 0; i < method.symbols()->size(); ++i) maxima[i] = method.symbols()->Get(i)->maximum();
  return maxima;
}

ConstantOperand ConstantBehind(const Program& program, const fb::Method& method, int32_t index) {
  const fb::Value& value = *method.values()->Get(static_cast<uoffset_t>(index));
  if (value.kind() != fb::ValueKind::Constant) return {};
  const fb::Tensor& tensor = *program.model().tensors()->Get(static_cast<uoffset_t>(value.tensor()));
  return {program.TensorData(tensor), program.TensorScales(tensor)};
}

Result<OpSetup> MakeOpSetup(const Program& program, const fb::Method& method, const fb::Op& op,
                            const MemoryBlocks& blocks, const SessionOptions& options,
                            PackedWeights& packed_weights) {
  if (op.inputs()->size() > kMaxOperands || op.outputs()->size() > kMaxOperands) {
    return Status::Error(StatusCode::kUnsupported, "it has more than %zu operands", kMaxOperands);
  }
  EARSHOT_ASSIGN_OR_RETURN(const SymbolValues maxima, SymbolMaxima(method));
  OpSetup setup;
  setup.op = &op;
  setup.num_threads = options.pool.num_threads();
  setup.packed_weights = &packed_weights;
  setup.weights_file = options.weights_file;
  setup.ranks_nearly = options.ranks_nearly;
  setup.operands.num_inputs = op.inputs()->size();
  setup.operands.num_outputs = op.outputs()->size();
  for (uoffset_t i = 0; i < op.inputs()->size(); ++i) {
    const ValueSlot slot = MakeValueSlot(program, method, op.inputs()->Get(i), blocks);
    setup.operands.inputs[i] = EvaluateSlotAtMaximum(slot, maxima);
    setup.constants[i] = ConstantBehind(program, method, op.inputs()->Get(i));
  }
  for (uoffset_t i = 0; i < op.outputs()->size(); ++i) {
    setup.operands.outputs[i] =
        EvaluateSlotAtMaximum(MakeValueSlot(program, method, op.outputs()->Get(i), blocks), maxima);
  }
  return setup;
}

bool IsUsed(const fb::Method& method, const SessionOptions& options) {
  return !method.optional() || std::ranges::find(options.optional_methods, method.name()->string_view()) !=
                                   options.optional_methods.end();
}

// States that methods use; those behind the first so many count as used.
using UsedStates = std::bitset<4096>;

UsedStates FindUsedStates(const Program& program, const SessionOptions& options) {
  UsedStates used;
  for (const fb::Method* method : *program.model().methods()) {
    if (!IsUsed(*method, options)) continue;
    for (const fb::Value* value : *method->values()) {
      if (value->kind() == fb::ValueKind::State && static_cast<size_t>(value->state()) < used.size())
        used.set(static_cast<size_t>(value->state()));
    }
  }
  return used;
}

// Of the states that methods use, one after the other; where they begin goes to `offsets`, if that has room
// for all.
uint64_t PlaceStates(const Program& program, const SessionOptions& options, std::span<uint64_t> offsets) {
  uint64_t bytes = 0;
  const UsedStates used = FindUsedStates(program, options);
  const auto& states = *program.model().states();
  for (uoffset_t i = 0; i < states.size(); ++i) {
    if (offsets.size() == states.size()) offsets[i] = bytes;
    if (i < used.size() && !used.test(i)) continue;
    const uint64_t elements = uint64_t{states.Get(i)->rows()} * states.Get(i)->cols();
    bytes += AlignUp(DTypeBytes(static_cast<DType>(states.Get(i)->dtype()), elements));
  }
  return bytes;
}

Status InOp(const Status& status, const fb::Method& method, uoffset_t index) {
  const fb::Op& op = *method.ops()->Get(index);
  return status.WithContext("%s op %u \"%s\"", method.name()->c_str(), index,
                            op.name() == nullptr ? "" : op.name()->c_str());
}

Result<const OpDefinition*> DefinitionOf(const fb::Op& op) {
  const OpDefinition* definition = FindOp(op.attributes_type());
  if (definition != nullptr) return definition;
  return Status::Error(StatusCode::kUnsupported, "this build has no op of type %d; use a newer Earshot",
                       static_cast<int>(op.attributes_type()));
}

// Ids of the packed weights met so far. What does not fit counts as new, so that bounds remain bounds.
class PackedIds {
 public:
  // Whether the id is new.
  bool Insert(uint64_t id) {
    const auto end = ids_.begin() + static_cast<ptrdiff_t>(size_);
    if (std::find(ids_.begin(), end, id) != end) return false;
    if (size_ < ids_.size()) ids_[size_++] = id;
    return true;
  }

 private:
  std::array<uint64_t, 1024> ids_;
  size_t size_ = 0;
};

struct Measurement {
  Arena persistent;
  size_t workspace_bytes = 0;
  size_t setup_bytes = 0;
  PackedIds packed_ids;
};

Status MeasureMethod(const Program& program, const fb::Method& method, const SessionOptions& options,
                     Measurement& sum) {
  PackedWeights packed(program.weights(), options.packed_weights);
  sum.persistent.AllocateArray<ValueSlot>(method.values()->size());
  sum.persistent.AllocateArray<OpSlot>(method.ops()->size());
  for (uoffset_t i = 0; i < method.ops()->size(); ++i) {
    const fb::Op& op = *method.ops()->Get(i);
    auto definition = DefinitionOf(op);
    if (!definition.ok()) return InOp(definition.status(), method, i);
    auto setup = MakeOpSetup(program, method, op, {}, options, packed);
    if (!setup.ok()) return InOp(setup.status(), method, i);
    auto memory = definition.value()->measure(setup.value());
    if (!memory.ok()) return InOp(memory.status(), method, i);
    sum.persistent.Allocate(memory->persistent_bytes);
    for (const PackedMemory& part : memory->packed) {
      if (part.bytes > 0 && sum.packed_ids.Insert(part.id)) sum.persistent.Allocate(part.bytes);
    }
    sum.workspace_bytes = std::max(sum.workspace_bytes, AlignUp(memory->workspace_bytes));
    sum.setup_bytes = std::max(sum.setup_bytes, AlignUp(memory->setup_bytes));
  }
  return Status::Ok();
}

}  // namespace

// Everything of a session; lies at the begin of its persistent memory.
class SessionImpl {
 public:
  SessionImpl(const Program& program, const SessionOptions& options)
      : program_(program), options_(options), packed_weights_(program.weights(), options.packed_weights) {}
  ~SessionImpl() {
    for (const MethodSlot& method : methods_) {
      for (const OpSlot& op : method.ops) {
        if (op.kernel != nullptr) op.kernel->~OpKernel();
      }
    }
  }

  Status Create(const MemoryRequirements& needed, Arena& arena);
  Status Run(int method, std::span<const int64_t> symbols);
  Result<MatrixView> View(int method, int value, std::span<const int64_t> symbols) const;
  Status CheckSymbols(int method, std::span<const int64_t> symbols) const;
  void ResetStates() { std::memset(blocks_.states, 0, state_bytes_); }

  bool HasMethod(int method) const { return methods_[static_cast<size_t>(method)].method != nullptr; }
  const Program& program() const { return program_; }
  const MemoryRequirements& used() const { return used_; }
  const PackedWeights& packed_weights() const { return packed_weights_; }

 private:
  struct MethodSlot {
    const fb::Method* method = nullptr;  // nullptr: optional and not wanted
    std::span<ValueSlot> values;
    std::span<OpSlot> ops;
  };

  Status CreateMethod(const fb::Method& method, Arena& persistent, std::span<std::byte> setup_workspace,
                      MethodSlot& slot);
  Status RunOp(int method_index, size_t op_index, std::span<const int64_t> symbols) const;

  Program program_;
  SessionOptions options_;
  PackedWeights packed_weights_;
  MemoryBlocks blocks_;
  size_t state_bytes_ = 0;
  std::span<std::byte> workspace_;
  std::span<MethodSlot> methods_;
  MemoryRequirements used_;

  friend class Session;
};

Status SessionImpl::Create(const MemoryRequirements& needed, Arena& arena) {
  blocks_.io = static_cast<std::byte*>(arena.Allocate(needed.io_bytes));
  blocks_.activations = static_cast<std::byte*>(arena.Allocate(needed.activation_bytes));
  auto* workspace = static_cast<std::byte*>(arena.Allocate(needed.workspace_bytes));
  const uoffset_t num_states = program_.model().states()->size();
  auto* state_offsets = arena.AllocateArray<uint64_t>(num_states);
  if (state_offsets == nullptr) return Status::Error(StatusCode::kOutOfMemory, "the arena is full");
  blocks_.state_offsets = {state_offsets, num_states};
  state_bytes_ = BlockBytes(PlaceStates(program_, options_, {state_offsets, num_states}));
  blocks_.states = static_cast<std::byte*>(arena.Allocate(state_bytes_));
  const uoffset_t num_methods = program_.model().methods()->size();
  auto* methods = arena.AllocateArray<MethodSlot>(num_methods);
  if (workspace == nullptr || blocks_.states == nullptr || methods == nullptr) {
    return Status::Error(StatusCode::kOutOfMemory, "the arena is full");
  }
  workspace_ = {workspace, needed.workspace_bytes};
  // Nothing is active yet: while ops are made their scratch begins where the activations will be.
  const std::span<std::byte> setup_workspace = {blocks_.activations,
                                                needed.activation_bytes + needed.workspace_bytes};
  if (!options_.memory_is_zero) {
    ResetStates();
    std::memset(blocks_.io, 0, needed.io_bytes);
  }
  std::uninitialized_value_construct_n(methods, num_methods);
  methods_ = {methods, num_methods};
  for (uoffset_t i = 0; i < num_methods; ++i) {
    const fb::Method& method = *program_.model().methods()->Get(i);
    if (IsUsed(method, options_))
      EARSHOT_RETURN_IF_ERROR(CreateMethod(method, arena, setup_workspace, methods_[i]));
  }
  options_.optional_methods = {};
  return Status::Ok();
}

Status SessionImpl::CreateMethod(const fb::Method& method, Arena& persistent,
                                 std::span<std::byte> setup_workspace, MethodSlot& slot) {
  const uoffset_t num_values = method.values()->size(), num_ops = method.ops()->size();
  auto* values = persistent.AllocateArray<ValueSlot>(num_values);
  auto* ops = persistent.AllocateArray<OpSlot>(num_ops);
  if (values == nullptr || ops == nullptr)
    return Status::Error(StatusCode::kOutOfMemory, "the arena is full");
  for (uoffset_t i = 0; i < num_values; ++i) {
    new (&values[i]) ValueSlot(MakeValueSlot(program_, method, static_cast<int32_t>(i), blocks_));
  }
  std::uninitialized_default_construct_n(ops, num_ops);
  slot = {&method, {values, num_values}, {ops, num_ops}};
  for (uoffset_t i = 0; i < num_ops; ++i) {
    const fb::Op& op = *method.ops()->Get(i);
    auto definition = DefinitionOf(op);
    if (!definition.ok()) return InOp(definition.status(), method, i);
    auto setup = MakeOpSetup(program_, method, op, blocks_, options_, packed_weights_);
    if (!setup.ok()) return InOp(setup.status(), method, i);
    auto kernel = definition.value()->create(setup.value(), persistent, setup_workspace);
    if (!kernel.ok()) return InOp(kernel.status(), method, i);
    ops[i].kernel = kernel.value();
    ops[i].num_inputs = op.inputs()->size();
    ops[i].num_outputs = op.outputs()->size();
    std::copy(op.inputs()->begin(), op.inputs()->end(), ops[i].inputs.begin());
    std::copy(op.outputs()->begin(), op.outputs()->end(), ops[i].outputs.begin());
  }
  return Status::Ok();
}

Status SessionImpl::CheckSymbols(int method, std::span<const int64_t> symbols) const {
  if (method < 0 || static_cast<size_t>(method) >= methods_.size()) {
    return Status::Error(StatusCode::kInvalidArgument, "there is no method %d", method);
  }
  if (methods_[static_cast<size_t>(method)].method == nullptr)
    return Status::Error(StatusCode::kInvalidArgument,
                         "method %d is optional, and this session is without it", method);
  const auto& declared = *methods_[static_cast<size_t>(method)].method->symbols();
  if (symbols.size() != declared.size()) {
    return Status::Error(StatusCode::kInvalidArgument, "%zu symbol values were given, the method has %u",
                         symbols.size(), declared.size());
  }
  for (uoffset_t i = 0; i < declared.size(); ++i) {
    const fb::Symbol& symbol = *declared.Get(i);
    if (symbols[i] < int64_t{symbol.minimum()} || symbols[i] > int64_t{symbol.maximum()}) {
      return Status::Error(StatusCode::kInvalidArgument, "%s = %lld is not between %u and %u",
                           symbol.name()->c_str(), static_cast<long long>(symbols[i]), symbol.minimum(),
                           symbol.maximum());
    }
    if (symbol.formula() == nullptr || EvaluateDim(*symbol.formula(), symbols) == symbols[i]) continue;
    return Status::Error(StatusCode::kInvalidArgument, "%s = %lld is not what its formula gives, %lld",
                         symbol.name()->c_str(), static_cast<long long>(symbols[i]),
                         static_cast<long long>(EvaluateDim(*symbol.formula(), symbols)));
  }
  return Status::Ok();
}

Status SessionImpl::RunOp(int method_index, size_t op_index, std::span<const int64_t> symbols) const {
  const MethodSlot& method = methods_[static_cast<size_t>(method_index)];
  const OpSlot& op = method.ops[op_index];
  OpOperands operands;
  operands.num_inputs = op.num_inputs;
  operands.num_outputs = op.num_outputs;
  for (size_t i = 0; i < op.num_inputs; ++i) {
    EARSHOT_ASSIGN_OR_RETURN(operands.inputs[i],
                             EvaluateSlot(method.values[static_cast<size_t>(op.inputs[i])], symbols));
  }
  for (size_t i = 0; i < op.num_outputs; ++i) {
    EARSHOT_ASSIGN_OR_RETURN(operands.outputs[i],
                             EvaluateSlot(method.values[static_cast<size_t>(op.outputs[i])], symbols));
  }
  EARSHOT_RETURN_IF_ERROR(op.kernel->Check(operands));
  const EvalContext context = {workspace_, options_.pool};
  const OpObserver& observer = options_.observer;
  if (observer.before == nullptr) return op.kernel->Eval(operands, context);
  const OpRun run = {method_index, static_cast<int>(op_index), symbols, operands, options_.ranks_nearly};
  observer.before(observer.context, run);
  const Status status = op.kernel->Eval(operands, context);
  observer.after(observer.context, run);
  return status;
}

Status SessionImpl::Run(int method_index, std::span<const int64_t> symbols) {
  EARSHOT_RETURN_IF_ERROR(CheckSymbols(method_index, symbols));
  const MethodSlot& method = methods_[static_cast<size_t>(method_index)];
  for (size_t i = 0; i < method.ops.size(); ++i) {
    if (const Status status = RunOp(method_index, i, symbols); !status.ok()) {
      return InOp(status, *method.method, static_cast<uoffset_t>(i));
    }
  }
  return Status::Ok();
}

Result<MatrixView> SessionImpl::View(int method, int value, std::span<const int64_t> symbols) const {
  EARSHOT_RETURN_IF_ERROR(CheckSymbols(method, symbols));
  const MethodSlot& slot = methods_[static_cast<size_t>(method)];
  if (value < 0 || static_cast<size_t>(value) >= slot.values.size()) {
    return Status::Error(StatusCode::kInvalidArgument, "the method has no value %d", value);
  }
  return EvaluateSlot(slot.values[static_cast<size_t>(value)], symbols);
}

Result<MemoryRequirements> Session::Measure(const Program& program, const SessionOptions& options) {
  if (!options.packed_weights.file().empty() &&
      options.packed_weights.originals().data() != program.weights().data()) {
    return Status::Error(StatusCode::kInvalidArgument, "the packed weights were loaded for another program");
  }
  const fb::MemoryPlan& plan = *program.model().memory_plan();
  Measurement sum;
  Arena& persistent = sum.persistent;
  persistent.AllocateArray<SessionImpl>(1);
  persistent.AllocateArray<uint64_t>(program.model().states()->size());
  persistent.Allocate(BlockBytes(PlaceStates(program, options, {})));
  persistent.Allocate(program.model().methods()->size() * 64);
  for (const fb::Method* method : *program.model().methods()) {
    if (IsUsed(*method, options)) EARSHOT_RETURN_IF_ERROR(MeasureMethod(program, *method, options, sum));
  }
  // While ops are made they have the memory of activations, too.
  const size_t activation_bytes = AlignUp(BlockBytes(plan.activation_bytes()));
  const size_t setup_bytes = sum.setup_bytes - std::min(sum.setup_bytes, activation_bytes);
  return MemoryRequirements{
      .weights_bytes = program.file().size(),
      .packed_file_bytes = options.packed_weights.file().size(),
      .persistent_bytes = persistent.required_bytes(),
      .activation_bytes = activation_bytes,
      .workspace_bytes = std::max(sum.workspace_bytes, setup_bytes) + kReadableTailBytes,
      .io_bytes = AlignUp(BlockBytes(plan.io_bytes()))};
}

Result<Session> Session::Create(const Program& program, Arena& arena, const SessionOptions& options) {
  EARSHOT_RETURN_IF_ERROR(InitializeXnnpack());
  EARSHOT_ASSIGN_OR_RETURN(const MemoryRequirements needed, Measure(program, options));
  const size_t available_bytes =
      arena.capacity_bytes() - std::min(arena.capacity_bytes(), arena.required_bytes());
  if (available_bytes < needed.total_bytes()) {
    return Status::Error(StatusCode::kOutOfMemory, "the session needs %zu bytes, the arena has %zu",
                         needed.total_bytes(), available_bytes);
  }
  const size_t before_bytes = arena.required_bytes();
  void* memory = arena.Allocate(sizeof(SessionImpl));
  Session session(new (memory) SessionImpl(program, options));
  if (const Status status = session.impl_->Create(needed, arena); !status.ok()) {
    if (status.code() != StatusCode::kOutOfMemory) return status;
    return status.WithContext("%zu bytes were reserved, %zu are needed", needed.total_bytes(),
                              arena.required_bytes() - before_bytes);
  }
  MemoryRequirements used = needed;
  used.persistent_bytes = arena.required_bytes() - before_bytes - needed.activation_bytes - needed.io_bytes -
                          needed.workspace_bytes;
  session.impl_->used_ = used;
  return session;
}

Session& Session::operator=(Session&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

Session::~Session() {
  if (impl_ != nullptr) impl_->~SessionImpl();
}

bool Session::HasMethod(std::string_view name) const {
  const int index = impl_->program().FindMethod(name);
  return index >= 0 && impl_->HasMethod(index);
}

Result<int> Session::FindValue(int method, std::string_view name) const {
  const auto& methods = *impl_->program().model().methods();
  if (method < 0 || static_cast<uoffset_t>(method) >= methods.size()) {
    return Status::Error(StatusCode::kInvalidArgument, "there is no method %d", method);
  }
  const auto& values = *methods.Get(static_cast<uoffset_t>(method))->values();
  for (uoffset_t i = 0; i < values.size(); ++i) {
    if (values.Get(i)->name() != nullptr && values.Get(i)->name()->string_view() == name)
      return static_cast<int>(i);
  }
  return Status::Error(StatusCode::kNotFound, "method \"%s\" has no value \"%.*s\"",
                       methods.Get(static_cast<uoffset_t>(method))->name()->c_str(),
                       static_cast<int>(name.size()), name.data());
}

Result<int> Session::FindSymbol(int method, std::string_view name) const {
  const auto& methods = *impl_->program().model().methods();
  if (method < 0 || static_cast<uoffset_t>(method) >= methods.size()) {
    return Status::Error(StatusCode::kInvalidArgument, "there is no method %d", method);
  }
  const auto& symbols = *methods.Get(static_cast<uoffset_t>(method))->symbols();
  for (uoffset_t i = 0; i < symbols.size(); ++i) {
    if (symbols.Get(i)->name()->string_view() == name) return static_cast<int>(i);
  }
  return Status::Error(StatusCode::kNotFound, "method \"%s\" has no symbol \"%.*s\"",
                       methods.Get(static_cast<uoffset_t>(method))->name()->c_str(),
                       static_cast<int>(name.size()), name.data());
}

Status Session::Run(int method, std::span<const int64_t> symbols) { return impl_->Run(method, symbols); }

Result<MatrixView> Session::View(int method, int value, std::span<const int64_t> symbols) const {
  return impl_->View(method, value, symbols);
}

void Session::ResetStates() { impl_->ResetStates(); }

MemoryRequirements Session::used() const { return impl_->used(); }
const Program& Session::program() const { return impl_->program(); }
const PackedWeights& Session::packed_weights() const { return impl_->packed_weights(); }

}  // namespace earshot
