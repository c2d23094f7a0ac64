// config.json and published tensor names of the encoder's families: each is a table.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "formats/checkpoint.h"
#include "models/bert/encoder.h"
#include "nn/registry.h"

namespace lyceum {

// Keys of config.json that have other names in some families.
struct EncoderKeys {
  std::string width = "hidden_size", layers = "num_hidden_layers", heads = "num_attention_heads",
              inner_width = "intermediate_size", activation = "hidden_act", dropout = "hidden_dropout_prob",
              attention_dropout = "attention_probs_dropout_prob";
  std::string head_dropout = "classifier_dropout";  // where it is null or missing: the dropout
};

// `defaults` are what the family's reference class has; what it lacks (token types, ...) is not read. Throws
// Errc::kFormat naming file and key; Errc::kUnsupported for what this build does not know (a decoder,
// relative positions, an activation).
EncoderConfig encoder_config(const std::string& config_json, const std::string& where, EncoderConfig defaults,
                             const EncoderKeys& keys = {});

// Names without their last part (.weight, .bias). Those of the body follow `body`, which a file without a
// head may leave out; those of a layer follow layer_name().
struct EncoderNames {
  std::string body = "bert.";
  std::string word = "embeddings.word_embeddings", position = "embeddings.position_embeddings",
              type = "embeddings.token_type_embeddings", embedding_norm = "embeddings.LayerNorm", projection;
  std::string layer = "encoder.layer.{}.";  // {} is the layer, or the group and the layer in it
  std::string query = "attention.self.query", key = "attention.self.key", value = "attention.self.value";
  std::string query_key_value;  // instead: one matrix, X_weight and X_bias (fairseq)
  std::string attention_output = "attention.output.dense", attention_norm = "attention.output.LayerNorm",
              inner = "intermediate.dense", output = "output.dense", output_norm = "output.LayerNorm";
  std::string relative_bias;
  std::string pooler = "pooler.dense";  // empty: the family has none
  // heads
  std::string transform = "cls.predictions.transform.dense",
              transform_norm = "cls.predictions.transform.LayerNorm", decoder = "cls.predictions.decoder",
              shared_bias = "cls.predictions.bias";  // whole; empty: the decoder's own
  std::string pair = "cls.seq_relationship";
  std::string dense, classifier = "classifier";  // of sequences; dense empty: the pooler
  std::string tokens = "classifier", spans = "qa_outputs";
  std::string choices_dense, choices = "classifier";  // choices_dense empty: the pooler
  std::string replaced_dense, replaced_classifier;
};

// Takes the tensors that the class needs out of the checkpoint; config.labels and config.types are brought
// in line with the file. Throws Errc::kData for missing and misshapen ones.
EncoderWeights take_encoder_weights(const Checkpoint& checkpoint, EncoderConfig& config,
                                    const EncoderNames& names);

// Classes of a family: PREFIX + ENDING, with the head that the ending stands for.
using EncoderClasses = std::vector<std::pair<std::string, Head>>;
extern const EncoderClasses kEncoderClasses;  // Model, ForMaskedLM and the heads of fine-tuning

std::vector<std::string> class_names(std::initializer_list<std::string> prefixes,
                                     const EncoderClasses& classes);
// config.head, as the architecture's ending says; without an architecture the body alone.
Head head_of(const std::string& architecture, const EncoderClasses& classes);

}  // namespace lyceum
