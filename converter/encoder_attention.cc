// Patterns as written, or as measured.
#include "converter/encoder_attention.h"

#include <cstdint>

#include "converter/patterns/pattern_list.h"
#include "platform/cli/console.h"
#include "platform/threads/worker_threads.h"

namespace earshot {
namespace {

constexpr char kPatternsHelp[] =
    "keys that each head of the encoder sees (default full): a PATTERN for all heads; or WHERE=PATTERN;..., "
    "of which the "
    "first that names a head decides, and what none names is full; or auto, measured on --calibration-audio. "
    "WHERE: "
    "LAYER or LAYER.HEAD, joined by commas, with numbers from 0 on, ranges or *. PATTERN: full, local:N, "
    "global:N, "
    "strided:N, pooled:N, causal, joined by +. For example '0.2,3=full;*=local:64+pooled:8'";

std::string IsPatternList(const std::string& text) {
  if (text == "auto") return {};
  const auto list = patterns::ParsePatternList(text);
  return list.ok() ? std::string() : std::string(list.status().message());
}

Status SetPatterns(ir::Graph& graph, const std::string& text) {
  EARSHOT_ASSIGN_OR_RETURN(const patterns::PatternList list, patterns::ParsePatternList(text));
  std::vector<int64_t> heads_of_layers;
  for (const ir::Attention* layer : patterns::EncoderAttention(graph))
    heads_of_layers.push_back(layer->num_heads);
  const auto heads = patterns::ExpandPatterns(list, heads_of_layers);
  if (!heads.ok()) return heads.status().WithContext("--encoder-attention");
  patterns::SetEncoderPatterns(graph, heads.value());
  graph.metadata["encoder_attention"] = patterns::PatternListText(heads.value());
  return Status::Ok();
}

Result<std::string> Calibrate(ir::Graph& graph, const EncoderAttentionOptions& options,
                              const std::vector<calibrate::Clip>& clips) {
  cli::Console& console = cli::GetConsole();
  EARSHOT_ASSIGN_OR_RETURN(const WorkerThreads threads, WorkerThreads::Start(WorkerThreads::DefaultCount()));
  const calibrate::ChoiceOptions choice_options = {.bounds = options.bounds,
                                                   .candidates = {},
                                                   .pool = threads.pool(),
                                                   .on_progress = [&console](const std::string& what) {
                                                     console.SetProgress("--encoder-attention", what);
                                                   }};
  EARSHOT_ASSIGN_OR_RETURN(const calibrate::PatternChoice choice,
                           calibrate::ChoosePatterns(graph, clips, choice_options));
  graph.metadata["encoder_attention"] = patterns::PatternListText(choice.patterns);
  return calibrate::FormatChoice(choice) + "--encoder-attention '" +
         patterns::PatternListText(choice.patterns) + "'\n\n";
}

}  // namespace

void AddEncoderAttentionOptions(CLI::App& app, EncoderAttentionOptions& options) {
  app.add_option("--encoder-attention", options.patterns, kPatternsHelp)
      ->type_name("PATTERNS")
      ->check(CLI::Validator(IsPatternList, ""));
  app.add_option("--max-output-error", options.bounds.max_output_error,
                 "for auto: how much of the encoder's output may change, as a share of its RMS")
      ->type_name("SHARE")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--min-agreement", options.bounds.min_agreement,
                 "for auto: share of the tokens that must be chosen as with full attention")
      ->type_name("SHARE")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
}

Result<std::string> SetEncoderAttention(ir::Graph& graph, const EncoderAttentionOptions& options,
                                        const std::vector<calibrate::Clip>& clips) {
  if (options.is_auto()) return Calibrate(graph, options, clips);
  EARSHOT_RETURN_IF_ERROR(SetPatterns(graph, options.patterns));
  return std::string();
}

}  // namespace earshot
