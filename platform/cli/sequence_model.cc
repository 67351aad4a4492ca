// Three kinds of models behind one interface.
#include "platform/cli/sequence_model.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "models/loops/loop.h"
#include "platform/cli/loop_runner.h"
#include "runtime/kernels/kernels.h"

namespace earshot::cli {
namespace {

using flatbuffers::uoffset_t;
using Tokens = std::vector<std::string>;
using Ids = std::vector<int32_t>;

bool HasLoop(const Program& program, std::string_view name) {
  return loops::FindLoop(program.model(), name) != nullptr;
}

// kNone where the loop does not have it.
constexpr int32_t kNone = -1;
int32_t LoopSetting(const Program& program, std::string_view loop, std::string_view name) {
  for (const fb::Setting* setting : *loops::FindLoop(program.model(), loop)->settings()) {
    if (setting->key()->string_view() == name) return static_cast<int32_t>(setting->value());
  }
  return kNone;
}

// The tokens of a model by their text.
class Vocabulary {
 public:
  static Result<Vocabulary> Of(const Program& program) {
    const fb::Tokenizer* tokenizer = program.model().tokenizer();
    if (tokenizer == nullptr) {
      return Status::Error(StatusCode::kUnsupported,
                           "the model has no names for its tokens; convert it from a checkpoint whose "
                           "config.json has a list \"vocabulary\"");
    }
    Vocabulary vocabulary;
    const auto& offsets = *tokenizer->piece_offsets();
    const auto* bytes = reinterpret_cast<const char*>(tokenizer->piece_bytes()->data());
    for (uoffset_t id = 0; id + 1 < offsets.size(); ++id) {
      const std::string_view piece(bytes + offsets.Get(id), offsets.Get(id + 1) - offsets.Get(id));
      vocabulary.pieces_.emplace_back(piece);
      vocabulary.ids_.emplace(piece, static_cast<int32_t>(id));
    }
    return vocabulary;
  }

  Result<Ids> IdsOf(const Tokens& tokens) const {
    Ids ids;
    for (const std::string& token : tokens) {
      const auto found = ids_.find(token);
      if (found == ids_.end())
        return Status::Error(StatusCode::kInvalidArgument, "the model does not know the token \"%s\"",
                             token.c_str());
      ids.push_back(found->second);
    }
    return ids;
  }
  // Of ids that the model made.
  Tokens TextOf(std::span<const int32_t> ids) const {
    Tokens tokens;
    for (const int32_t id : ids) {
      const size_t index = static_cast<size_t>(id);
      tokens.push_back(index < pieces_.size() ? pieces_[index] : "<" + std::to_string(id) + ">");
    }
    return tokens;
  }

 private:
  Tokens pieces_;
  std::unordered_map<std::string, int32_t> ids_;
};

// Token by token.
class EncoderDecoder final : public SequenceModel {
 public:
  EncoderDecoder(LoopRunner runner, Vocabulary vocabulary, const Program& program)
      : runner_(std::move(runner)),
        vocabulary_(std::move(vocabulary)),
        start_(LoopSetting(program, "greedy", "start")),
        end_(LoopSetting(program, "greedy", "eos")) {}

  const char* kind() const override { return "autoregressive"; }

  Result<TargetScore> Score(const TokenPair& pair) override {
    EARSHOT_ASSIGN_OR_RETURN(const Ids source, Source(pair.source));
    EARSHOT_ASSIGN_OR_RETURN(Ids labels, vocabulary_.IdsOf(pair.target));
    labels.push_back(end_);
    Ids given = labels;  // one step behind
    std::rotate(given.begin(), given.end() - 1, given.end());
    given.front() = start_;
    const loops::Array inputs[] = {InputOf("input_ids", source), InputOf("decoder_input_ids", given)};
    EARSHOT_RETURN_IF_ERROR(runner_.Run("teacher_forced", inputs));
    EARSHOT_ASSIGN_OR_RETURN(const loops::Array logits, runner_.Output("logits"));
    return ScoreOf(logits, labels);
  }

  Result<Tokens> Decode(const Tokens& tokens) override {
    EARSHOT_ASSIGN_OR_RETURN(const Ids source, Source(tokens));
    const loops::Array inputs[] = {InputOf("input_ids", source)};
    EARSHOT_RETURN_IF_ERROR(runner_.Run("greedy", inputs));
    EARSHOT_ASSIGN_OR_RETURN(const loops::Array made, runner_.Output("tokens"));
    std::span<const int32_t> ids = made.As<const int32_t>();
    if (!ids.empty() && ids.back() == end_) ids = ids.first(ids.size() - 1);
    return vocabulary_.TextOf(ids);
  }

 private:
  Result<Ids> Source(const Tokens& tokens) const {
    EARSHOT_ASSIGN_OR_RETURN(Ids ids, vocabulary_.IdsOf(tokens));
    ids.push_back(end_);
    return ids;
  }

  static Result<TargetScore> ScoreOf(const loops::Array& logits, const Ids& labels) {
    if (logits.rows != std::ssize(labels))
      return Status::Error(StatusCode::kInvalidModel, "there are not as many logits as tokens");
    TargetScore score = {.num_tokens = logits.rows, .num_wrong = 0};
    for (int64_t row = 0; row < logits.rows; ++row) {
      const std::span<const float> values(logits.Row<float>(row), static_cast<size_t>(logits.cols));
      const int32_t label = labels[static_cast<size_t>(row)];
      score.negative_log_likelihood +=
          static_cast<double>(kernels::LogSumExp(values) - values[static_cast<size_t>(label)]);
      score.num_wrong += kernels::Max(values).index == label ? 0 : 1;
    }
    return score;
  }

  LoopRunner runner_;
  Vocabulary vocabulary_;
  int32_t start_, end_;
};

// All tokens at once.
class CtcModel final : public SequenceModel {
 public:
  CtcModel(LoopRunner runner, Vocabulary vocabulary, const Program& program)
      : runner_(std::move(runner)),
        vocabulary_(std::move(vocabulary)),
        gap_(LoopSetting(program, "ctc_greedy", "gap")) {}

  const char* kind() const override { return "non-autoregressive"; }

  Result<TargetScore> Score(const TokenPair& pair) override {
    EARSHOT_ASSIGN_OR_RETURN(const Ids source, Source(pair.source));
    EARSHOT_ASSIGN_OR_RETURN(const Ids labels, vocabulary_.IdsOf(pair.target));
    const loops::Array inputs[] = {InputOf("input_ids", source), InputOf("labels", labels)};
    EARSHOT_RETURN_IF_ERROR(runner_.Run("ctc_nll", inputs));
    EARSHOT_ASSIGN_OR_RETURN(const loops::Array nll, runner_.Output("nll"));
    return TargetScore{.negative_log_likelihood = static_cast<double>(nll.As<float>()[0]),
                       .num_tokens = std::ssize(labels)};
  }

  Result<Tokens> Decode(const Tokens& tokens) override {
    EARSHOT_ASSIGN_OR_RETURN(const Ids source, Source(tokens));
    const loops::Array inputs[] = {InputOf("input_ids", source)};
    EARSHOT_RETURN_IF_ERROR(runner_.Run("ctc_greedy", inputs));
    EARSHOT_ASSIGN_OR_RETURN(const loops::Array made, runner_.Output("tokens"));
    return vocabulary_.TextOf(made.As<const int32_t>());
  }

 private:
  Result<Ids> Source(const Tokens& tokens) const {
    EARSHOT_ASSIGN_OR_RETURN(const Ids ids, vocabulary_.IdsOf(tokens));
    if (gap_ == kNone) return ids;
    Ids spread;
    for (const int32_t id : ids) spread.insert(spread.end(), {id, gap_});
    return spread;
  }

  LoopRunner runner_;
  Vocabulary vocabulary_;
  int32_t gap_;
};

Result<float> NumberOf(std::string_view text) {
  float number = 0.0f;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  return Status::Error(StatusCode::kInvalidArgument, "\"%.*s\" is no number; points are written as 0.25,0.75",
                       static_cast<int>(text.size()), text.data());
}

class PointerNetwork final : public SequenceModel {
 public:
  explicit PointerNetwork(LoopRunner runner) : runner_(std::move(runner)) {}

  const char* kind() const override { return "pointer"; }

  Result<TargetScore> Score(const TokenPair& pair) override {
    EARSHOT_ASSIGN_OR_RETURN(const std::vector<float> points, Points(pair.source));
    EARSHOT_ASSIGN_OR_RETURN(const Ids order, Order(pair));
    const loops::Array inputs[] = {InputOf("locs", points, 2), InputOf("forced", order)};
    EARSHOT_RETURN_IF_ERROR(runner_.Run("tour", inputs));
    EARSHOT_ASSIGN_OR_RETURN(const loops::Array steps, runner_.Output("step_logp"));
    EARSHOT_ASSIGN_OR_RETURN(const loops::Array all, runner_.Output("full_logp"));
    TargetScore score = {.num_tokens = std::ssize(order), .num_wrong = 0};
    for (int64_t row = 0; row < all.rows; ++row) {
      score.negative_log_likelihood -= static_cast<double>(*steps.Row<float>(row));
      const std::span<const float> choices(all.Row<float>(row), static_cast<size_t>(all.cols));
      score.num_wrong += kernels::Max(choices).index == order[static_cast<size_t>(row)] ? 0 : 1;
    }
    return score;
  }

  Result<Tokens> Decode(const Tokens& source) override {
    EARSHOT_ASSIGN_OR_RETURN(const std::vector<float> points, Points(source));
    const loops::Array inputs[] = {InputOf("locs", points, 2)};
    EARSHOT_RETURN_IF_ERROR(runner_.Run("tour", inputs));
    EARSHOT_ASSIGN_OR_RETURN(const loops::Array actions, runner_.Output("actions"));
    Tokens tokens;
    for (const int32_t action : actions.As<const int32_t>()) tokens.push_back(std::to_string(action));
    return tokens;
  }

 private:
  static Result<std::vector<float>> Points(const Tokens& tokens) {
    std::vector<float> points;
    for (const std::string& token : tokens) {
      const size_t comma = token.find(',');
      if (comma == std::string::npos)
        return Status::Error(StatusCode::kInvalidArgument, "\"%s\" is no point such as 0.25,0.75",
                             token.c_str());
      EARSHOT_ASSIGN_OR_RETURN(const float x, NumberOf(std::string_view(token).substr(0, comma)));
      EARSHOT_ASSIGN_OR_RETURN(const float y, NumberOf(std::string_view(token).substr(comma + 1)));
      points.insert(points.end(), {x, y});
    }
    return points;
  }

  // A tour of all points.
  static Result<Ids> Order(const TokenPair& pair) {
    Ids order;
    std::vector<bool> is_visited(pair.source.size(), false);
    for (const std::string& token : pair.target) {
      size_t number = 0;
      const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), number);
      const bool is_point = error == std::errc() && end == token.data() + token.size() &&
                            number < is_visited.size() && !is_visited[number];
      if (!is_point || pair.target.size() != pair.source.size())
        return Status::Error(StatusCode::kInvalidArgument,
                             "a target must name each of the %zu points once, by its number from 0 on",
                             pair.source.size());
      is_visited[number] = true;
      order.push_back(static_cast<int32_t>(number));
    }
    return order;
  }

  LoopRunner runner_;
};

}  // namespace

Result<std::unique_ptr<SequenceModel>> SequenceModel::Create(const LoadedModel& model) {
  const Program& program = model.program();
  const bool is_decoder = HasLoop(program, "teacher_forced") && HasLoop(program, "greedy");
  const bool is_ctc = HasLoop(program, "ctc_nll") && HasLoop(program, "ctc_greedy");
  const bool is_pointer = HasLoop(program, "tour");
  if (!is_decoder && !is_ctc && !is_pointer) {
    return Status::Error(StatusCode::kUnsupported,
                         "%s: models of the family \"%s\" do not turn tokens into tokens (there are no loops "
                         "teacher_forced and greedy, ctc_nll and ctc_greedy, or tour)",
                         model.path().c_str(), program.model().family()->c_str());
  }
  EARSHOT_ASSIGN_OR_RETURN(LoopRunner runner, LoopRunner::Create(model));
  if (is_pointer) return std::unique_ptr<SequenceModel>(std::make_unique<PointerNetwork>(std::move(runner)));
  auto vocabulary = Vocabulary::Of(program);
  if (!vocabulary.ok()) return vocabulary.status().WithContext("%s", model.path().c_str());
  if (is_decoder) {
    return std::unique_ptr<SequenceModel>(
        std::make_unique<EncoderDecoder>(std::move(runner), std::move(vocabulary.value()), program));
  }
  return std::unique_ptr<SequenceModel>(
      std::make_unique<CtcModel>(std::move(runner), std::move(vocabulary.value()), program));
}

}  // namespace earshot::cli
