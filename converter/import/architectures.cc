// One line for each architecture.
#include "converter/import/architectures.h"

#include "models/batchnorm/graph.h"
#include "models/bigbird/graph.h"
#include "models/causallm/graph.h"
#include "models/clusters/graph.h"
#include "models/crossattention/graph.h"
#include "models/ctctext/graph.h"
#include "models/linear/graph.h"
#include "models/linformer/graph.h"
#include "models/localattention/graph.h"
#include "models/longformer/graph.h"
#include "models/marian/graph.h"
#include "models/memorycompressed/graph.h"
#include "models/moonshine/graph.h"
#include "models/nat/graph.h"
#include "models/parakeet/graph.h"
#include "models/pegasusx/graph.h"
#include "models/performer/graph.h"
#include "models/pointer/graph.h"
#include "models/pointergenerator/graph.h"
#include "models/sinkhorn/graph.h"
#include "models/sparse/graph.h"
#include "models/synthesizer/graph.h"
#include "models/wav2vec2/graph.h"
#include "models/whisper/graph_reference.h"
#include "models/yoso/graph.h"

namespace earshot::checkpoint {
namespace {

constexpr Architecture kArchitectures[] = {
    {"torch", "nn.BatchNorm1d / Conv1d", batchnorm::BuildChain1d},
    {"torch", "nn.BatchNorm2d / Conv2d", batchnorm::BuildChain2d},
    {"pytorch-fast-transformers", "TransformerEncoder(attention_type=linear", linear::BuildEncoder},
    {"pytorch-fast-transformers", "TransformerEncoder(linear, FeatureMap)",
     linear::BuildRandomFeatureEncoder},
    {"linear-attention-transformer", "LinearAttentionTransformerLM", linear::BuildLanguageModel},
    {"pytorch-fast-transformers", "TransformerEncoder(causal-linear", linear::BuildCausalEncoder},
    {"transformers+torch", "Wav2Vec2FeatureExtractor.zero_mean_unit_var_norm", batchnorm::BuildStandardize},
    {"pytorch-fast-transformers", "ClusteredAttention", clusters::BuildClusteredAttention},
    {"reformer-pytorch", "LSHAttention", clusters::BuildLshAttention},
    {"reformer-pytorch", "ReformerLM", clusters::BuildReformer},
    {"routing-transformer", "RoutingTransformerLM", clusters::BuildRoutingTransformer},
    {"earshot", "CtcText", ctctext::Build},
    {"transformers", "WhisperForConditionalGeneration", whisper::BuildReference},
    {"transformers", "YosoModel", yoso::Build},
    {"transformers", "MarianMTModel", marian::Build},
    {"transformers", "MoonshineForConditionalGeneration", moonshine::Build},
    {"transformers", "MoonshineStreamingForConditionalGeneration", moonshine::BuildStreaming},
    {"transformers", "ParakeetForCTC", parakeet::Build},
    {"transformers", "Wav2Vec2ForCTC", wav2vec2::BuildTransformer},
    {"transformers", "Wav2Vec2ConformerForCTC", wav2vec2::BuildConformer},
    {"rl4co", "PointerNetworkPolicy", pointer::BuildPointerNetwork},
    {"rl4co", "AttentionModelPolicy", pointer::BuildAttentionModel},
    {"performer-pytorch", "PerformerLM", performer::BuildLanguageModel},
    {"torch", "nn.TransformerEncoderLayer, nn.TransformerDecoderLayer", crossattention::BuildLayerwise},
    {"aimagelab/meshed-memory-transformer (public repository)", "MemoryAugmentedEncoder",
     crossattention::BuildMeshedMemory},
    {"fairseq", "NATransformerModel", nat::BuildVanilla},
    {"fairseq", "CMLMNATransformerModel", nat::BuildMaskPredict},
    {"fairseq", "examples/pointer_generator TransformerPointerGeneratorModel", pointer_generator::Build},
    {"memory-compressed-attention", "MemoryCompressedAttention", memory_compressed::Build},
    {"sinkhorn-transformer", "SinkhornTransformerLM", sinkhorn::BuildLanguageModel},
    {"linformer", "LinformerLM", linformer::BuildLanguageModel},
    {"linformer", "LinformerSelfAttention", linformer::BuildAttention},
    {"leaderj1001/Synthesizer (public repository)", "Synthesizer", synthesizer::Build},
    {"transformers", "LongformerModel", longformer::BuildEncoder},
    {"allenai/longformer (public repository)", "LongformerSelfAttention", longformer::BuildAttention},
    {"transformers", "MistralForCausalLM", causallm::BuildMistral},
    {"transformers", "Gemma3ForCausalLM", causallm::BuildGemma3},
    {"transformers", "GPTNeoForCausalLM", causallm::BuildGptNeo},
    {"local-attention", "LocalAttention", localattention::BuildAttention},
    {"local-attention", "LocalTransformer", localattention::BuildLanguageModel},
    {"openai/sparse_attention (public repository)", "attention_impl", sparse::BuildOpenAi},
    {"fairseq", "SparseMultiheadAttention", sparse::BuildFairseq},
    {"deepspeed", "ops.sparse_attention.sparsity_config", sparse::BuildDeepSpeed},
    {"transformers", "BigBirdModel", bigbird::Build},
    {"transformers", "PegasusXForConditionalGeneration", pegasusx::Build},
};

}  // namespace

Result<const Architecture*> FindArchitecture(const std::string& package, const std::string& class_name) {
  for (const Architecture& architecture : kArchitectures) {
    if (package == architecture.package && class_name.starts_with(architecture.class_begin))
      return &architecture;
  }
  return Status::Error(StatusCode::kUnsupported,
                       "this converter has no graph for the class \"%.200s\" of %.100s", class_name.c_str(),
                       package.c_str());
}

}  // namespace earshot::checkpoint
