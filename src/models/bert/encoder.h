// The encoder of BERT (Devlin et al. 2018) and of the families that changed its sizes, positions or heads:
// one method, told apart by a configuration and a table of names.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/activation.h"
#include "nn/model.h"
#include "nn/norm.h"
#include "ops/attention/attention.h"
#include "ops/linear/linear.h"

namespace lyceum {

// P: the BERT paper. R: transformers' configuration classes.
struct EncoderConfig {
  std::int64_t vocabulary = 30522;               // P section 3, R vocab_size
  std::int64_t width = 768;                      // P section 3 (H), R hidden_size, DistilBERT: dim
  std::int64_t embedding_width = 0;              // R embedding_size (ELECTRA, ALBERT); 0: the width
  std::int64_t layers = 12;                      // P section 3 (L), R num_hidden_layers
  std::int64_t heads = 12;                       // P section 3 (A), R num_attention_heads
  std::int64_t inner_width = 3072;               // P section 3 (4 H), R intermediate_size
  Activation activation = Activation::kGeluErf;  // R hidden_act
  std::int64_t max_positions = 512;              // R max_position_embeddings
  std::int64_t types = 2;                        // R type_vocab_size; 0: no table of types
  float layer_norm_epsilon = 1e-12f;             // R layer_norm_eps
  std::int64_t padding_id = 0;        // R pad_token_id; -1: none. Its embedding row gets no gradient
  bool counts_positions = false;      // R create_position_ids_from_input_ids: the n-th token that is not
                                      // padding stands at padding_id + n, padding at padding_id (RoBERTa)
  bool has_segments = true;           // the tokenizer's token types are used
  std::int64_t relative_buckets = 0;  // R relative_attention_num_buckets (MPNet); 0: none
  std::int64_t layer_groups = 0, group_layers = 1;  // R num_hidden_groups, inner_group_num (ALBERT); 0: each
                                                    // layer has weights of its own
  bool tie_word_embeddings = true;                  // R
  std::string problem_type;                         // R; empty: told by labels and their type
  std::vector<std::string> labels;                  // R id2label, else LABEL_0, ...; empty: not given
  std::string architecture;                         // architectures[0]
  Head head = Head::kNone;                          // as the class says
  bool has_pair_head = false;                       // a second head over pairs, for pre-training
  Activation words_activation = Activation::kGeluErf,
             sequence_activation = Activation::kTanh;  // of the heads
  // In training. P: appendix A.2, 0.1 everywhere.
  float dropout = 0.1f;                  // R hidden_dropout_prob, DistilBERT: dropout
  float attention_dropout = 0.1f;        // R attention_probs_dropout_prob
  float head_dropout = -1.0f;            // R classifier_dropout, else hidden_dropout_prob: below 0
  bool drops_before_head_dense = false;  // and in front of the first matrix of a head of labels (RoBERTa)
  bool drops_spans = false;              // and in front of the spans' classifier (DistilBERT)
};

struct EncoderLayer {
  Linear query_key_value, attention_output, inner, output;
  NormWeights attention_norm, output_norm;
  std::array<Linear, 4> products() const { return {query_key_value, attention_output, inner, output}; }
};

// Every tensor of a checkpoint by its published name; heads are there when the class has them.
struct EncoderWeights {
  WeightPtr word, position, type;
  NormWeights embedding_norm;
  Linear projection;  // [D, E], where the embeddings are narrower
  std::vector<EncoderLayer> layers;
  WeightPtr relative_bias;  // [buckets, A]
  Linear pooler;            // [D, D]
  Linear transform;         // words: dense, activation, norm
  NormWeights transform_norm;
  Linear decoder;     // [V, E], tied to the word embeddings
  Linear pair;        // [2, D]
  Linear dense;       // sequences, choices, replaced tokens: [D, D] before the classifier
  Linear classifier;  // [outputs, D]: sequences, tokens, spans (2), choices and replaced tokens (1)
  bool has_projection = false, has_pooler = false;
  std::map<std::string, std::string> saved_names;  // of a file whose names are not those of the class today
  std::vector<WeightPtr> all;                      // each once, in the order of the model
};

// Names of the pre-training class's outputs and second label, which differ.
struct PairNames {
  std::string logits = "seq_relationship_logits", label = "next_sentence_label";
};

class Encoder final : public Model {
 public:
  Encoder(std::string family, EncoderConfig config, EncoderWeights weights, PairNames pair_names);

  const std::string& family() const override { return family_; }
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
  std::int64_t max_tokens() const override;
  std::int64_t vocabulary() const override { return config_.vocabulary; }
  Head head() const override { return config_.head; }
  using Model::scores;
  Tensor scores(const Tensor& hidden, const PackedTokens& tokens, Pass& pass) const override;
  bool has_pair_head() const override { return config_.has_pair_head; }
  Tensor pair_scores(const Tensor& hidden, const SequenceLayout& layout) const override;
  const std::vector<std::string>& labels() const override { return config_.labels; }
  std::string problem_type() const override { return config_.problem_type; }
  void set_dropout(double probability) override;
  std::string saved_name(const std::string& name) const override;
  Products products() const override;
  void place(std::span<const std::int64_t> ids, std::span<std::int64_t> positions) const override;
  bool has_segments() const override { return config_.has_segments; }

 private:
  Tensor body(const PackedTokens& tokens, Pass& pass) const;
  Tensor layer(std::size_t index, const Tensor& x, const SequenceLayout& layout, const AttentionSpec& spec,
               Pass& pass) const;
  Tensor pooled(const Tensor& hidden, const SequenceLayout& layout) const;
  std::string family_;
  EncoderConfig config_;
  EncoderWeights weights_;
  PairNames pair_names_;
};

}  // namespace lyceum
