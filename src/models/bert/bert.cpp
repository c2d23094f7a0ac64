// BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding (Devlin et al. 2018).
//   T tokens of the packed batch, B sequences, D width, V vocabulary
#include "models/bert/bert.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "ops/attention/attention.h"
#include "ops/columns/columns.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/embedding/embedding.h"
#include "ops/layer_norm/layer_norm.h"
#include "ops/pooling/pooling.h"

namespace lyceum {
namespace {

// One label a row. A row without any token is absent, and its label is ignored.
std::vector<std::int64_t> row_labels(const Tensor& labels, const PackedTokens& tokens,
                                     const std::string& name) {
  if (labels.elements() != tokens.rows || labels.dtype() != DType::kI64)
    fail(Errc::kData, "{}: found {} {}, expected I64 [{}]", name, dtype_name(labels.dtype()),
         labels.shape().text(), tokens.rows);
  std::vector<std::int64_t> out = labels.contiguous().values<std::int64_t>();
  for (std::int64_t b = 0; b < tokens.rows; ++b)
    if (tokens.layout.length(b) == 0) out[static_cast<std::size_t>(b)] = CrossEntropyOptions().ignore_index;
  return out;
}

// The loss of BertForSequenceClassification (R: problem_type, or what labels and their type tell).
Tensor classification_loss(const Tensor& logits, const Tensor& labels, const PackedTokens& tokens,
                           const std::string& problem_type) {
  const std::int64_t rows = logits.dim(0), classes = logits.dim(1);
  std::string kind = problem_type;
  if (kind.empty())
    kind = classes == 1                    ? "regression"
           : labels.dtype() == DType::kI64 ? "single_label_classification"
                                           : "multi_label_classification";
  if (kind == "single_label_classification")
    return cross_entropy(logits, row_labels(labels, tokens, "labels"));
  if (labels.elements() != rows * classes)
    fail(Errc::kData, "labels: found {}, expected [{}, {}]", labels.shape().text(), rows, classes);
  std::vector<std::int64_t> present;
  for (std::int64_t b = 0; b < rows; ++b)
    if (tokens.layout.length(b) > 0) present.push_back(b);
  const Tensor scores = embedding(logits, present);  // the rows that are there
  Tensor targets = Tensor::empty(scores.shape());
  const Tensor given = labels.contiguous();
  for (std::int64_t i = 0; i < targets.elements(); ++i) {
    const std::int64_t from = present[static_cast<std::size_t>(i / classes)] * classes + i % classes;
    targets.mutable_data<float>()[i] = given.dtype() == DType::kI64
                                           ? static_cast<float>(given.data<std::int64_t>()[from])
                                           : given.data<float>()[from];
  }
  return kind == "regression" ? mean_squared_error(scores, targets)
                              : binary_cross_entropy_with_logits(scores, targets);
}

// Where in its sequence each row's target stands; -1 where it lies outside of the row (ignored, as the
// reference does).
std::vector<std::int64_t> span_targets(const Tensor& positions, const PackedTokens& tokens,
                                       const std::string& name) {
  if (positions.elements() != tokens.rows || positions.dtype() != DType::kI64)
    fail(Errc::kData, "{}: found {}, expected I64 [{}]", name, positions.shape().text(), tokens.rows);
  const auto values = positions.values<std::int64_t>();
  std::vector<std::int64_t> targets;
  for (std::int64_t b = 0; b < tokens.rows; ++b) {
    if (tokens.layout.length(b) == 0) {  // an absent row
      targets.push_back(-1);
      continue;
    }
    const std::int64_t place = std::max<std::int64_t>(0, values[static_cast<std::size_t>(b)]);
    std::int64_t target = -1;
    for (std::int64_t t = tokens.layout.begin(b); t < tokens.layout.end(b); ++t)
      if (tokens.places[static_cast<std::size_t>(t)] == b * tokens.row_tokens + place)
        target = t - tokens.layout.begin(b);
    if (target < 0 && place < tokens.row_tokens)
      fail(Errc::kData, "{}[{}] is {}, a token whose attention_mask is 0", name, b, place);
    targets.push_back(target);
  }
  return targets;
}

}  // namespace

Bert::Bert(BertConfig config, BertWeights weights)
    : config_(std::move(config)), weights_(std::move(weights)) {}

const std::string& Bert::family() const {
  static const std::string name = "bert";
  return name;
}

std::vector<std::string> Bert::taps() const {
  std::vector<std::string> names{"embeddings"};
  for (std::int64_t i = 0; i < config_.layers; ++i)
    for (const char* part : {"attention.context", "attention.output", "intermediate", "output"})
      names.push_back("encoder.layer." + std::to_string(i) + "." + part);
  return names;
}

// e = LN(E_word[id] + E_type[type] + E_position[p])                                    section 3, figure 2
// a = LN(x + Attention(x) W_o + b_o);  x = LN(a + gelu(a W_1 + b_1) W_2 + b_2)          Vaswani et al. 2017,
// section 3.1
Tensor Bert::body(const PackedTokens& tokens, Taps& taps) const {
  const auto tap = [&](const std::string& name, const Tensor& value) {
    if (taps.wants(name)) taps.put(name, value, Spread::kTokens);
  };
  for (const std::int64_t type : tokens.types)
    if (type < 0 || type >= config_.types)
      fail(Errc::kData, "forward: a token_type_id is {}, expected 0 to {}", type, config_.types - 1);
  const float epsilon = config_.layer_norm_epsilon;
  const std::array<EmbeddingTerm, 3> terms{{{weights_.word->value(), tokens.ids, config_.padding_id},
                                            {weights_.type->value(), tokens.types, -1},
                                            {weights_.position->value(), tokens.layout.positions(), -1}}};
  Tensor x = layer_norm(embedding_sum(terms), weights_.embedding_norm.gamma->f32(),
                        weights_.embedding_norm.beta->f32(), epsilon);
  tap("embeddings", x);
  const AttentionSpec spec{.heads = config_.heads};
  const std::int64_t width = config_.width;
  for (std::size_t i = 0; i < weights_.layers.size(); ++i) {
    const BertLayer& layer = weights_.layers[i];
    const std::string name = "encoder.layer." + std::to_string(i) + ".";
    const Tensor qkv = layer.query_key_value(x);
    const Tensor context =
        attention(slice_columns(qkv, 0, width), slice_columns(qkv, width, 2 * width),
                  slice_columns(qkv, 2 * width, 3 * width), tokens.layout, tokens.layout, spec);
    tap(name + "attention.context", context);
    const Tensor a =
        residual_layer_norm(layer.attention_output(context), x, layer.attention_norm.gamma->f32(),
                            layer.attention_norm.beta->f32(), epsilon);
    tap(name + "attention.output", a);
    const Tensor inner = layer.inner(a, config_.activation);
    tap(name + "intermediate", inner);
    x = residual_layer_norm(layer.output(inner), a, layer.output_norm.gamma->f32(),
                            layer.output_norm.beta->f32(), epsilon);
    tap(name + "output", x);
  }
  return x;
}

std::vector<std::string> Bert::label_inputs() const {
  const std::string& kind = config_.architecture;
  if (kind == "BertModel") return {};
  if (kind == "BertForQuestionAnswering") return {"start_positions", "end_positions"};
  if (kind == "BertForPreTraining") return {"labels", "next_sentence_label"};
  return {"labels"};
}

Tensor Bert::encode(const PackedTokens& tokens) const {
  Taps none;
  return body(tokens, none);
}

std::vector<ModelOutput> Bert::run(const PackedTokens& tokens, const NamedTensors& inputs, Taps& taps) const {
  const auto given = [&](const char* name) -> const Tensor* {
    const auto it = inputs.find(name);
    return it == inputs.end() ? nullptr : &it->second;
  };
  const std::string& kind = config_.architecture;
  const Tensor hidden = body(tokens, taps);
  std::vector<ModelOutput> out{{"last_hidden_state", hidden, Spread::kTokens}};

  Tensor pooled;  // tanh(first token W_p + b_p)                                            R BertPooler
  if (weights_.has_pooler) {
    pooled = weights_.pooler(pool(hidden, tokens.layout, PoolingMode::kCls), Activation::kTanh);
    if (kind == "BertModel") out.push_back({"pooler_output", pooled, Spread::kRows});
  }
  const auto word_scores =
      [&] {  // t = LN(gelu(y W_t + b_t)); t E_word^T + b               section 3.1, task 1
        const Tensor t =
            layer_norm(weights_.transform(hidden, config_.activation), weights_.transform_norm.gamma->f32(),
                       weights_.transform_norm.beta->f32(), config_.layer_norm_epsilon);
        return weights_.decoder(t);
      };
  const Tensor* labels = given("labels");

  if (kind == "BertForMaskedLM") {
    const Tensor logits = word_scores();
    out.push_back({"logits", logits, Spread::kTokens});
    if (labels)
      out.push_back(
          {"loss", cross_entropy(logits, packed_labels(*labels, tokens, "labels")), Spread::kScalar});
  } else if (kind == "BertForPreTraining") {
    const Tensor logits = word_scores(), next = weights_.next_sentence(pooled);
    out.push_back({"logits", logits, Spread::kTokens});
    out.push_back({"seq_relationship_logits", next, Spread::kRows});
    if (const Tensor* is_next = given("next_sentence_label"); labels && is_next)
      out.push_back({"loss",
                     add(cross_entropy(logits, packed_labels(*labels, tokens, "labels")),
                         cross_entropy(next, row_labels(*is_next, tokens, "next_sentence_label"))),
                     Spread::kScalar});
  } else if (kind == "BertForNextSentencePrediction") {
    const Tensor next = weights_.next_sentence(pooled);
    out.push_back({"logits", next, Spread::kRows});
    if (labels)
      out.push_back({"loss", cross_entropy(next, row_labels(*labels, tokens, "labels")), Spread::kScalar});
  } else if (kind == "BertForSequenceClassification") {
    const Tensor logits = weights_.classifier(pooled);
    out.push_back({"logits", logits, Spread::kRows});
    if (labels)
      out.push_back(
          {"loss", classification_loss(logits, *labels, tokens, config_.problem_type), Spread::kScalar});
  } else if (kind == "BertForTokenClassification") {
    const Tensor logits = weights_.classifier(hidden);
    out.push_back({"logits", logits, Spread::kTokens});
    if (labels)
      out.push_back(
          {"loss", cross_entropy(logits, packed_labels(*labels, tokens, "labels")), Spread::kScalar});
  } else if (kind == "BertForQuestionAnswering") {
    const Tensor logits = weights_.classifier(hidden);
    const Tensor start = slice_columns(logits, 0, 1), end = slice_columns(logits, 1, 2);
    out.push_back({"start_logits", start, Spread::kToken});
    out.push_back({"end_logits", end, Spread::kToken});
    const Tensor *starts = given("start_positions"), *ends = given("end_positions");
    if (starts && ends)
      out.push_back(
          {"loss",
           scale(add(segment_cross_entropy(start, tokens.layout,
                                           span_targets(*starts, tokens, "start_positions")),
                     segment_cross_entropy(end, tokens.layout, span_targets(*ends, tokens, "end_positions"))),
                 0.5f),
           Spread::kScalar});
  }
  return out;
}

}  // namespace lyceum
