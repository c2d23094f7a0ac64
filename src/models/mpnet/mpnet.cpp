// MPNet (Song et al. 2020): BERT's encoder without token types, with RoBERTa's positions and one table of
// biases over distances for all layers.
#include "models/bert/encoder_names.h"

namespace lyceum {

void register_mpnet(FamilyRegistry& registry) {
  registry.add({.name = "mpnet",
                .model_types = {"mpnet"},
                .architectures = class_names({"MPNet"}, kEncoderClasses),
                .load = [](const std::string& config_json, const std::string& where,
                           const Checkpoint& checkpoint) -> std::unique_ptr<Model> {
                  // R: MPNetConfig; its embeddings take 1 for padding, whatever pad_token_id says
                  EncoderConfig config = encoder_config(config_json, where,
                                                        {.vocabulary = 30527,
                                                         .types = 0,
                                                         .padding_id = 1,
                                                         .has_segments = false,
                                                         .relative_buckets = 32,
                                                         .architecture = "MPNetModel",
                                                         .drops_before_head_dense = true},
                                                        {.head_dropout = "hidden_dropout_prob"});
                  config.padding_id = 1;
                  config.counts_positions = true;
                  config.head = head_of(config.architecture, kEncoderClasses);
                  EncoderNames n;
                  n.body = "mpnet.";
                  n.query = "attention.attn.q";
                  n.key = "attention.attn.k";
                  n.value = "attention.attn.v";
                  n.attention_output = "attention.attn.o";
                  n.attention_norm = "attention.LayerNorm";
                  n.relative_bias = "encoder.relative_attention_bias";
                  n.transform = "lm_head.dense";
                  n.transform_norm = "lm_head.layer_norm";
                  n.decoder = "lm_head.decoder";
                  n.shared_bias = "lm_head.bias";
                  n.dense = "classifier.dense";
                  n.classifier = "classifier.out_proj";
                  EncoderWeights weights = take_encoder_weights(checkpoint, config, n);
                  return std::make_unique<Encoder>("mpnet", config, std::move(weights), PairNames{});
                }});
}

}  // namespace lyceum
