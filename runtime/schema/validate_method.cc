// Semantic validation of a method: symbols, values, operand indices.
#include <algorithm>
#include <cstddef>

#include "runtime/core/dtype.h"
#include "runtime/memory/arena.h"
#include "runtime/schema/dim.h"
#include "runtime/schema/validate.h"

namespace earshot {
namespace {

using flatbuffers::uoffset_t;

template <class... Arguments>
Status Bad(const char* format, Arguments... arguments) {
  return Status::Error(StatusCode::kInvalidModel, format, arguments...);
}

bool InRange(int32_t index, size_t count) { return index >= 0 && static_cast<size_t>(index) < count; }

// Smallest and largest value of a Dim over all allowed symbol values; both ends are reached since multiplier
// >= 0.
struct Extent {
  int64_t smallest;
  int64_t largest;
};

Result<Extent> DimExtent(const fb::Method& method, const fb::Dim& dim) {
  if (dim.symbol() != -1 && !InRange(dim.symbol(), method.symbols()->size()))
    return Bad("a length has no symbol %d", dim.symbol());
  if (dim.divisor() < 1 || dim.multiplier() < 0) return Bad("a length has a bad formula");
  int64_t smallest = 0, largest = 0;
  if (dim.symbol() >= 0) {
    const fb::Symbol& symbol = *method.symbols()->Get(static_cast<uoffset_t>(dim.symbol()));
    smallest = symbol.minimum();
    largest = symbol.maximum();
  }
  const auto apply = [&dim](int64_t symbol) { return symbol * dim.multiplier() + dim.addend(); };
  if (apply(smallest) < 0 || apply(largest) / dim.divisor() > kMaxDimension)
    return Bad("a length can be negative or too large");
  return Extent{apply(smallest) / dim.divisor(), apply(largest) / dim.divisor()};
}

struct ValueExtent {
  Extent rows;
  Extent cols;
};

Result<ValueExtent> ShapeExtent(const fb::Method& method, const fb::Value& value) {
  EARSHOT_ASSIGN_OR_RETURN(const Extent rows, DimExtent(method, *value.rows()));
  EARSHOT_ASSIGN_OR_RETURN(const Extent cols, DimExtent(method, *value.cols()));
  return ValueExtent{rows, cols};
}

// Planned memory at the largest size, in the block of its class.
Status ValidatePlanned(const fb::Value& value, const ValueExtent& shape, uint64_t block_bytes) {
  const auto dtype = static_cast<DType>(value.dtype());
  if (dtype == DType::kI4) return Bad("int4 is a type for weights only");
  // Both factors are at most 2^31 - 1 and an element at most 4 bytes: the product stays below 2^64.
  const uint64_t bytes = DTypeBytes(
      dtype, static_cast<uint64_t>(shape.rows.largest) * static_cast<uint64_t>(shape.cols.largest));
  if (value.offset_bytes() % kArenaAlignment != 0 || bytes > block_bytes ||
      value.offset_bytes() > block_bytes - bytes) {
    return Bad("it lies outside its arena");
  }
  return Status::Ok();
}

Status ValidateFixedShape(const ValueExtent& shape, uint64_t rows, uint64_t cols) {
  const bool fixed = shape.rows.smallest == shape.rows.largest && shape.cols.smallest == shape.cols.largest;
  if (!fixed || static_cast<uint64_t>(shape.rows.largest) != rows ||
      static_cast<uint64_t>(shape.cols.largest) != cols) {
    return Bad("its shape is not that of the tensor or state behind it");
  }
  return Status::Ok();
}

Status ValidateView(const fb::Method& method, const fb::Value& value) {
  if (!InRange(value.base(), method.values()->size())) return Bad("it is a view of no value");
  const fb::Value& base = *method.values()->Get(static_cast<uoffset_t>(value.base()));
  if (base.kind() == fb::ValueKind::View) return Bad("it is a view of a view");
  if (base.dtype() != value.dtype()) return Bad("its type is not that of its base");
  if (value.dtype() == fb::DType::I4 && value.col_begin() != 0) return Bad("int4 cannot be cut by columns");
  if (value.row_begin() != nullptr) EARSHOT_RETURN_IF_ERROR(DimExtent(method, *value.row_begin()).status());
  EARSHOT_ASSIGN_OR_RETURN(const ValueExtent shape, ShapeExtent(method, value));
  EARSHOT_ASSIGN_OR_RETURN(const ValueExtent base_shape, ShapeExtent(method, base));
  // Columns must fit whatever the symbols are. Rows depend on several symbols at once: Session::Run checks
  // them each time.
  if (static_cast<int64_t>(value.col_begin()) + shape.cols.largest > base_shape.cols.smallest) {
    return Bad("its columns leave its base");
  }
  return Status::Ok();
}

// What has the memory of a value: itself, or the base of a view.
const fb::Value& OwnerOf(const fb::Method& method, const fb::Value& value) {
  return value.kind() == fb::ValueKind::View ? *method.values()->Get(static_cast<uoffset_t>(value.base()))
                                             : value;
}

// Of the state that a value is, or is a part of; 0: rows are whole.
uint32_t PanelCols(const fb::Model& model, const fb::Method& method, const fb::Value& value) {
  const fb::Value& owner = OwnerOf(method, value);
  if (owner.kind() != fb::ValueKind::State || !InRange(owner.state(), model.states()->size())) return 0;
  return model.states()->Get(static_cast<uoffset_t>(owner.state()))->panel_cols();
}

// Columns of a state in panels are cut between them.
Status ValidatePanels(const fb::Model& model, const fb::Method& method, const fb::Value& view) {
  const int64_t panel = PanelCols(model, method, view);
  if (panel == 0) return Status::Ok();
  const fb::Dim& cols = *view.cols();
  if (cols.symbol() == -1 && view.col_begin() % panel == 0 && cols.addend() / cols.divisor() % panel == 0)
    return Status::Ok();
  return Bad("it cuts a panel of %lld columns", static_cast<long long>(panel));
}

Status ValidateValue(const fb::Model& model, const fb::Method& method, const fb::Value& value) {
  if (static_cast<int>(value.dtype()) >= kNumDTypes) return Bad("it has an unknown element type");
  EARSHOT_ASSIGN_OR_RETURN(const ValueExtent shape, ShapeExtent(method, value));
  const bool is_interface = value.kind() == fb::ValueKind::Input || value.kind() == fb::ValueKind::Output;
  if (value.transient() && !is_interface) return Bad("it is transient, but neither input nor output");
  switch (value.kind()) {
    case fb::ValueKind::Activation:
      return ValidatePlanned(value, shape, model.memory_plan()->activation_bytes());
    case fb::ValueKind::Input:
    case fb::ValueKind::Output:
      if (value.name() == nullptr) return Bad("an input or output has no name");
      return ValidatePlanned(
          value, shape,
          value.transient() ? model.memory_plan()->activation_bytes() : model.memory_plan()->io_bytes());
    case fb::ValueKind::Constant: {
      if (!InRange(value.tensor(), model.tensors()->size()))
        return Bad("it has no tensor %d", value.tensor());
      const fb::Tensor& tensor = *model.tensors()->Get(static_cast<uoffset_t>(value.tensor()));
      if (tensor.dtype() != value.dtype()) return Bad("its type is not that of its tensor");
      return ValidateFixedShape(shape, tensor.rows(), tensor.cols());
    }
    case fb::ValueKind::State: {
      if (!InRange(value.state(), model.states()->size())) return Bad("it has no state %d", value.state());
      const fb::State& state = *model.states()->Get(static_cast<uoffset_t>(value.state()));
      if (state.dtype() != value.dtype()) return Bad("its type is not that of its state");
      if (state.panel_cols() != 0 &&
          (state.cols() % state.panel_cols() != 0 || state.dtype() == fb::DType::I4))
        return Bad("%u columns make no panels of %u", state.cols(), state.panel_cols());
      return ValidateFixedShape(shape, state.rows(), state.cols());
    }
    case fb::ValueKind::View:
      EARSHOT_RETURN_IF_ERROR(ValidateView(method, value));
      return ValidatePanels(model, method, value);
  }
  return Bad("it has an unknown kind");
}

// Whether ops may write to the value: activations, outputs, states and views of those.
bool IsWritable(const fb::Method& method, const fb::Value& value) {
  const fb::Value& owner = OwnerOf(method, value);
  return owner.kind() == fb::ValueKind::Activation || owner.kind() == fb::ValueKind::Output ||
         owner.kind() == fb::ValueKind::State;
}

// Only Linear writes panels, and only Attention reads them, not as q.
Status ValidatePanelOperands(const fb::Model& model, const fb::Method& method, const fb::Op& op) {
  const auto has_panels = [&](int32_t value) {
    return PanelCols(model, method, *method.values()->Get(static_cast<uoffset_t>(value))) != 0;
  };
  const bool reads = op.attributes_type() == fb::OpAttributes::Attention;
  for (uoffset_t i = 0; i < op.inputs()->size(); ++i) {
    if (has_panels(op.inputs()->Get(i)) && !(reads && i > 0)) return Bad("it reads input %u in panels", i);
  }
  const bool writes = op.attributes_type() == fb::OpAttributes::Linear;
  for (const int32_t output : *op.outputs()) {
    if (has_panels(output) && !writes) return Bad("it writes value %d in panels", output);
  }
  return Status::Ok();
}

Status ValidateOp(const fb::Model& model, const fb::Method& method, const fb::Op& op) {
  const size_t num_values = method.values()->size();
  for (const int32_t input : *op.inputs()) {
    if (!InRange(input, num_values)) return Bad("it reads value %d, which does not exist", input);
  }
  if (op.outputs()->size() == 0) return Bad("it has no output");
  for (const int32_t output : *op.outputs()) {
    if (!InRange(output, num_values)) return Bad("it writes value %d, which does not exist", output);
    if (!IsWritable(method, *method.values()->Get(static_cast<uoffset_t>(output))))
      return Bad("it writes a value that is read-only");
  }
  EARSHOT_RETURN_IF_ERROR(ValidatePanelOperands(model, method, op));
  const fb::Attention* attention = op.attributes_as_Attention();
  return attention == nullptr ? Status::Ok() : ValidateHeadPatterns(*attention);
}

}  // namespace

Status ValidateMethod(const fb::Model& model, const fb::Method& method) {
  for (uoffset_t i = 0; i < method.symbols()->size(); ++i) {
    const fb::Symbol* symbol = method.symbols()->Get(i);
    if (symbol->formula() != nullptr) {
      if (!InRange(symbol->formula()->symbol(), i)) return Bad("a symbol has a formula of no earlier symbol");
      EARSHOT_RETURN_IF_ERROR(DimExtent(method, *symbol->formula()).status());
    }
    if (symbol->minimum() > symbol->maximum() || symbol->maximum() > kMaxDimension) {
      return Bad("symbol \"%s\" has an impossible range", symbol->name()->c_str());
    }
  }
  for (uoffset_t i = 0; i < method.values()->size(); ++i) {
    const fb::Value& value = *method.values()->Get(i);
    if (const Status status = ValidateValue(model, method, value); !status.ok()) {
      return status.WithContext("value %u \"%s\"", i, value.name() == nullptr ? "" : value.name()->c_str());
    }
  }
  for (uoffset_t i = 0; i < method.ops()->size(); ++i) {
    const fb::Op& op = *method.ops()->Get(i);
    if (const Status status = ValidateOp(model, method, op); !status.ok()) {
      return status.WithContext("op %u \"%s\"", i, op.name() == nullptr ? "" : op.name()->c_str());
    }
  }
  return Status::Ok();
}

}  // namespace earshot
