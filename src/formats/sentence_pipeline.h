// The folder of a sentence-transformers model: what follows the encoder, and what goes before it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "formats/model_folder.h"

namespace lyceum {

// A module behind the transformer, in the order of modules.json.
struct SentenceModule {
  enum class Kind { kPooling, kDense, kNormalize } kind = Kind::kPooling;
  std::string path;  // relative to the folder
  std::vector<std::string>
      modes;  // pooling: cls, max, mean, mean_sqrt_len, weightedmean, lasttoken, in this order
  bool include_prompt = true;                      // pooling: whether a prompt's tokens count
  std::int64_t in_features = 0, out_features = 0;  // dense
  bool bias = true;
  std::string activation = "Tanh";  // dense: the last part of the dotted name
};

struct SentencePipeline {
  std::string transformer_path;     // relative; empty: the folder itself
  std::int64_t max_seq_length = 0;  // 0: not given
  bool do_lower_case = false;
  std::vector<SentenceModule> modules;
  std::map<std::string, std::string> prompts;
  std::string default_prompt_name, similarity = "cosine";
  std::int64_t truncate_dim = 0;  // vectors are cut to their first values (Matryoshka); 0: not given
};

// Vectors of texts need modules behind the transformer; a cross-encoder's scores come from its own head.
enum class PipelineUse { kVectors, kScores };

// A plain Hugging Face folder without modules.json gets mean pooling and no normalisation, as the library
// does. Throws Errc::kUnsupported for an unknown module, naming it, and for modules that do not fit the use;
// Errc::kFormat for bad files.
SentencePipeline sentence_pipeline(const ModelFolder& folder, PipelineUse use = PipelineUse::kVectors);

// Writes modules.json, sentence_bert_config.json, config_sentence_transformers.json and each module's
// config.json into a folder whose root holds the encoder, in the form that every version of the library since
// 2 reads. `width`: of the encoder's vectors. Returns the folders of the modules ("1_Pooling", "2_Dense"), in
// their order; a dense module's weights are the caller's to write there. Throws Errc::kIo.
std::vector<std::string> write_sentence_pipeline(const std::filesystem::path& folder,
                                                 const SentencePipeline& pipeline, std::int64_t width);

// Pools with these modes instead of the folder's own. Throws what check_pooling throws.
void set_pooling(SentencePipeline& pipeline, const std::vector<std::string>& modes);
// Throws Errc::kUnsupported, beginning with `where`, for a name that is none, or that comes twice.
void check_pooling(const std::vector<std::string>& modes, const std::string& where);

}  // namespace lyceum
