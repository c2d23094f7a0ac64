// DistilBERT (Sanh et al. 2019): BERT's encoder without token types and pooler.
#include "models/bert/encoder_names.h"

namespace lyceum {

void register_distilbert(FamilyRegistry& registry) {
  registry.add(
      {.name = "distilbert",
       .model_types = {"distilbert"},
       .architectures = class_names({"DistilBert"}, kEncoderClasses),
       .load = [](const std::string& config_json, const std::string& where,
                  const Checkpoint& checkpoint) -> std::unique_ptr<Model> {
         // R: DistilBertConfig
         EncoderConfig defaults{.layers = 6,
                                .types = 0,
                                .has_segments = false,
                                .architecture = "DistilBertModel",
                                .drops_spans = true};
         EncoderKeys keys{.width = "dim",
                          .layers = "n_layers",
                          .heads = "n_heads",
                          .inner_width = "hidden_dim",
                          .activation = "activation",
                          .dropout = "dropout",
                          .attention_dropout = "attention_dropout"};
         const Head head =
             head_of(encoder_config(config_json, where, defaults, keys).architecture, kEncoderClasses);
         if (head == Head::kSequence || head == Head::kChoices) {  // R: heads have dropouts of their own
           keys.head_dropout = "seq_classif_dropout";
           defaults.head_dropout = 0.2f;
         } else if (head == Head::kSpans) {
           keys.head_dropout = "qa_dropout";
           defaults.head_dropout = 0.1f;
         }
         EncoderConfig config = encoder_config(config_json, where, defaults, keys);
         config.head = head;
         config.layer_norm_epsilon = 1e-12f;  // R: fixed
         config.words_activation = config.activation;
         config.sequence_activation = Activation::kRelu;
         EncoderNames n;
         n.body = "distilbert.";
         n.layer = "transformer.layer.{}.";
         n.query = "attention.q_lin";
         n.key = "attention.k_lin";
         n.value = "attention.v_lin";
         n.attention_output = "attention.out_lin";
         n.attention_norm = "sa_layer_norm";
         n.inner = "ffn.lin1";
         n.output = "ffn.lin2";
         n.output_norm = "output_layer_norm";
         n.pooler.clear();
         n.transform = "vocab_transform";
         n.transform_norm = "vocab_layer_norm";
         n.decoder = "vocab_projector";
         n.shared_bias.clear();
         n.dense = n.choices_dense = "pre_classifier";
         EncoderWeights weights = take_encoder_weights(checkpoint, config, n);
         return std::make_unique<Encoder>("distilbert", config, std::move(weights), PairNames{});
       }});
}

}  // namespace lyceum
