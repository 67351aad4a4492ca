// Sums, intervals, comparison.
#include "platform/cli/evaluation.h"

#include <algorithm>
#include <string_view>

#include "platform/cli/printable.h"
#include "platform/cli/tsv.h"
#include "platform/cli/units.h"

namespace earshot::cli {
namespace {

void AddClip(const EvaluatedClip& clip, EvaluationGroup& group) {
  group.num_clips += 1;
  group.counts += clip.counts;
  group.audio_s += clip.audio_s;
  group.elapsed_s += clip.elapsed_s;
  group.fallbacks += clip.fallbacks;
}

std::vector<EvaluationGroup> GroupsBy(std::span<const EvaluatedClip> clips, std::string ManifestClip::* key) {
  std::vector<EvaluationGroup> groups;
  for (const EvaluatedClip& clip : clips) {
    const std::string& name = clip.clip.*key;
    const char* rate_name = RateName(clip.clip.language);
    if (name.empty()) continue;
    auto group = std::find_if(groups.begin(), groups.end(), [&](const EvaluationGroup& candidate) {
      return candidate.name == name && std::string_view(candidate.rate_name) == rate_name;
    });
    if (group == groups.end()) {
      groups.push_back({.name = name, .rate_name = rate_name});
      group = groups.end() - 1;
    }
    AddClip(clip, *group);
  }
  return groups;
}

}  // namespace

std::optional<EvaluationGroup> TotalOf(std::span<const EvaluatedClip> clips, const char* rate_name) {
  EvaluationGroup total{.name = "total", .rate_name = rate_name};
  std::vector<ErrorCounts> counts;
  for (const EvaluatedClip& clip : clips) {
    if (std::string_view(RateName(clip.clip.language)) != rate_name) continue;
    AddClip(clip, total);
    counts.push_back(clip.counts);
  }
  if (counts.empty()) return std::nullopt;
  if (counts.size() > 1) {
    if (const auto interval = BootstrapRate(counts); interval.ok()) total.interval = interval.value();
  }
  return total;
}

std::vector<EvaluationGroup> GroupsByLanguage(std::span<const EvaluatedClip> clips) {
  return GroupsBy(clips, &ManifestClip::language);
}

std::vector<EvaluationGroup> GroupsBySource(std::span<const EvaluatedClip> clips) {
  return GroupsBy(clips, &ManifestClip::source);
}

std::optional<Comparison> CompareClips(std::span<const EvaluatedClip> clips, const char* rate_name) {
  std::vector<ErrorCounts> ours, others;
  ErrorCounts our_total, other_total;
  for (const EvaluatedClip& clip : clips) {
    if (!clip.other || std::string_view(RateName(clip.clip.language)) != rate_name) continue;
    ours.push_back(clip.counts);
    others.push_back(*clip.other);
    our_total += clip.counts;
    other_total += *clip.other;
  }
  const auto difference = BootstrapRateDifference(others, ours);
  if (!difference.ok()) return std::nullopt;
  return Comparison{.rate_name = rate_name,
                    .num_clips = static_cast<int64_t>(ours.size()),
                    .rate = our_total.Rate(),
                    .other_rate = other_total.Rate(),
                    .difference = difference.value()};
}

Result<TextsById> ReadTexts(const std::string& path) {
  EARSHOT_ASSIGN_OR_RETURN(const TsvTable table, TsvTable::ReadFile(path));
  const size_t id = table.FindColumn("id"), text = table.FindColumn("text");
  if (id == TsvTable::kNoColumn || text == TsvTable::kNoColumn) {
    return Status::Error(StatusCode::kInvalidArgument, "%s has no columns \"id\" and \"text\"", path.c_str());
  }
  TextsById texts;
  for (size_t row = 0; row < table.num_rows(); ++row)
    texts.emplace(table.Field(row, id), table.Field(row, text));
  return texts;
}

size_t AddOtherSystem(const TextsById& texts, const Scorer& scorer, std::span<EvaluatedClip> clips) {
  size_t num_found = 0;
  for (EvaluatedClip& clip : clips) {
    const auto found = texts.find(clip.clip.id);
    if (found == texts.end()) continue;
    clip.other = scorer.Count(clip.clip.language, clip.clip.transcript, found->second);
    ++num_found;
  }
  return num_found;
}

std::string HypothesesTsv(std::span<const EvaluatedClip> clips, const Scorer& scorer) {
  std::string table =
      "id\tlanguage\tsource\trate\treference\thypothesis\ttext\tsubstitutions\tinsertions\tdeletions\treferen"
      "ce_tokens\t"
      "audio_seconds\tseconds\tfallbacks\n";
  for (const EvaluatedClip& item : clips) {
    const ManifestClip& clip = item.clip;
    const std::string fields[] = {clip.id,
                                  clip.language,
                                  clip.source,
                                  RateName(clip.language),
                                  scorer.Normalize(clip.language, clip.transcript),
                                  scorer.Normalize(clip.language, item.text),
                                  item.text,
                                  std::to_string(item.counts.substitutions),
                                  std::to_string(item.counts.insertions),
                                  std::to_string(item.counts.deletions),
                                  std::to_string(item.counts.ReferenceTokens()),
                                  Fixed(item.audio_s, 3),
                                  Fixed(item.elapsed_s, 4),
                                  std::to_string(item.fallbacks)};
    for (const std::string& field : fields) {
      table += Printable(field);  // no tabs or line ends inside a field
      table += '\t';
    }
    table.back() = '\n';
  }
  return table;
}

}  // namespace earshot::cli
