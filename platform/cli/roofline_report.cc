// Text and JSON of `earshot bench --roofline`.
#include "platform/cli/roofline_report.h"

#include <nlohmann/json.hpp>

#include "platform/cli/text_table.h"
#include "platform/cli/units.h"

namespace earshot::cli {
namespace {

using Align = TextTable::Align;
using Json = nlohmann::ordered_json;

// Three digits that matter.
std::string Digits(double number) {
  return Fixed(number, number < 1 ? 3 : number < 10 ? 2 : number < 100 ? 1 : 0);
}

std::string Percent(double share) { return Fixed(100 * share, share < 0.0995 ? 1 : 0); }

std::string LimitsText(const RooflineReport& report) {
  TextTable table(
      {{"limit"}, {"median", Align::kRight}, {"p10", Align::kRight}, {"p90", Align::kRight}, {""}});
  const auto add = [&table](const std::string& what, const Spread& rates, const std::string& note) {
    table.AddRow({what, Digits(rates.median), Digits(rates.p10), Digits(rates.p90), note});
  };
  add("int8 arithmetic", report.int8_gops, "GOP/s, " + report.int8_source);
  add("f32 arithmetic", report.f32_gops, "GOP/s, multiply-adds");
  for (const RooflineReport::Read& read : report.reads)
    add("read " + Megabytes(read.size_bytes), read.gbps, "GB/s, of a working set so large");
  return table.ToString();
}

std::string PhaseText(const PhaseReport& phase) {
  TextTable table({{phase.name},
                   {"ms", Align::kRight},
                   {"% of time", Align::kRight},
                   {"GOP/s", Align::kRight},
                   {"GB/s", Align::kRight},
                   {"bound by"},
                   {"limit (ms)", Align::kRight},
                   {"% of limit", Align::kRight},
                   {"p10", Align::kRight},
                   {"p90", Align::kRight}});
  const auto add = [&table](const GroupReport& group) {
    table.AddRow({group.name, Digits(group.time_ms.median), Percent(group.share_of_time),
                  group.gops > 0 ? Digits(group.gops) : "", Digits(group.gbps),
                  group.compute_bound ? "arithmetic" : "reading", Digits(group.limit_ms.median),
                  Percent(group.share_of_limit.median), Percent(group.share_of_limit.p10),
                  Percent(group.share_of_limit.p90)});
  };
  for (const GroupReport& group : phase.groups) add(group);
  add(phase.total);
  return table.ToString();
}

Json SpreadJson(const Spread& spread) {
  return {{"median", spread.median}, {"p10", spread.p10}, {"p90", spread.p90}};
}

Json GroupJson(const GroupReport& group) {
  return {{"name", group.name},
          {"time_ms", SpreadJson(group.time_ms)},
          {"share_of_time", group.share_of_time},
          {"gops", group.gops},
          {"gbps", group.gbps},
          {"bound", group.compute_bound ? "arithmetic" : "reading"},
          {"limit_ms", SpreadJson(group.limit_ms)},
          {"share_of_limit", SpreadJson(group.share_of_limit)}};
}

}  // namespace

std::string RooflineText(const RooflineReport& report) {
  std::string text = LimitsText(report);
  for (const PhaseReport& phase : report.phases) text += "\n" + PhaseText(phase);
  return text;
}

Json RooflineJson(const RooflineReport& report) {
  Json reads = Json::array(), phases = Json::array();
  for (const RooflineReport::Read& read : report.reads)
    reads.push_back({{"bytes", read.size_bytes}, {"gbps", SpreadJson(read.gbps)}});
  for (const PhaseReport& phase : report.phases) {
    Json groups = Json::array();
    for (const GroupReport& group : phase.groups) groups.push_back(GroupJson(group));
    phases.push_back({{"name", phase.name}, {"total", GroupJson(phase.total)}, {"groups", groups}});
  }
  return {{"int8_gops", SpreadJson(report.int8_gops)},
          {"int8_source", report.int8_source},
          {"f32_gops", SpreadJson(report.f32_gops)},
          {"reads", reads},
          {"phases", phases}};
}

}  // namespace earshot::cli
