// The decoder of GPT-2 (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"), which
// GPT-3 (Brown et al. 2020) kept for its dense layers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "kernels/activation.h"
#include "nn/model.h"
#include "nn/norm.h"
#include "ops/linear/linear.h"

namespace lyceum {

// P: the GPT-2 paper. P3: the GPT-3 paper. R: transformers' GPT2Config.
struct Gpt2Config {
  std::int64_t vocabulary = 50257;                // P section 2.2, R vocab_size
  std::int64_t max_positions = 1024;              // P section 2.3, R n_positions; P3 table 2.1: 2048
  std::int64_t width = 768;                       // P table 2, R n_embd
  std::int64_t layers = 12;                       // P table 2, R n_layer
  std::int64_t heads = 12;                        // R n_head
  std::int64_t inner_width = 3072;                // P3 section 2.1 (4 D), R n_inner, null: 4 n_embd
  Activation activation = Activation::kGeluTanh;  // R activation_function
  float layer_norm_epsilon = 1e-5f;               // R
  // R embd_pdrop, attn_pdrop, resid_pdrop: of training, where a recipe does not say another
  float embedding_dropout = 0.1f, attention_dropout = 0.1f, residual_dropout = 0.1f;
  bool scales_by_width = true;      // R scale_attn_weights: scores are divided by sqrt(head width)
  bool scales_by_layer = false;     // R scale_attn_by_inverse_layer_idx: those of layer i by i + 1 besides
  bool tie_word_embeddings = true;  // R
  std::int64_t padding_id = -1;     // R pad_token_id, of classifiers; -1: none
  std::string problem_type;         // R; empty: told by labels and their type
  std::vector<std::string> labels;  // R id2label, else LABEL_0, ...; of classifiers
  std::string architecture = "GPT2Model";  // architectures[0]
  Head head = Head::kNone;                 // as the class says
};

// Throws Errc::kFormat naming file and key; Errc::kUnsupported for what this build does not know
// (cross-attention, an activation).
Gpt2Config gpt2_config(const std::string& config_json, const std::string& where);

struct Gpt2Layer {
  NormWeights attention_norm, inner_norm;
  Linear query_key_value, attention_output, inner, output;
};

// Every tensor of a checkpoint by its published name; the head is there when the class has one.
struct Gpt2Weights {
  WeightPtr word, position;
  std::vector<Gpt2Layer> layers;
  NormWeights final_norm;
  Linear head;  // [V, D] of words, tied to the embeddings; [labels, D] of sequences
  std::map<std::string, std::string> saved_names;  // of a file whose names are not those of the class
  std::vector<WeightPtr> all;                      // each once, in the order of the model
};

// Takes the tensors that the class needs out of the checkpoint; config.labels are brought in line with the
// file. Throws Errc::kData for missing and misshapen ones.
Gpt2Weights take_gpt2_weights(const Checkpoint& checkpoint, Gpt2Config& config);

class Gpt2 final : public Model {
 public:
  Gpt2(Gpt2Config config, Gpt2Weights weights) : config_(std::move(config)), weights_(std::move(weights)) {}

  const std::string& family() const override;
  const std::string& architecture() const override { return config_.architecture; }
  const std::vector<WeightPtr>& parameters() const override { return weights_.all; }
  std::vector<std::string> taps() const override;
  std::vector<std::string> label_inputs() const override;
  std::vector<ModelOutput> run(const PackedTokens& tokens, const NamedTensors& inputs,
                               Pass& pass) const override;
  using Model::encode;
  Tensor encode(const PackedTokens& tokens, Pass& pass) const override;
  std::int64_t width() const override { return config_.width; }
  std::int64_t max_positions() const override { return config_.max_positions; }
  std::int64_t vocabulary() const override { return config_.vocabulary; }
  Head head() const override { return config_.head; }
  using Model::scores;
  Tensor scores(const Tensor& hidden, const PackedTokens& tokens, Pass& pass) const override;
  bool is_causal() const override { return true; }
  const std::vector<std::string>& labels() const override { return config_.labels; }
  std::string problem_type() const override { return config_.problem_type; }
  void set_dropout(double probability) override;
  std::string saved_name(const std::string& name) const override;
  Products products() const override;
  bool has_segments() const override { return false; }

 private:
  // `with_types`: the reference adds the word embeddings of token_type_ids where a caller gives them.
  Tensor body(const PackedTokens& tokens, bool with_types, Pass& pass) const;
  Tensor layer(std::size_t index, const Tensor& x, const SequenceLayout& layout, Pass& pass) const;
  std::vector<std::int64_t> last_tokens(const PackedTokens& tokens) const;
  Gpt2Config config_;
  Gpt2Weights weights_;
};

}  // namespace lyceum
