// Whisper weights of a CTranslate2 model under their Hugging Face names, so that one graph builder serves
// both.
#ifndef EARSHOT_CONVERTER_IMPORT_CTRANSLATE2_WHISPER_H_
#define EARSHOT_CONVERTER_IMPORT_CTRANSLATE2_WHISPER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "converter/import/ctranslate2_model.h"
#include "converter/ir/weight_source.h"
#include "models/whisper/config.h"
#include "runtime/core/status.h"

namespace earshot::checkpoint {

// Fused projections (q|k|v, k|v) are cut apart; the biases of k, which Whisper does not have, must be zero.
// Owns the model.
class Ct2WhisperSource final : public ir::WeightSource {
 public:
  // kUnsupported if it is another kind of model, or has a setting under which it computes something else than
  // Whisper; kInvalidModel if a variable is missing, of an impossible shape, or unknown.
  static Result<std::unique_ptr<Ct2WhisperSource>> Create(Ct2Model model);

  // The sizes, read from the shapes and settings.
  const whisper::Config& config() const { return config_; }

  bool Has(const std::string& name) const override { return tensors_.contains(name); }
  std::vector<int64_t> ShapeOf(const std::string& name) const override {
    return Has(name) ? tensors_.at(name).shape : std::vector<int64_t>();
  }
  Result<std::vector<float>> Take(const std::string& name, const std::vector<int64_t>& shape) override;
  void Drop(const std::string& name) override;
  std::vector<std::string> Unused() const override;

 private:
  struct Tensor {
    std::string variable;
    RowRange rows;
    std::vector<int64_t> shape;
    bool is_taken = false;
  };
  // A Linear that CTranslate2 computes at once, and its parts from top to bottom.
  struct FusedLinear {
    std::string name;
    std::vector<std::string> parts;
  };

  explicit Ct2WhisperSource(Ct2Model model) : model_(std::move(model)) {}

  Status MapAll();
  Status MapEncoder();
  Status MapDecoder();
  Status MapProjection();
  Status MapNorm(const std::string& from, const std::string& to);
  Status MapLinear(const FusedLinear& linear);
  Status MapFeedForward(const std::string& from, const std::string& to);
  Status MapRows(const std::string& from, const std::vector<std::string>& parts);
  Status MapWhole(const std::string& from, const std::string& to) { return MapRows(from, {to}); }
  Status CheckZero(const std::string& variable, RowRange rows);
  Status ReadConfig();
  Status CheckScalars();
  Status CheckAllKnown() const;
  int64_t CountLayers(const std::string& prefix) const;
  Result<std::vector<int64_t>> ShapeOf(const std::string& name, size_t rank);

  Ct2Model model_;
  whisper::Config config_;
  std::map<std::string, Tensor> tensors_;  // by Hugging Face name
  std::set<std::string> known_;            // variables that are mapped or checked
};

}  // namespace earshot::checkpoint

#endif  // EARSHOT_CONVERTER_IMPORT_CTRANSLATE2_WHISPER_H_
