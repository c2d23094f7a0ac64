// BERT (Devlin et al. 2018): its classes, and the names under which it was published.
#include "models/bert/encoder_names.h"

namespace lyceum {

void register_bert(FamilyRegistry& registry) {
  static const EncoderClasses classes = [] {
    EncoderClasses all = kEncoderClasses;
    all.emplace_back("ForPreTraining", Head::kWords);
    all.emplace_back("ForNextSentencePrediction", Head::kNextSentence);
    return all;
  }();
  registry.add({.name = "bert",
                .model_types = {"bert"},
                .architectures = class_names({"Bert"}, classes),
                .load = [](const std::string& config_json, const std::string& where,
                           const Checkpoint& checkpoint) -> std::unique_ptr<Model> {
                  EncoderConfig config = encoder_config(config_json, where, {.architecture = "BertModel"});
                  config.head = head_of(config.architecture, classes);
                  config.has_pair_head = config.architecture == "BertForPreTraining";
                  config.words_activation = config.activation;
                  EncoderWeights weights = take_encoder_weights(checkpoint, config, {});
                  return std::make_unique<Encoder>("bert", config, std::move(weights), PairNames{});
                }});
}

}  // namespace lyceum
