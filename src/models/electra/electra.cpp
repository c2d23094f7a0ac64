// ELECTRA (Clark et al. 2020): BERT's encoder over narrower embeddings, trained to tell replaced tokens.
#include "base/error.h"
#include "base/json.h"
#include "models/bert/encoder_names.h"
#include "nn/config_fields.h"

namespace lyceum {

namespace {

// R ElectraSequenceSummary: what multiple choice has between the first token and its classifier.
void read_summary(const std::string& config_json, const std::string& where, EncoderConfig& config) {
  const Json json = parse_json(config_json, where);
  const JsonFields f(json, where);
  if (const std::string type = f.text("summary_type", "first"); type != "first")
    fail(Errc::kUnsupported, "{}: 'summary_type': found '{}', expected first", where, type);
  if (!f.boolean("summary_use_proj", true))
    fail(Errc::kUnsupported, "{}: 'summary_use_proj': found false, expected true", where);
  config.sequence_activation = activation_of(f, "summary_activation", Activation::kGeluErf);
  config.head_dropout = dropout_of(f, "summary_last_dropout", 0.1f);
}

}  // namespace

void register_electra(FamilyRegistry& registry) {
  static const EncoderClasses classes = [] {
    EncoderClasses all = kEncoderClasses;
    all.emplace_back("ForPreTraining", Head::kReplacedToken);
    return all;
  }();
  registry.add({.name = "electra",
                .model_types = {"electra"},
                .architectures = class_names({"Electra"}, classes),
                .load = [](const std::string& config_json, const std::string& where,
                           const Checkpoint& checkpoint) -> std::unique_ptr<Model> {
                  // R: ElectraConfig
                  EncoderConfig config = encoder_config(config_json, where,
                                                        {.width = 256,
                                                         .embedding_width = 128,
                                                         .heads = 4,
                                                         .inner_width = 1024,
                                                         .architecture = "ElectraModel",
                                                         .drops_before_head_dense = true});
                  config.head = head_of(config.architecture, classes);
                  config.sequence_activation = Activation::kGeluErf;
                  if (config.head == Head::kChoices) read_summary(config_json, where, config);
                  EncoderNames n;
                  n.body = "electra.";
                  n.projection = "embeddings_project";
                  n.pooler.clear();
                  n.transform = "generator_predictions.dense";
                  n.transform_norm = "generator_predictions.LayerNorm";
                  n.decoder = "generator_lm_head";
                  n.shared_bias.clear();
                  n.choices_dense = "sequence_summary.summary";
                  n.dense = "classifier.dense";
                  n.classifier = "classifier.out_proj";
                  n.replaced_dense = "discriminator_predictions.dense";
                  n.replaced_classifier = "discriminator_predictions.dense_prediction";
                  EncoderWeights weights = take_encoder_weights(checkpoint, config, n);
                  return std::make_unique<Encoder>("electra", config, std::move(weights), PairNames{});
                }});
}

}  // namespace lyceum
