// config.json and the published tensor names of BERT.
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "models/bert/bert.h"
#include "nn/parameters.h"
#include "nn/registry.h"
#include "ops/activation/activation.h"

namespace lyceum {

BertConfig bert_config(const std::string& config_json, const std::string& where) {
  const Json json = parse_json(config_json, where);
  const JsonFields f(json, where);
  constexpr std::int64_t kMost = std::int64_t{1} << 24;
  BertConfig c;
  c.vocabulary = f.integer("vocab_size", c.vocabulary, 1, kMost);
  c.width = f.integer("hidden_size", c.width, 1, 1 << 16);
  c.layers = f.integer("num_hidden_layers", c.layers, 0, 4096);
  c.heads = f.integer("num_attention_heads", c.heads, 1, c.width);
  c.inner_width = f.integer("intermediate_size", c.inner_width, 1, 1 << 20);
  c.max_positions = f.integer("max_position_embeddings", c.max_positions, 1, kMost);
  c.types = f.integer("type_vocab_size", c.types, 1, 1 << 16);
  c.layer_norm_epsilon = static_cast<float>(f.number("layer_norm_eps", 1e-12, 0.0, 1.0));
  c.padding_id = f.integer(
      "pad_token_id", json.contains("pad_token_id") && json["pad_token_id"].is_null() ? -1 : 0, -1, kMost);
  if (c.padding_id == -1 && f.has("pad_token_id"))
    c.padding_id = c.vocabulary - 1;  // R: counted from the end
  c.tie_word_embeddings = f.boolean("tie_word_embeddings", true);
  c.problem_type = f.text("problem_type", "");
  if (c.width % c.heads != 0)
    fail(Errc::kFormat, "{}: 'hidden_size': found {}, expected a multiple of num_attention_heads = {}", where,
         c.width, c.heads);
  if (!c.problem_type.empty() && c.problem_type != "regression" &&
      c.problem_type != "single_label_classification" && c.problem_type != "multi_label_classification")
    f.wrong("problem_type", "regression, single_label_classification or multi_label_classification");
  try {
    c.activation = activation_from_name(f.text("hidden_act", "gelu"));
  } catch (const Error& error) {
    fail(error.code(), "{}: 'hidden_act': {}", where, error.what());
  }
  if (f.boolean("is_decoder", false))
    fail(Errc::kUnsupported, "{}: 'is_decoder': BERT as a decoder is not supported", where);
  if (const std::string kind = f.text("position_embedding_type", "absolute"); kind != "absolute")
    fail(Errc::kUnsupported, "{}: 'position_embedding_type': found '{}', expected absolute", where, kind);
  if (f.has("architectures")) {
    const auto names = f.texts("architectures");
    if (!names.empty()) c.architecture = names[0];
  }
  return c;
}

namespace {

struct Taker {
  Parameters from;
  std::string prefix;  // "bert." or nothing
  std::int64_t width;

  NormWeights norm(const std::string& name) {  // files of 2018 say gamma and beta
    return {from.take({name + ".weight", name + ".gamma"}, {width}),
            from.take({name + ".bias", name + ".beta"}, {width})};
  }
  LinearPart part(const std::string& name, std::int64_t outputs, std::int64_t inputs) {
    return {from.take(name + ".weight", {outputs, inputs}), from.take(name + ".bias", {outputs})};
  }
  Linear linear(const std::string& name, std::int64_t outputs, std::int64_t inputs) {
    return Linear({part(name, outputs, inputs)});
  }
};

}  // namespace

namespace {

// Whether both are there with different values.
bool differ(const Tensor* a, const Tensor* b) {
  if (a == nullptr || b == nullptr) return false;
  return a->shape() != b->shape() || a->dtype() != b->dtype() ||
         std::memcmp(a->raw(), b->raw(), a->bytes()) != 0;
}

}  // namespace

BertWeights take_bert_weights(const Checkpoint& checkpoint, const BertConfig& config) {
  const std::string word = "embeddings.word_embeddings.weight";
  const std::string position = "embeddings.position_embeddings.weight", decoder = "cls.predictions.decoder";
  Taker take{Parameters(checkpoint), checkpoint.find("bert." + position) != nullptr ? "bert." : "",
             config.width};
  const std::string& p = take.prefix;
  const std::int64_t width = config.width;
  const std::string& kind = config.architecture;
  const bool is_lm = kind == "BertForMaskedLM" || kind == "BertForPreTraining";
  BertWeights w;
  const bool only_decoder =
      is_lm && config.tie_word_embeddings && !take.from.has(p + word) && take.from.has(decoder + ".weight");
  w.word = take.from.take(only_decoder ? decoder + ".weight" : p + word,
                          {config.vocabulary, width});  // of two tied names one is enough
  w.position = take.from.take(p + position, {config.max_positions, width});
  w.type = take.from.take(p + "embeddings.token_type_embeddings.weight", {config.types, width});
  w.embedding_norm = take.norm(p + "embeddings.LayerNorm");
  for (std::int64_t i = 0; i < config.layers; ++i) {
    const std::string layer = p + "encoder.layer." + std::to_string(i);
    BertLayer l;
    l.query_key_value = Linear({take.part(layer + ".attention.self.query", width, width),
                                take.part(layer + ".attention.self.key", width, width),
                                take.part(layer + ".attention.self.value", width, width)});
    l.attention_output = take.linear(layer + ".attention.output.dense", width, width);
    l.attention_norm = take.norm(layer + ".attention.output.LayerNorm");
    l.inner = take.linear(layer + ".intermediate.dense", config.inner_width, width);
    l.output = take.linear(layer + ".output.dense", width, config.inner_width);
    l.output_norm = take.norm(layer + ".output.LayerNorm");
    w.layers.push_back(std::move(l));
  }

  const bool needs_pooler = kind == "BertForPreTraining" || kind == "BertForNextSentencePrediction" ||
                            kind == "BertForSequenceClassification";
  if (needs_pooler || (kind == "BertModel" && take.from.has(p + "pooler.dense.weight"))) {
    w.pooler = take.linear(p + "pooler.dense", width, width);
    w.has_pooler = true;
  }
  if (is_lm) {
    w.transform = take.linear("cls.predictions.transform.dense", width, width);
    w.transform_norm = take.norm("cls.predictions.transform.LayerNorm");
    // A head is tied when the configuration says so and the file does not contradict it: two names with
    // different values are two parameters (R: tie_weights). The bias beside the matrix is the one that
    // counts; files that tie it have it under either name.
    const std::string own_bias = decoder + ".bias", shared_bias = "cls.predictions.bias";
    const auto tied = [&](const std::string& ours, const std::string& theirs) {
      return config.tie_word_embeddings && !differ(checkpoint.find(ours), checkpoint.find(theirs));
    };
    const WeightPtr matrix = tied(p + word, decoder + ".weight")
                                 ? w.word
                                 : take.from.take(decoder + ".weight", {config.vocabulary, width});
    const bool one_bias = tied(shared_bias, own_bias);
    const WeightPtr bias = one_bias ? take.from.take({shared_bias, own_bias}, {config.vocabulary})
                                    : take.from.take({own_bias, shared_bias}, {config.vocabulary});
    if (!one_bias && take.from.has(shared_bias))
      take.from.take(shared_bias, {config.vocabulary});  // without use, but there
    w.decoder = Linear(matrix, bias);
  }
  if (kind == "BertForPreTraining" || kind == "BertForNextSentencePrediction")
    w.next_sentence = take.linear("cls.seq_relationship", 2, width);
  const auto outputs_of = [&](const std::string& name) {
    const Tensor* tensor = checkpoint.find(name);
    return tensor != nullptr && tensor->shape().dims() == 2 ? tensor->dim(0) : 2;
  };
  if (kind == "BertForSequenceClassification" || kind == "BertForTokenClassification")
    w.classifier = take.linear("classifier", outputs_of("classifier.weight"), width);
  if (kind == "BertForQuestionAnswering") w.classifier = take.linear("qa_outputs", 2, width);
  w.all = take.from.all();
  return w;
}

void register_bert(FamilyRegistry& registry) {
  registry.add({.name = "bert",
                .model_types = {"bert"},
                .architectures = {"BertModel", "BertForMaskedLM", "BertForPreTraining",
                                  "BertForNextSentencePrediction", "BertForSequenceClassification",
                                  "BertForTokenClassification", "BertForQuestionAnswering"},
                .load = [](const std::string& config_json, const std::string& where,
                           const Checkpoint& checkpoint) -> std::unique_ptr<Model> {
                  const BertConfig config = bert_config(config_json, where);
                  return std::make_unique<Bert>(config, take_bert_weights(checkpoint, config));
                }});
}

}  // namespace lyceum
