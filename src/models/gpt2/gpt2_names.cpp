// config.json of transformers' GPT2Config, and the names under which GPT-2 was published there.
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "models/gpt2/gpt2.h"
#include "nn/config_fields.h"
#include "nn/parameters.h"
#include "nn/registry.h"

namespace lyceum {
namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 24;
// P section 2.3: the matrices that write into the residual stream begin smaller by the root of how many there
// are.
double residual_deviation(const std::string& name, double deviation, std::int64_t layers) {
  return name.ends_with("c_proj.weight") ? deviation / std::sqrt(2.0 * static_cast<double>(layers))
                                         : deviation;
}

constexpr std::pair<const char*, Head> kClasses[] = {{"GPT2Model", Head::kNone},
                                                     {"GPT2LMHeadModel", Head::kWords},
                                                     {"GPT2ForSequenceClassification", Head::kSequence}};

}  // namespace

Gpt2Config gpt2_config(const std::string& config_json, const std::string& where) {
  const Json json = parse_json(config_json, where);
  const JsonFields f(json, where);
  Gpt2Config c;
  const auto key = [&](const char* own, const char* other) {  // R attribute_map; n_ctx stands in old files
    return std::string(!f.has(own) && f.has(other) ? other : own);
  };
  const std::string width = key("n_embd", "hidden_size"), heads = key("n_head", "num_attention_heads");
  c.vocabulary = f.integer("vocab_size", c.vocabulary, 1, kMost);
  c.max_positions = f.integer(f.has("n_positions") ? "n_positions" : key("n_ctx", "max_position_embeddings"),
                              c.max_positions, 1, kMost);
  c.width = f.integer(width, c.width, 1, 1 << 16);
  c.layers = f.integer(key("n_layer", "num_hidden_layers"), c.layers, 0, 4096);
  c.heads = f.integer(heads, c.heads, 1, c.width);
  if (c.width % c.heads != 0)
    fail(Errc::kFormat, "{}: '{}': found {}, expected a multiple of {} = {}", where, width, c.width, heads,
         c.heads);
  c.inner_width = f.integer("n_inner", 4 * c.width, 1, 1 << 20);
  c.activation = activation_of(f, "activation_function", c.activation);
  const auto number = [&](const char* name, float fallback) {
    return static_cast<float>(f.number(name, static_cast<double>(fallback), 0.0, 1.0));
  };
  c.layer_norm_epsilon = number("layer_norm_epsilon", c.layer_norm_epsilon);
  c.embedding_dropout = dropout_of(f, "embd_pdrop", c.embedding_dropout);
  c.attention_dropout = dropout_of(f, "attn_pdrop", c.attention_dropout);
  c.residual_dropout = dropout_of(f, "resid_pdrop", c.residual_dropout);
  c.scales_by_width = f.boolean("scale_attn_weights", c.scales_by_width);
  c.scales_by_layer = f.boolean("scale_attn_by_inverse_layer_idx", c.scales_by_layer);
  f.boolean("reorder_and_upcast_attn", false);  // the same scores, computed in f32: ours always are
  if (f.boolean("add_cross_attention", false))
    fail(Errc::kUnsupported,
         "{}: 'add_cross_attention': found true, expected false: a decoder that attends to an encoder's "
         "output is not supported",
         where);
  c.tie_word_embeddings = f.boolean("tie_word_embeddings", c.tie_word_embeddings);
  c.padding_id = f.integer("pad_token_id", c.padding_id, -1, kMost);
  c.problem_type = problem_type_of(f);
  c.architecture = architecture_of(f, c.architecture);
  for (const auto& [name, head] : kClasses)
    if (c.architecture == name) c.head = head;
  if (c.head == Head::kSequence) c.labels = labels_of(f);
  return c;
}

Gpt2Weights take_gpt2_weights(const Checkpoint& checkpoint, Gpt2Config& config) {
  Parameters from(checkpoint);
  const std::int64_t width = config.width, inner = config.inner_width;
  // a file of the body alone has no prefix; a new model is named as the reference's class names it
  const std::string prefix = "transformer.", position = "wpe.weight";
  const bool is_new = !from.has(prefix + position) && !from.has(position);
  const std::string p = (is_new ? config.head != Head::kNone : from.has(prefix + position)) ? prefix : "";
  const auto norm = [&](const std::string& name) {
    return NormWeights{from.take(name + ".weight", {width}), from.take(name + ".bias", {width})};
  };
  const auto conv1d = [&](const std::string& name, std::int64_t inputs, std::int64_t outputs) {
    return Linear(from.take({name + ".weight"}, {inputs, outputs}, Orientation::kInputsOutputs),
                  from.take(name + ".bias", {outputs}));
  };
  const std::string word = p + "wte.weight", head = "lm_head.weight";
  const bool has_words = config.head == Head::kWords,
             is_tied = has_words && config.tie_word_embeddings && !from.differ(word, head);
  Gpt2Weights w;
  w.word = is_tied ? from.take({word, head}, {config.vocabulary, width})  // of two tied names one is enough
                   : from.take(word, {config.vocabulary, width});
  w.position = from.take(p + "wpe.weight", {config.max_positions, width});
  for (std::int64_t i = 0; i < config.layers; ++i) {
    const std::string at = p + "h." + std::to_string(i) + ".";
    Gpt2Layer& l = w.layers.emplace_back();
    l.attention_norm = norm(at + "ln_1");
    l.query_key_value = conv1d(at + "attn.c_attn", width, 3 * width);
    l.attention_output = conv1d(at + "attn.c_proj", width, width);
    l.inner_norm = norm(at + "ln_2");
    l.inner = conv1d(at + "mlp.c_fc", width, inner);
    l.output = conv1d(at + "mlp.c_proj", inner, width);
    for (const char* mask : {"attn.bias", "attn.masked_bias"}) from.ignore(at + mask);
  }
  w.final_norm = norm(p + "ln_f");
  if (p.empty() && config.head != Head::kNone)
    for (const WeightPtr& weight : from.all())
      w.saved_names[weight->name()] = prefix + (weight->name() == head ? word : weight->name());
  if (is_tied) {
    w.head = Linear(w.word, nullptr);
    from.ignore(head);
  } else if (has_words) {
    w.head = Linear(from.take(head, {config.vocabulary, width}), nullptr);
  } else if (config.head == Head::kSequence) {
    const std::int64_t labels = classifier_outputs(checkpoint, "score", config.labels);
    w.head = Linear(from.take("score.weight", {labels, width}), nullptr);
  }
  w.all = from.all();
  return w;
}

void register_gpt2(FamilyRegistry& registry) {
  std::vector<std::string> classes;
  for (const auto& [name, head] : kClasses) classes.emplace_back(name);
  registry.add({.name = "gpt2",
                .model_types = {"gpt2"},
                .architectures = classes,
                .load = [](const std::string& config_json, const std::string& where,
                           const Checkpoint& checkpoint) -> std::unique_ptr<Model> {
                  Gpt2Config config = gpt2_config(config_json, where);
                  Gpt2Weights weights = take_gpt2_weights(checkpoint, config);
                  return std::make_unique<Gpt2>(std::move(config), std::move(weights));
                },
                .deviation_of = residual_deviation});
}

}  // namespace lyceum
