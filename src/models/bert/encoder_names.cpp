#include "models/bert/encoder_names.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "nn/config_fields.h"
#include "nn/parameters.h"

namespace lyceum {

const EncoderClasses kEncoderClasses = {{"Model", Head::kNone},
                                        {"ForMaskedLM", Head::kWords},
                                        {"ForSequenceClassification", Head::kSequence},
                                        {"ForTokenClassification", Head::kTokens},
                                        {"ForQuestionAnswering", Head::kSpans},
                                        {"ForMultipleChoice", Head::kChoices}};

std::vector<std::string> class_names(std::initializer_list<std::string> prefixes,
                                     const EncoderClasses& classes) {
  std::vector<std::string> names;
  for (const std::string& prefix : prefixes)
    for (const auto& [ending, head] : classes) names.push_back(prefix + ending);
  return names;
}

Head head_of(const std::string& architecture, const EncoderClasses& classes) {
  Head found = Head::kNone;
  std::size_t longest = 0;
  for (const auto& [ending, head] : classes)
    if (architecture.ends_with(ending) && ending.size() > longest) {
      longest = ending.size();
      found = head;
    }
  return found;
}

namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 24;

}  // namespace

EncoderConfig encoder_config(const std::string& config_json, const std::string& where, EncoderConfig c,
                             const EncoderKeys& keys) {
  const Json json = parse_json(config_json, where);
  const JsonFields f(json, where);
  const auto either = [&](const std::string& own, const char* general) {
    return f.has(own) ? own : std::string(general);
  };
  const std::string width = either(keys.width, "hidden_size"),
                    heads = either(keys.heads, "num_attention_heads"),
                    layers = either(keys.layers, "num_hidden_layers");
  c.vocabulary = f.integer("vocab_size", c.vocabulary, 1, kMost);
  c.width = f.integer(width, c.width, 1, 1 << 16);
  if (c.embedding_width > 0) c.embedding_width = f.integer("embedding_size", c.embedding_width, 1, 1 << 16);
  c.layers = f.integer(layers, c.layers, 0, 4096);
  c.heads = f.integer(heads, c.heads, 1, c.width);
  c.inner_width = f.integer(keys.inner_width, c.inner_width, 1, 1 << 20);
  c.max_positions = f.integer("max_position_embeddings", c.max_positions, 1, kMost);
  if (c.types > 0) c.types = f.integer("type_vocab_size", c.types, 1, 1 << 16);
  c.layer_norm_epsilon =
      static_cast<float>(f.number("layer_norm_eps", static_cast<double>(c.layer_norm_epsilon), 0.0, 1.0));
  c.padding_id = f.integer(
      "pad_token_id", json.contains("pad_token_id") && json["pad_token_id"].is_null() ? -1 : c.padding_id, -1,
      kMost);
  if (c.padding_id == -1 && f.has("pad_token_id"))
    c.padding_id = c.vocabulary - 1;  // R: counted from the end
  if (c.counts_positions && (c.padding_id < 0 || c.padding_id >= c.max_positions))
    fail(Errc::kFormat, "{}: 'pad_token_id': found {}, expected 0 to max_position_embeddings - 1 = {}", where,
         c.padding_id, c.max_positions - 1);
  if (c.relative_buckets > 0)  // R uses 32 whatever the table's size
    c.relative_buckets = f.integer("relative_attention_num_buckets", c.relative_buckets, 32, 1 << 16);
  if (c.layer_groups > 0) {
    c.layer_groups = f.integer("num_hidden_groups", c.layer_groups, 1, std::max<std::int64_t>(1, c.layers));
    c.group_layers = f.integer("inner_group_num", c.group_layers, 1, 4096);
    if (c.layers * c.group_layers > 4096) f.wrong("inner_group_num", "at most 4096 layers in all");
  }
  c.tie_word_embeddings = f.boolean("tie_word_embeddings", true);
  c.dropout = dropout_of(f, keys.dropout, c.dropout);
  c.attention_dropout = dropout_of(f, keys.attention_dropout, c.attention_dropout);
  c.head_dropout = dropout_of(f, keys.head_dropout, c.head_dropout < 0 ? c.dropout : c.head_dropout);
  c.problem_type = problem_type_of(f);
  c.labels = labels_of(f);
  if (c.width % c.heads != 0)
    fail(Errc::kFormat, "{}: '{}': found {}, expected a multiple of {} = {}", where, width, c.width, heads,
         c.heads);
  c.activation = activation_of(f, keys.activation, c.activation);
  if (f.boolean("is_decoder", false))
    fail(Errc::kUnsupported, "{}: 'is_decoder': this family as a decoder is not supported", where);
  if (const std::string kind = f.text("position_embedding_type", "absolute"); kind != "absolute")
    fail(Errc::kUnsupported, "{}: 'position_embedding_type': found '{}', expected absolute", where, kind);
  c.architecture = architecture_of(f, c.architecture);
  return c;
}

namespace {

struct Taker {
  Parameters from;

  NormWeights norm(const std::string& name, std::int64_t width) {  // files of 2018 say gamma and beta
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

EncoderLayer take_layer(Taker& take, const std::string& at, const EncoderConfig& config,
                        const EncoderNames& names) {
  const std::int64_t width = config.width;
  EncoderLayer l;
  if (names.query_key_value.empty()) {
    l.query_key_value =
        Linear({take.part(at + names.query, width, width), take.part(at + names.key, width, width),
                take.part(at + names.value, width, width)});
  } else {
    const std::string name = at + names.query_key_value;
    l.query_key_value = Linear(take.from.take(name + "_weight", {3 * width, width}),
                               take.from.take(name + "_bias", {3 * width}));
  }
  l.attention_output = take.linear(at + names.attention_output, width, width);
  l.attention_norm = take.norm(at + names.attention_norm, width);
  l.inner = take.linear(at + names.inner, config.inner_width, width);
  l.output = take.linear(at + names.output, width, config.inner_width);
  l.output_norm = take.norm(at + names.output_norm, width);
  return l;
}

// A head is tied when the configuration says so and the file does not contradict it: two names with different
// values are two parameters (R: tie_weights). The bias beside the matrix is the one that counts; files that
// tie it have it under either name.
Linear take_decoder(Taker& take, const EncoderConfig& config, const EncoderNames& names,
                    const std::string& word_name, const WeightPtr& word, std::int64_t width) {
  const auto tied = [&](const std::string& ours, const std::string& theirs) {
    return config.tie_word_embeddings && !take.from.differ(ours, theirs);
  };
  const std::string matrix_name = names.decoder + ".weight", own_bias = names.decoder + ".bias";
  const WeightPtr matrix =
      tied(word_name, matrix_name) ? word : take.from.take(matrix_name, {config.vocabulary, width});
  if (names.shared_bias.empty()) return Linear(matrix, take.from.take(own_bias, {config.vocabulary}));
  const bool one_bias = tied(names.shared_bias, own_bias);
  const WeightPtr bias = one_bias ? take.from.take({names.shared_bias, own_bias}, {config.vocabulary})
                                  : take.from.take({own_bias, names.shared_bias}, {config.vocabulary});
  if (!one_bias && take.from.has(names.shared_bias))
    take.from.take(names.shared_bias, {config.vocabulary});  // without use, but there
  return Linear(matrix, bias);
}

}  // namespace

EncoderWeights take_encoder_weights(const Checkpoint& checkpoint, EncoderConfig& config,
                                    const EncoderNames& names) {
  Taker take{Parameters(checkpoint)};
  const auto has_position = [&](const std::string& prefix) {
    return checkpoint.find(prefix + names.position + ".weight") != nullptr;
  };
  // a new model is named as the reference's class names it: the body alone has no prefix
  const bool is_new = !has_position(names.body) && !has_position("");
  const std::string p = (is_new ? config.head != Head::kNone : has_position(names.body)) ? names.body : "";
  const std::int64_t width = config.width,
                     narrow = config.embedding_width > 0 ? config.embedding_width : config.width;
  const std::string word = p + names.word + ".weight";
  EncoderWeights w;
  const bool only_decoder = config.head == Head::kWords && config.tie_word_embeddings &&
                            !take.from.has(word) && take.from.has(names.decoder + ".weight");
  w.word = take.from.take(only_decoder ? names.decoder + ".weight" : word,
                          {config.vocabulary, narrow});  // of two tied names one is enough
  w.position = take.from.take(p + names.position + ".weight", {config.max_positions, narrow});
  if (config.types > 0) w.type = take.from.take(p + names.type + ".weight", {config.types, narrow});
  w.embedding_norm = take.norm(p + names.embedding_norm, narrow);
  if (!names.projection.empty() && (narrow != width || take.from.has(p + names.projection + ".weight"))) {
    w.projection = take.linear(p + names.projection, width, narrow);
    w.has_projection = true;
  }
  if (config.relative_buckets > 0)
    w.relative_bias =
        take.from.take(p + names.relative_bias + ".weight", {config.relative_buckets, config.heads});
  if (config.layer_groups == 0) {
    for (std::int64_t i = 0; i < config.layers; ++i)
      w.layers.push_back(take_layer(take, p + fmt::format(fmt::runtime(names.layer), i), config, names));
  } else {  // R: layer i belongs to group i / (layers / groups); a group is a few layers in a row
    std::vector<EncoderLayer> shared;
    for (std::int64_t g = 0; g < config.layer_groups; ++g)
      for (std::int64_t i = 0; i < config.group_layers; ++i)
        shared.push_back(take_layer(take, p + fmt::format(fmt::runtime(names.layer), g, i), config, names));
    const double layers_a_group =
        static_cast<double>(config.layers) / static_cast<double>(config.layer_groups);
    for (std::int64_t i = 0; i < config.layers; ++i) {
      const auto g = static_cast<std::int64_t>(static_cast<double>(i) / layers_a_group);
      for (std::int64_t j = 0; j < config.group_layers; ++j)
        w.layers.push_back(shared[static_cast<std::size_t>(g * config.group_layers + j)]);
    }
  }

  const bool from_pooler = (config.head == Head::kSequence && names.dense.empty()) ||
                           (config.head == Head::kChoices && names.choices_dense.empty());
  if (config.has_pair_head || config.head == Head::kNextSentence || from_pooler ||
      (config.head == Head::kNone && !names.pooler.empty() && take.from.has(p + names.pooler + ".weight"))) {
    w.pooler = take.linear(p + names.pooler, width, width);
    w.has_pooler = true;
  }
  const std::size_t of_body = take.from.all().size();
  switch (config.head) {
    case Head::kWords:
      w.transform = take.linear(names.transform, narrow, width);
      w.transform_norm = take.norm(names.transform_norm, narrow);
      w.decoder = take_decoder(take, config, names, word, w.word, narrow);
      break;
    case Head::kSequence:
      w.dense = from_pooler ? w.pooler : take.linear(names.dense, width, width);
      w.classifier = take.linear(names.classifier,
                                 classifier_outputs(checkpoint, names.classifier, config.labels), width);
      break;
    case Head::kTokens:
      w.classifier =
          take.linear(names.tokens, classifier_outputs(checkpoint, names.tokens, config.labels), width);
      break;
    case Head::kSpans:
      w.classifier = take.linear(names.spans, 2, width);
      break;
    case Head::kChoices:
      w.dense = from_pooler ? w.pooler : take.linear(names.choices_dense, width, width);
      w.classifier = take.linear(names.choices, 1, width);
      break;
    case Head::kReplacedToken:
      w.dense = take.linear(names.replaced_dense, width, width);
      w.classifier = take.linear(names.replaced_classifier, 1, width);
      break;
    case Head::kNextSentence:
    case Head::kNone:
      break;
  }
  if (config.has_pair_head || config.head == Head::kNextSentence) w.pair = take.linear(names.pair, 2, width);
  w.all = take.from.all();
  if (config.head != Head::kNone && p.empty() && !names.body.empty())
    for (std::size_t i = 0; i < of_body; ++i) w.saved_names[w.all[i]->name()] = names.body + w.all[i]->name();
  if (only_decoder) w.saved_names[w.word->name()] = names.body + names.word + ".weight";
  for (const WeightPtr& weight : w.all)
    for (const auto& [old, today] : {std::pair{".gamma", ".weight"}, std::pair{".beta", ".bias"}})
      if (weight->name().ends_with(old)) {
        std::string& saved = w.saved_names.try_emplace(weight->name(), weight->name()).first->second;
        saved = saved.substr(0, saved.size() - std::strlen(old)) + today;
      }
  return w;
}

}  // namespace lyceum
