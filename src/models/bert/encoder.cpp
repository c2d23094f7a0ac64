// BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding (Devlin et al. 2018).
//   T tokens of the packed batch, B sequences, D width, E embedding width, V vocabulary
#include "models/bert/encoder.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "nn/dropout_place.h"
#include "nn/losses.h"
#include "ops/columns/columns.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/embedding/embedding.h"
#include "ops/linear/adapter_dropout.h"
#include "ops/pooling/pooling.h"
#include "ops/rows/rows.h"

namespace lyceum {
namespace {

// The distance from which on MPNet's buckets are constant (R relative_position_bucket, max_distance).
constexpr std::int64_t kBiasReach = 128;

// R relative_position_bucket with 32 buckets: 0 to 7 each, then 8 + floor(2 log2(n / 8)) up to 15; keys that
// follow have another 16. In whole numbers: the 32-bit logarithm of the reference lands on the same side.
std::int64_t bucket_of_distance(std::int64_t distance) {
  const std::int64_t n = distance < 0 ? -distance : distance, side = distance > 0 ? 16 : 0;
  if (n < 8) return side + n;
  std::int64_t step = 0;
  while (step < 7 && n * n >= std::int64_t{64} << (step + 1)) ++step;
  return side + 8 + step;
}

// [heads, 2 reach + 1] over distances from [buckets, heads]: one table for every layer.
Tensor bias_over_distances(const Tensor& table) {
  std::vector<std::int64_t> buckets;
  for (std::int64_t d = -kBiasReach; d <= kBiasReach; ++d) buckets.push_back(bucket_of_distance(d));
  return transpose(gather_rows(table, buckets));
}

// The places of the tokens in their padded rows, where a mask has left holes between them; else empty.
std::vector<std::int32_t> places_with_holes(const PackedTokens& tokens) {
  std::vector<std::int32_t> places;
  bool holes = false;
  if (tokens.places.empty()) return places;
  for (std::int64_t s = 0; s < tokens.layout.sequences(); ++s)
    for (std::int64_t t = tokens.layout.begin(s); t < tokens.layout.end(s); ++t) {
      const std::int64_t place = tokens.places[static_cast<std::size_t>(t)] % tokens.row_tokens;
      holes |= t > tokens.layout.begin(s) && place != places.back() + 1;
      places.push_back(static_cast<std::int32_t>(place));
    }
  if (!holes) places.clear();
  return places;
}

}  // namespace

Encoder::Encoder(std::string family, EncoderConfig config, EncoderWeights weights, PairNames pair_names)
    : family_(std::move(family)),
      config_(std::move(config)),
      weights_(std::move(weights)),
      pair_names_(std::move(pair_names)) {}

std::vector<std::string> Encoder::taps() const {
  std::vector<std::string> names{"embeddings"};
  for (std::size_t i = 0; i < weights_.layers.size(); ++i)
    for (const char* part : {"attention.context", "attention.output", "intermediate", "output"})
      names.push_back("encoder.layer." + std::to_string(i) + "." + part);
  return names;
}

std::int64_t Encoder::max_tokens() const {
  return config_.counts_positions ? config_.max_positions - config_.padding_id - 1 : config_.max_positions;
}

void Encoder::set_dropout(double probability) {
  if (!(probability >= 0 && probability < 1))
    fail(Errc::kUsage, "dropout: found {}, expected 0 <= p < 1", probability);
  config_.dropout = config_.attention_dropout = config_.head_dropout = static_cast<float>(probability);
}

std::string Encoder::saved_name(const std::string& name) const {
  const auto it = weights_.saved_names.find(name);
  return it == weights_.saved_names.end() ? name : it->second;
}

Products Encoder::products() const {
  Products all;
  for (const EncoderLayer& layer : weights_.layers)
    for (const Linear& linear : layer.products()) all.add_to_body(linear);
  for (const Linear& linear : {weights_.projection, weights_.pooler, weights_.transform, weights_.pair,
                               weights_.dense, weights_.classifier})
    all.add_to_heads(linear);
  if (weights_.decoder.exists()) {
    const bool is_tied = weights_.decoder.parts()[0].weight == weights_.word;
    (is_tied ? all.tied : all.heads).push_back(weights_.decoder);
  }
  return all;
}

void Encoder::place(std::span<const std::int64_t> ids, std::span<std::int64_t> positions) const {
  if (!config_.counts_positions) return Model::place(ids, positions);
  std::int64_t count = 0;
  for (std::size_t t = 0; t < ids.size(); ++t)
    positions[t] = config_.padding_id + (ids[t] == config_.padding_id ? 0 : ++count);
}

// a = LN(x + Attention(x) W_o + b_o);  LN(a + gelu(a W_1 + b_1) W_2 + b_2)              Vaswani et al. 2017,
// section 3.1
Tensor Encoder::layer(std::size_t index, const Tensor& x, const SequenceLayout& layout,
                      const AttentionSpec& common, Pass& pass) const {
  const EncoderLayer& layer = weights_.layers[index];
  const std::string name = "encoder.layer." + std::to_string(index) + ".";
  const auto tap = [&](const char* part, const Tensor& value) {
    if (pass.taps.wants(name + part)) pass.taps.put(name + part, value, Spread::kTokens);
  };
  const auto drop = [&](const Tensor& value, std::uint64_t place) {
    return dropped(value, layout, config_.dropout, place_in_layer(index, place), pass);
  };
  const float epsilon = config_.layer_norm_epsilon;
  const std::vector<Tensor> qkv = split_columns(layer.query_key_value(x), 3);
  AttentionSpec spec = common;
  spec.int8 = layer.query_key_value.compute() == Compute::kInt8;
  drop_probabilities(spec, config_.attention_dropout, place_in_layer(index, 0), pass);
  const Tensor context = attention(qkv[0], qkv[1], qkv[2], layout, layout, spec);
  tap("attention.context", context);
  const Tensor a =
      residual_layer_norm(drop(layer.attention_output(context), 1), x, layer.attention_norm, epsilon);
  tap("attention.output", a);
  const Tensor inner = layer.inner(a, config_.activation);
  tap("intermediate", inner);
  const Tensor y = residual_layer_norm(drop(layer.output(inner), 2), a, layer.output_norm, epsilon);
  tap("output", y);
  return y;
}

// e = LN(E_word[id] + E_type[type] + E_position[p]) (projected to D)                    section 3, figure 2
Tensor Encoder::body(const PackedTokens& tokens, Pass& pass) const {
  const std::int64_t types = std::max<std::int64_t>(1, config_.types);
  for (const std::int64_t type : tokens.types)
    if (type < 0 || type >= types)
      fail(Errc::kData, "forward: a token_type_id is {}, expected 0 to {}", type, types - 1);
  std::vector<EmbeddingTerm> terms{{weights_.word->value(), tokens.ids, config_.padding_id}};
  if (weights_.type) terms.push_back({weights_.type->value(), tokens.types, -1});
  terms.push_back({weights_.position->value(), tokens.layout.positions(),
                   config_.counts_positions ? config_.padding_id : -1});
  Tensor x = layer_norm(embedding_sum(terms), weights_.embedding_norm, config_.layer_norm_epsilon);
  x = dropped(x, tokens.layout, config_.dropout, kEmbeddingsPlace, pass);
  if (weights_.has_projection) x = weights_.projection(x);
  if (pass.taps.wants("embeddings")) pass.taps.put("embeddings", x, Spread::kTokens);
  AttentionSpec spec{.heads = config_.heads};
  if (weights_.relative_bias) {
    spec.relative_bias = bias_over_distances(weights_.relative_bias->f32());
    spec.bias_places = places_with_holes(tokens);
  }
  for (std::size_t i = 0; i < weights_.layers.size(); ++i) {
    if (!pass.recompute_layers) {
      x = layer(i, x, tokens.layout, spec, pass);
      continue;
    }
    x = recomputed({x, spec.relative_bias}, [this, i, layout = tokens.layout, spec,
                                             seed = pass.dropout_seed](const std::vector<Tensor>& in) {
      AttentionSpec own = spec;
      own.relative_bias = in[1];
      Pass again{.dropout_seed = seed};
      return layer(i, in[0], layout, own, again);
    });
  }
  return x;
}

// The sequences in parts whose activations stay in the second-level cache, each on a thread of its own.
Tensor Encoder::encode(const PackedTokens& tokens, Pass& pass) const {
  if (pass.taps.active()) return body(tokens, pass);
  return encode_in_parts(tokens, config_.width, [&](const PackedTokens& part) {
    Pass own{.dropout_seed = pass.dropout_seed, .recompute_layers = pass.recompute_layers};
    return body(part, own);
  });
}

// tanh(first token W_p + b_p)                                                              R BertPooler
Tensor Encoder::pooled(const Tensor& hidden, const SequenceLayout& layout) const {
  return weights_.pooler(pool(hidden, layout, PoolingMode::kCls), Activation::kTanh);
}

Tensor Encoder::scores(const Tensor& hidden, const PackedTokens& tokens, Pass& pass) const {
  const SequenceLayout& layout = tokens.layout;
  const auto drop = [&](const Tensor& x, const SequenceLayout& rows, std::uint64_t place) {
    return dropped(x, rows, config_.head_dropout, place, pass);
  };
  switch (config_.head) {
    case Head::kWords:  // t = LN(gelu(y W_t + b_t)); t E_word^T + b                    section 3.1, task 1
      return weights_.decoder(layer_norm(weights_.transform(hidden, config_.words_activation),
                                         weights_.transform_norm, config_.layer_norm_epsilon));
    case Head::kChoices:
    case Head::kSequence: {  // f(first token W_d + b_d) W_c + b_c
      Tensor first = pool(hidden, layout, PoolingMode::kCls);
      const SequenceLayout rows = one_row_each(layout);
      if (config_.drops_before_head_dense && config_.head == Head::kSequence)
        first = drop(first, rows, kHeadDensePlace);
      return weights_.classifier(drop(weights_.dense(first, config_.sequence_activation), rows, kHeadPlace));
    }
    case Head::kTokens:
      return weights_.classifier(drop(hidden, layout, kHeadPlace));
    case Head::kSpans:
      return weights_.classifier(config_.drops_spans ? drop(hidden, layout, kHeadPlace) : hidden);
    case Head::kNextSentence:  // section 3.1, task 2
      return pair_scores(hidden, layout);
    case Head::kReplacedToken:  // R ElectraDiscriminatorPredictions
      return weights_.classifier(weights_.dense(hidden, config_.activation));
    case Head::kNone:
      break;
  }
  return Model::scores(hidden, tokens, pass);
}

Tensor Encoder::pair_scores(const Tensor& hidden, const SequenceLayout& layout) const {
  if (!weights_.pair.exists()) return Model::pair_scores(hidden, layout);
  return weights_.pair(pooled(hidden, layout));
}

std::vector<std::string> Encoder::label_inputs() const {
  if (config_.head == Head::kNone) return {};
  if (config_.head == Head::kSpans) return {"start_positions", "end_positions"};
  if (config_.has_pair_head) return {"labels", pair_names_.label};
  return {"labels"};
}

std::vector<ModelOutput> Encoder::run(const PackedTokens& tokens, const NamedTensors& inputs,
                                      Pass& pass) const {
  const auto given = [&](const std::string& name) -> const Tensor* {
    const auto it = inputs.find(name);
    return it == inputs.end() ? nullptr : &it->second;
  };
  const Tensor hidden = body(tokens, pass);
  std::vector<ModelOutput> out{{"last_hidden_state", hidden, Spread::kTokens}};
  if (config_.head == Head::kNone) {
    if (weights_.has_pooler) out.push_back({"pooler_output", pooled(hidden, tokens.layout), Spread::kRows});
    return out;
  }
  const Tensor logits = scores(hidden, tokens, pass);
  const Tensor* labels = given("labels");
  const auto loss = [&](Tensor value) { out.push_back({"loss", std::move(value), Spread::kScalar}); };
  const auto by_token = [&] { return cross_entropy(logits, packed_labels(*labels, tokens, "labels")); };
  switch (config_.head) {
    case Head::kWords:
    case Head::kTokens:
      out.push_back({"logits", logits, Spread::kTokens});
      if (config_.has_pair_head) {
        const Tensor pair = pair_scores(hidden, tokens.layout);
        out.push_back({pair_names_.logits, pair, Spread::kRows});
        if (const Tensor* second = given(pair_names_.label); labels && second)
          loss(add(by_token(), cross_entropy(pair, row_labels(*second, tokens, pair_names_.label))));
      } else if (labels) {
        loss(by_token());
      }
      break;
    case Head::kSequence:
      out.push_back({"logits", logits, Spread::kRows});
      if (labels) loss(classification_loss(logits, *labels, tokens, config_.problem_type));
      break;
    case Head::kNextSentence:
      out.push_back({"logits", logits, Spread::kRows});
      if (labels) loss(cross_entropy(logits, row_labels(*labels, tokens, "labels")));
      break;
    case Head::kChoices:
      out.push_back({"logits", logits, Spread::kChoices});
      if (labels) loss(choice_loss(logits, *labels, tokens));
      break;
    case Head::kReplacedToken:
      out.push_back({"logits", logits, Spread::kToken});
      if (labels) {
        const std::vector<std::int64_t> targets = packed_labels(*labels, tokens, "labels");
        Tensor replaced = Tensor::empty(logits.shape());
        for (std::size_t t = 0; t < targets.size(); ++t)
          replaced.mutable_data<float>()[t] = static_cast<float>(targets[t]);
        loss(binary_cross_entropy_with_logits(logits, replaced));
      }
      break;
    case Head::kSpans: {
      const Tensor start = slice_columns(logits, 0, 1), end = slice_columns(logits, 1, 2);
      out.push_back({"start_logits", start, Spread::kToken});
      out.push_back({"end_logits", end, Spread::kToken});
      const Tensor *starts = given("start_positions"), *ends = given("end_positions");
      if (starts && ends)
        loss(scale(
            add(segment_cross_entropy(start, tokens.layout, span_targets(*starts, tokens, "start_positions")),
                segment_cross_entropy(end, tokens.layout, span_targets(*ends, tokens, "end_positions"))),
            0.5f));
      break;
    }
    case Head::kNone:
      break;
  }
  return out;
}

}  // namespace lyceum
