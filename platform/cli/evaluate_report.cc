// Text and JSON of `earshot evaluate`.
#include "platform/cli/evaluate_report.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "platform/cli/printable.h"
#include "platform/cli/text_table.h"
#include "platform/cli/units.h"

namespace earshot::cli {
namespace {

using Align = TextTable::Align;
using Json = nlohmann::ordered_json;

constexpr const char* kRateNames[] = {"WER", "CER"};

std::string Percent(double share) { return Fixed(100 * share, 2); }

std::string Interval(const RateInterval& interval) {
  return Percent(interval.low) + " .. " + Percent(interval.high);
}

std::string Speed(double audio_s, double elapsed_s) {
  return elapsed_s > 0 ? Fixed(audio_s / elapsed_s, 1) + "x" : "";
}

TextTable CountsTable(const std::string& what) {
  return TextTable({{what},
                    {"rate"},
                    {"%", Align::kRight},
                    {"tokens", Align::kRight},
                    {"sub", Align::kRight},
                    {"ins", Align::kRight},
                    {"del", Align::kRight},
                    {"audio s", Align::kRight},
                    {"seconds", Align::kRight},
                    {"speed", Align::kRight},
                    {"fallbacks", Align::kRight},
                    {"clips", Align::kRight},
                    {"rest %", Align::kRight}});
}

std::vector<std::string> CountCells(const std::string& name, const char* rate_name,
                                    const ErrorCounts& counts) {
  return {Printable(name),
          rate_name,
          Percent(counts.Rate()),
          std::to_string(counts.ReferenceTokens()),
          std::to_string(counts.substitutions),
          std::to_string(counts.insertions),
          std::to_string(counts.deletions)};
}

void AppendTimes(double audio_s, double elapsed_s, int64_t fallbacks, std::vector<std::string>& cells) {
  cells.insert(cells.end(), {Fixed(audio_s, 1), Fixed(elapsed_s, 2), Speed(audio_s, elapsed_s),
                             std::to_string(fallbacks)});
}

std::string ClipsText(const std::vector<EvaluatedClip>& clips) {
  TextTable table = CountsTable("clip");
  for (const EvaluatedClip& clip : clips) {
    std::vector<std::string> cells = CountCells(clip.clip.id, RateName(clip.clip.language), clip.counts);
    AppendTimes(clip.audio_s, clip.elapsed_s, clip.fallbacks, cells);
    table.AddRow(std::move(cells));
  }
  return table.ToString(0);
}

// `rest`: the rate of everything that is not in the group.
std::string RestCell(const EvaluationGroup& group, const std::optional<EvaluationGroup>& total) {
  if (!total) return "";
  ErrorCounts rest = total->counts;
  rest.hits -= group.counts.hits;
  rest.substitutions -= group.counts.substitutions;
  rest.insertions -= group.counts.insertions;
  rest.deletions -= group.counts.deletions;
  return rest.ReferenceTokens() > 0 ? Percent(rest.Rate()) : "";
}

std::string GroupsText(const std::string& what, const std::vector<EvaluationGroup>& groups,
                       const std::vector<EvaluatedClip>& clips) {
  if (groups.size() < 2) return "";
  TextTable table = CountsTable(what);
  for (const EvaluationGroup& group : groups) {
    std::vector<std::string> cells = CountCells(group.name, group.rate_name, group.counts);
    AppendTimes(group.audio_s, group.elapsed_s, group.fallbacks, cells);
    cells.push_back(std::to_string(group.num_clips));
    cells.push_back(RestCell(group, TotalOf(clips, group.rate_name)));
    table.AddRow(std::move(cells));
  }
  return table.ToString(0) + "(rest: the rate of all other clips together)\n\n";
}

std::string TotalText(const EvaluationGroup& total) {
  const ErrorCounts& counts = total.counts;
  std::string text = std::string(total.rate_name) + " " + Percent(counts.Rate()) + " %";
  if (total.interval) text += "  (95 % interval " + Interval(*total.interval) + ")";
  text += "\n  " + std::to_string(counts.ReferenceTokens()) +
          (total.rate_name == kRateNames[0] ? " words" : " characters") + ": " +
          std::to_string(counts.substitutions) + " substitutions, " + std::to_string(counts.insertions) +
          " insertions, " + std::to_string(counts.deletions) + " deletions\n";
  return text + "  " + std::to_string(total.num_clips) + " clips, " + Fixed(total.audio_s, 1) + " s in " +
         Fixed(total.elapsed_s, 2) + " s (" + Speed(total.audio_s, total.elapsed_s) + " real time), " +
         std::to_string(total.fallbacks) + " fallbacks\n";
}

std::string ComparisonText(const Comparison& comparison, const std::string& other_path) {
  const bool differs = comparison.difference.low > 0 || comparison.difference.high < 0;
  return "compared with " + Printable(other_path) + " on " + std::to_string(comparison.num_clips) +
         " clips\n  " + comparison.rate_name + " " + Percent(comparison.rate) + " here, " +
         Percent(comparison.other_rate) + " there: difference " +
         Percent(comparison.rate - comparison.other_rate) + " points (95 % interval " +
         Interval(comparison.difference) + ", " + (differs ? "beyond chance" : "may be chance") + ")\n";
}

Json CountsJson(const ErrorCounts& counts) {
  return {{"rate", counts.Rate()},
          {"reference_tokens", counts.ReferenceTokens()},
          {"substitutions", counts.substitutions},
          {"insertions", counts.insertions},
          {"deletions", counts.deletions}};
}

Json GroupJson(const EvaluationGroup& group) {
  Json json = {{"name", group.name}, {"metric", group.rate_name}, {"clips", group.num_clips}};
  json.update(CountsJson(group.counts));
  if (group.interval) json["interval_95"] = {group.interval->low, group.interval->high};
  json.update({{"audio_s", group.audio_s}, {"seconds", group.elapsed_s}, {"fallbacks", group.fallbacks}});
  return json;
}

Json GroupsJson(const std::vector<EvaluationGroup>& groups) {
  Json list = Json::array();
  for (const EvaluationGroup& group : groups) list.push_back(GroupJson(group));
  return list;
}

Json ClipJson(const EvaluatedClip& clip) {
  Json json = {{"id", clip.clip.id},
               {"language", clip.clip.language},
               {"source", clip.clip.source},
               {"metric", RateName(clip.clip.language)}};
  json.update(CountsJson(clip.counts));
  json.update({{"text", clip.text},
               {"audio_s", clip.audio_s},
               {"seconds", clip.elapsed_s},
               {"fallbacks", clip.fallbacks}});
  return json;
}

}  // namespace

std::string EvaluateText(const EvaluateReport& report) {
  std::string text;
  if (report.lists_clips && !report.clips.empty()) text += ClipsText(report.clips) + "\n";
  text += GroupsText("language", GroupsByLanguage(report.clips), report.clips);
  text += GroupsText("source", GroupsBySource(report.clips), report.clips);
  for (const char* rate_name : kRateNames) {
    if (const auto total = TotalOf(report.clips, rate_name)) text += TotalText(*total);
  }
  for (const char* rate_name : kRateNames) {
    if (report.other_path.empty()) break;
    if (const auto comparison = CompareClips(report.clips, rate_name))
      text += ComparisonText(*comparison, report.other_path);
  }
  return text;
}

std::string EvaluateJson(const EvaluateReport& report) {
  Json totals = Json::array(), comparisons = Json::array(), clips = Json::array();
  for (const char* rate_name : kRateNames) {
    if (const auto total = TotalOf(report.clips, rate_name)) totals.push_back(GroupJson(*total));
    if (report.other_path.empty()) continue;
    if (const auto comparison = CompareClips(report.clips, rate_name)) {
      comparisons.push_back(
          {{"other", report.other_path},
           {"metric", rate_name},
           {"clips", comparison->num_clips},
           {"rate", comparison->rate},
           {"other_rate", comparison->other_rate},
           {"difference_interval_95", {comparison->difference.low, comparison->difference.high}}});
    }
  }
  for (const EvaluatedClip& clip : report.clips) {
    if (report.lists_clips) clips.push_back(ClipJson(clip));
  }
  const Json document = {{"totals", totals},
                         {"languages", GroupsJson(GroupsByLanguage(report.clips))},
                         {"sources", GroupsJson(GroupsBySource(report.clips))},
                         {"comparisons", comparisons},
                         {"clips", clips}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace earshot::cli
