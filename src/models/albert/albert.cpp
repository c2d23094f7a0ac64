// ALBERT (Lan et al. 2020): BERT's encoder over narrower embeddings, its layers sharing their weights.
#include "models/bert/encoder_names.h"

namespace lyceum {

void register_albert(FamilyRegistry& registry) {
  static const EncoderClasses classes = [] {
    EncoderClasses all = kEncoderClasses;
    all.emplace_back("ForPreTraining", Head::kWords);
    return all;
  }();
  registry.add({.name = "albert",
                .model_types = {"albert"},
                .architectures = class_names({"Albert"}, classes),
                .load = [](const std::string& config_json, const std::string& where,
                           const Checkpoint& checkpoint) -> std::unique_ptr<Model> {
                  // R: AlbertConfig
                  EncoderConfig config = encoder_config(config_json, where,
                                                        {.vocabulary = 30000,
                                                         .width = 4096,
                                                         .embedding_width = 128,
                                                         .heads = 64,
                                                         .inner_width = 16384,
                                                         .activation = Activation::kGeluTanh,
                                                         .layer_groups = 1,
                                                         .architecture = "AlbertModel",
                                                         .dropout = 0.0f,
                                                         .attention_dropout = 0.0f,
                                                         .head_dropout = 0.1f},
                                                        {.head_dropout = "classifier_dropout_prob"});
                  config.head = head_of(config.architecture, classes);
                  config.has_pair_head = config.architecture == "AlbertForPreTraining";
                  config.words_activation = config.activation;
                  EncoderNames n;
                  n.body = "albert.";
                  n.projection = "encoder.embedding_hidden_mapping_in";
                  n.layer = "encoder.albert_layer_groups.{}.albert_layers.{}.";
                  n.query = "attention.query";
                  n.key = "attention.key";
                  n.value = "attention.value";
                  n.attention_output = "attention.dense";
                  n.attention_norm = "attention.LayerNorm";
                  n.inner = "ffn";
                  n.output = "ffn_output";
                  n.output_norm = "full_layer_layer_norm";
                  n.pooler = "pooler";
                  n.transform = "predictions.dense";
                  n.transform_norm = "predictions.LayerNorm";
                  n.decoder = "predictions.decoder";
                  n.shared_bias = "predictions.bias";
                  n.pair = "sop_classifier.classifier";
                  EncoderWeights weights = take_encoder_weights(checkpoint, config, n);
                  return std::make_unique<Encoder>(
                      "albert", config, std::move(weights),
                      PairNames{.logits = "sop_logits", .label = "sentence_order_label"});
                }});
}

}  // namespace lyceum
