// Text and JSON of `earshot bench`.
#include "platform/cli/bench_report.h"

#include <nlohmann/json.hpp>

#include "platform/cli/memory_classes.h"
#include "platform/cli/printable.h"
#include "platform/cli/roofline_report.h"
#include "platform/cli/text_table.h"
#include "platform/cli/units.h"

namespace earshot::cli {
namespace {

using Align = TextTable::Align;
using Json = nlohmann::ordered_json;

// Three digits that matter.
std::string Milliseconds(double ms) { return Fixed(ms, ms < 1 ? 3 : ms < 10 ? 2 : ms < 100 ? 1 : 0); }

void AddTimes(TextTable& table, const std::string& what, const Spread& times, const std::string& note) {
  table.AddRow({what, Milliseconds(times.median), Milliseconds(times.p10), Milliseconds(times.p90), note});
}

std::string Speed(double audio_s, double ms) {
  return ms > 0 ? Fixed(audio_s * 1000 / ms, 1) + "x real time" : "";
}

TextTable TimesTable() {
  return TextTable(
      {{"time (ms)"}, {"median", Align::kRight}, {"p10", Align::kRight}, {"p90", Align::kRight}, {""}});
}

std::string StepsText(const BenchReport& report) {
  TextTable table = TimesTable();
  const std::string window = Fixed(report.window_s, 0) + " s of audio";
  AddTimes(table, "load", report.load_ms,
           report.packed_weights == kNoPackedWeights ? "map, check and pack the model"
                                                     : "map and check the model and its packed weights");
  AddTimes(table, "encode", report.encode_ms,
           window + ", " + Speed(report.window_s, report.encode_ms.median));
  AddTimes(table, "features and encode", report.encode_audio_ms, window);
  if (report.prompt_tokens == 0) return table.ToString();  // there is no decoder
  AddTimes(table, "prefill", report.prefill_ms, std::to_string(report.prompt_tokens) + " tokens at once");
  AddTimes(
      table, "first token", report.first_token_ms,
      "features, encode, prefill and one token of " + Fixed(report.first_token_audio_s, 0) + " s of audio");
  const int64_t last = report.prompt_tokens + static_cast<int64_t>(report.token_position_ms.size()) - 1;
  AddTimes(
      table, "token", report.token_ms,
      "one at a time, positions " + std::to_string(report.prompt_tokens) + " to " + std::to_string(last));
  if (!report.token_position_ms.empty()) {
    table.AddRow({"token, first position", Milliseconds(report.token_position_ms.front())});
    table.AddRow({"token, last position", Milliseconds(report.token_position_ms.back())});
  }
  return table.ToString();
}

std::string TranscriptionText(const TranscriptionTimes& times) {
  TextTable table = TimesTable();
  AddTimes(table, "whole", times.total_ms,
           Fixed(times.audio_s, 1) + " s of audio, " + Speed(times.audio_s, times.total_ms.median));
  AddTimes(table, "features", times.features_ms, "");
  AddTimes(table, "encode", times.encode_ms, std::to_string(times.windows) + " windows");
  AddTimes(table, "decode", times.decode_ms, std::to_string(times.tokens) + " tokens");
  return table.ToString();
}

std::string MachineText(const BenchReport& report) {
  TextTable table({{""}, {""}});
  table.AddRow({"model", report.name.empty() ? report.family : report.name});
  table.AddRow(
      {"processor", Printable(report.cpu.name) + ", " + std::to_string(report.cpu.num_cores) + " cores"});
  table.AddRow({"own kernels", report.simd_level});
  table.AddRow({"XNNPACK sees", report.cpu.features});
  table.AddRow({"packed weights", Printable(report.packed_weights)});
  table.AddRow({"threads", std::to_string(report.num_threads)});
  table.AddRow({"repeats", std::to_string(report.repeats)});
  return table.ToString();
}

std::string MemoryText(const BenchReport& report) {
  TextTable table({{"memory class"}, {"bytes", Align::kRight}, {""}});
  for (const MemoryClass& item : ArenaClasses(report.memory))
    table.AddRow({item.name, Grouped(item.size_bytes), Megabytes(item.size_bytes)});
  table.AddRow({"total", Grouped(report.memory.total_bytes()), Megabytes(report.memory.total_bytes())});
  table.AddRow(
      {"peak of the process", Grouped(report.peak_memory_bytes), Megabytes(report.peak_memory_bytes)});
  return table.ToString();
}

Json SpreadJson(const Spread& spread) {
  return {{"median", spread.median}, {"p10", spread.p10}, {"p90", spread.p90}};
}

Json TranscriptionJson(const TranscriptionTimes& times) {
  return {{"audio_s", times.audio_s},
          {"windows", times.windows},
          {"tokens", times.tokens},
          {"total_ms", SpreadJson(times.total_ms)},
          {"features_ms", SpreadJson(times.features_ms)},
          {"encode_ms", SpreadJson(times.encode_ms)},
          {"decode_ms", SpreadJson(times.decode_ms)}};
}

}  // namespace

std::string BenchText(const BenchReport& report) {
  std::string text = Printable(report.path) + "\n" + MachineText(report) + "\n" + StepsText(report) + "\n" +
                     MemoryText(report);
  if (report.transcription)
    text += "\nTranscription of the recording\n" + TranscriptionText(*report.transcription);
  if (report.roofline) text += "\nLimits of this machine\n" + RooflineText(*report.roofline);
  return text;
}

std::string BenchJson(const BenchReport& report) {
  Json memory = Json::object();
  for (const MemoryClass& item : ArenaClasses(report.memory))
    memory[std::string(item.name) + "_bytes"] = item.size_bytes;
  memory["total_bytes"] = report.memory.total_bytes();
  memory["weights_bytes"] = report.memory.weights_bytes;
  memory["packed_file_bytes"] = report.memory.packed_file_bytes;
  memory["process_peak_bytes"] = report.peak_memory_bytes;
  Json document = {{"file", report.path},
                   {"family", report.family},
                   {"name", report.name},
                   {"cpu", report.cpu.name},
                   {"cores", report.cpu.num_cores},
                   {"cpu_features", report.cpu.features},
                   {"simd_level", report.simd_level},
                   {"threads", report.num_threads},
                   {"packed_weights", report.packed_weights},
                   {"repeats", report.repeats},
                   {"window_s", report.window_s},
                   {"load_ms", SpreadJson(report.load_ms)},
                   {"encode_ms", SpreadJson(report.encode_ms)},
                   {"features_and_encode_ms", SpreadJson(report.encode_audio_ms)},
                   {"first_token_audio_s", report.first_token_audio_s},
                   {"first_token_ms", SpreadJson(report.first_token_ms)},
                   {"prompt_tokens", report.prompt_tokens},
                   {"prefill_ms", SpreadJson(report.prefill_ms)},
                   {"token_ms", SpreadJson(report.token_ms)},
                   {"token_ms_by_position", report.token_position_ms},
                   {"memory", memory}};
  if (report.transcription) document["transcription"] = TranscriptionJson(*report.transcription);
  if (report.roofline) document["roofline"] = RooflineJson(*report.roofline);
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace earshot::cli
