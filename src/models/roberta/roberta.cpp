// RoBERTa (Liu et al. 2019) and its descendants of the same shape: XLM-R, CamemBERT. BERT's encoder with
// positions that count the tokens that are not padding, no pooler, and a classifier of its own.
#include "base/error.h"
#include "models/bert/encoder_names.h"

namespace lyceum {
namespace {

EncoderNames hugging_face_names() {
  EncoderNames n;
  n.body = "roberta.";
  n.transform = "lm_head.dense";
  n.transform_norm = "lm_head.layer_norm";
  n.decoder = "lm_head.decoder";
  n.shared_bias = "lm_head.bias";
  n.dense = "classifier.dense";
  n.classifier = "classifier.out_proj";
  return n;
}

// fairseq's model.pt, of both generations: `side` is "decoder." (2019) or "encoder.".
EncoderNames fairseq_names(const Checkpoint& checkpoint, const std::string& side) {
  EncoderNames n;
  n.body = side + "sentence_encoder.";
  n.word = "embed_tokens";
  n.position = "embed_positions";
  n.embedding_norm =
      checkpoint.find(n.body + "emb_layer_norm.weight") != nullptr ? "emb_layer_norm" : "layernorm_embedding";
  n.layer = "layers.{}.";
  n.query = "self_attn.q_proj";
  n.key = "self_attn.k_proj";
  n.value = "self_attn.v_proj";
  if (checkpoint.find(n.body + "layers.0.self_attn.in_proj_weight") != nullptr)
    n.query_key_value = "self_attn.in_proj";
  n.attention_output = "self_attn.out_proj";
  n.attention_norm = "self_attn_layer_norm";
  n.inner = "fc1";
  n.output = "fc2";
  n.output_norm = "final_layer_norm";
  n.pooler.clear();
  n.transform = side + "lm_head.dense";
  n.transform_norm = side + "lm_head.layer_norm";
  n.decoder = side + "lm_head";
  n.shared_bias.clear();
  return n;
}

// The one head among classification_heads.NAME.{dense,out_proj}.
void find_classification_head(const Checkpoint& checkpoint, EncoderNames& names) {
  const std::string all = "classification_heads.", ending = ".out_proj.weight";
  std::vector<std::string> heads;
  for (const std::string& name : checkpoint.names())
    if (name.starts_with(all) && name.ends_with(ending))
      heads.push_back(name.substr(0, name.size() - ending.size()));
  if (heads.size() != 1)
    fail(Errc::kData, "the checkpoint has {} tensors classification_heads.NAME.out_proj.weight, expected one",
         heads.size());
  names.dense = heads[0] + ".dense";
  names.classifier = heads[0] + ".out_proj";
}

std::unique_ptr<Model> load(const std::string& config_json, const std::string& where,
                            const Checkpoint& checkpoint) {
  // R: RobertaConfig
  EncoderConfig config = encoder_config(config_json, where,
                                        {.vocabulary = 50265,
                                         .padding_id = 1,
                                         .counts_positions = true,
                                         .has_segments = false,
                                         .architecture = "RobertaModel",
                                         .drops_before_head_dense = true});
  config.head = head_of(config.architecture, kEncoderClasses);
  if (config.head == Head::kChoices) config.head_dropout = config.dropout;  // R
  EncoderNames names = hugging_face_names();
  for (const char* side : {"decoder.", "encoder."})
    if (checkpoint.find(std::string(side) + "sentence_encoder.embed_tokens.weight") != nullptr) {
      names = fairseq_names(checkpoint, side);
      config.types = 0;
      if (config.head == Head::kSequence) find_classification_head(checkpoint, names);
    }
  EncoderWeights weights = take_encoder_weights(checkpoint, config, names);
  return std::make_unique<Encoder>("roberta", config, std::move(weights), PairNames{});
}

}  // namespace

void register_roberta(FamilyRegistry& registry) {
  registry.add({.name = "roberta",
                .model_types = {"roberta", "xlm-roberta", "camembert"},
                .architectures = class_names({"Roberta", "XLMRoberta", "Camembert"}, kEncoderClasses),
                .load = load});
}

}  // namespace lyceum
