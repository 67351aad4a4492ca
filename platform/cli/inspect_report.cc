// Text and JSON of `earshot inspect`.
#include "platform/cli/inspect_report.h"

#include <nlohmann/json.hpp>

#include "platform/cli/memory_classes.h"
#include "platform/cli/printable.h"
#include "platform/cli/text_table.h"
#include "platform/cli/units.h"

namespace earshot::cli {
namespace {

using Align = TextTable::Align;
using Json = nlohmann::ordered_json;

std::string Shapes(const std::vector<ValueDescription>& values) {
  std::string text;
  for (const ValueDescription& value : values) {
    if (!text.empty()) text += ", ";
    text += value.ShapeText();
  }
  return text;
}

std::string GeneralText(const InspectReport& report) {
  TextTable table({{""}, {""}});
  table.AddRow({"family", report.model.family});
  table.AddRow({"name", report.model.name});
  table.AddRow({"file", Megabytes(report.memory.weights_bytes) + ", format version " +
                            std::to_string(report.model.format_version)});
  table.AddRow({"weights checksum", report.checksum});
  for (const auto& [key, value] : report.model.metadata) table.AddRow({key, value});
  for (const auto& [key, value] : report.model.sizes) table.AddRow({key, std::to_string(value)});
  return table.ToString();
}

std::string WeightsText(const ModelDescription& model) {
  TextTable table({{"type"},
                   {"tensors", Align::kRight},
                   {"values", Align::kRight},
                   {"bytes", Align::kRight},
                   {"of which scales", Align::kRight}});
  WeightTypeDescription total{.dtype = "total"};
  const auto add = [&table](const WeightTypeDescription& type) {
    table.AddRow({type.dtype, Grouped(type.num_tensors), Grouped(type.num_values),
                  Grouped(type.data_bytes + type.scales_bytes), Grouped(type.scales_bytes)});
  };
  for (const WeightTypeDescription& type : model.weights) {
    add(type);
    total.num_tensors += type.num_tensors;
    total.num_values += type.num_values;
    total.data_bytes += type.data_bytes;
    total.scales_bytes += type.scales_bytes;
  }
  add(total);
  return table.ToString();
}

std::string MethodText(const MethodDescription& method) {
  TextTable signature({{""}, {""}});
  for (const SymbolDescription& symbol : method.symbols) {
    signature.AddRow({"symbol", symbol.name + ": " + std::to_string(symbol.minimum) + " to " +
                                    std::to_string(symbol.maximum)});
  }
  for (const ValueDescription& value : method.inputs) signature.AddRow({"input", value.Text()});
  for (const ValueDescription& value : method.outputs) signature.AddRow({"output", value.Text()});

  TextTable ops({{"#", Align::kRight},
                 {"op"},
                 {"name"},
                 {"attributes"},
                 {"inputs -> outputs (f32 where no type is given)"}});
  for (size_t i = 0; i < method.ops.size(); ++i) {
    const OpDescription& op = method.ops[i];
    ops.AddRow({std::to_string(i), op.kind, op.name, op.attributes,
                Shapes(op.inputs) + " -> " + Shapes(op.outputs)});
  }
  return signature.ToString() + ops.ToString();
}

std::string StatesText(const ModelDescription& model) {
  TextTable table(
      {{"name"}, {"type"}, {"rows", Align::kRight}, {"columns", Align::kRight}, {"bytes", Align::kRight}});
  for (const StateDescription& state : model.states) {
    table.AddRow({state.name, state.dtype, std::to_string(state.rows), std::to_string(state.cols),
                  Grouped(state.size_bytes)});
  }
  return table.ToString();
}

std::string LoopsText(const ModelDescription& model) {
  TextTable table({{"name"}, {"driver"}, {"methods"}, {"settings"}});
  for (const LoopDescription& loop : model.loops)
    table.AddRow({loop.name, loop.driver, loop.methods, loop.settings});
  return table.ToString();
}

std::string MemoryText(const MemoryRequirements& memory) {
  TextTable table({{"class"}, {"bytes", Align::kRight}, {""}, {""}});
  for (const MemoryClass& item : ArenaClasses(memory)) {
    table.AddRow({item.name, Grouped(item.size_bytes), Megabytes(item.size_bytes), item.meaning});
  }
  table.AddRow({"total", Grouped(memory.total_bytes()), Megabytes(memory.total_bytes()),
                "taken once, before the first transcription"});
  table.AddRow({"weights", Grouped(memory.weights_bytes), Megabytes(memory.weights_bytes),
                "the mapped file; what is packed or not read is given back"});
  if (memory.packed_file_bytes > 0) {
    table.AddRow({"packed weights", Grouped(memory.packed_file_bytes), Megabytes(memory.packed_file_bytes),
                  "a mapped file too, in place of packed copies"});
  }
  return table.ToString();
}

Json ValuesJson(const std::vector<ValueDescription>& values) {
  Json list = Json::array();
  for (const ValueDescription& value : values) {
    list.push_back({{"value", value.label}, {"dtype", value.dtype}, {"shape", {value.rows, value.cols}}});
  }
  return list;
}

Json MethodJson(const MethodDescription& method) {
  Json symbols = Json::array(), ops = Json::array();
  for (const SymbolDescription& symbol : method.symbols) {
    symbols.push_back({{"name", symbol.name}, {"minimum", symbol.minimum}, {"maximum", symbol.maximum}});
  }
  for (const OpDescription& op : method.ops) {
    ops.push_back({{"op", op.kind},
                   {"name", op.name},
                   {"attributes", op.attributes},
                   {"inputs", ValuesJson(op.inputs)},
                   {"outputs", ValuesJson(op.outputs)}});
  }
  return {{"name", method.name},
          {"symbols", symbols},
          {"inputs", ValuesJson(method.inputs)},
          {"outputs", ValuesJson(method.outputs)},
          {"ops", ops}};
}

Json MemoryJson(const InspectReport& report) {
  Json memory = {{"threads", report.num_threads},
                 {"weights_bytes", report.memory.weights_bytes},
                 {"packed_file_bytes", report.memory.packed_file_bytes}};
  for (const MemoryClass& item : ArenaClasses(report.memory))
    memory[std::string(item.name) + "_bytes"] = item.size_bytes;
  memory["total_bytes"] = report.memory.total_bytes();
  return memory;
}

}  // namespace

std::string InspectText(const InspectReport& report) {
  std::string text =
      Printable(report.path) + "\n" + GeneralText(report) + "\nWeights\n" + WeightsText(report.model);
  for (const MethodDescription& method : report.model.methods)
    text += "\nMethod " + method.name + "\n" + MethodText(method);
  if (!report.model.loops.empty()) text += "\nLoops\n" + LoopsText(report.model);
  if (!report.model.states.empty()) text += "\nStates\n" + StatesText(report.model);
  return text + "\nMemory of a session with " + std::to_string(report.num_threads) +
         (report.num_threads == 1 ? " thread" : " threads") + "\n" + MemoryText(report.memory);
}

std::string InspectJson(const InspectReport& report) {
  const ModelDescription& model = report.model;
  Json weights = Json::array(), methods = Json::array(), states = Json::array();
  for (const WeightTypeDescription& type : model.weights) {
    weights.push_back({{"dtype", type.dtype},
                       {"tensors", type.num_tensors},
                       {"values", type.num_values},
                       {"data_bytes", type.data_bytes},
                       {"scales_bytes", type.scales_bytes}});
  }
  for (const MethodDescription& method : model.methods) methods.push_back(MethodJson(method));
  Json loops = Json::array();
  for (const LoopDescription& loop : model.loops) {
    loops.push_back({{"name", loop.name},
                     {"driver", loop.driver},
                     {"methods", loop.methods},
                     {"settings", loop.settings}});
  }
  for (const StateDescription& state : model.states) {
    states.push_back({{"name", state.name},
                      {"dtype", state.dtype},
                      {"rows", state.rows},
                      {"cols", state.cols},
                      {"bytes", state.size_bytes}});
  }
  Json metadata = Json::object(), sizes = Json::object();
  for (const auto& [key, value] : model.metadata) metadata[key] = value;
  for (const auto& [key, value] : model.sizes) sizes[key] = value;
  const Json document = {{"file", report.path},
                         {"format_version", model.format_version},
                         {"family", model.family},
                         {"name", model.name},
                         {"checksum", report.checksum},
                         {"metadata", metadata},
                         {"sizes", sizes},
                         {"weights", weights},
                         {"methods", methods},
                         {"loops", loops},
                         {"states", states},
                         {"memory", MemoryJson(report)}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace earshot::cli
