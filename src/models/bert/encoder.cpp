// BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding (Devlin et al. 2018).
//   T tokens of the packed batch, B sequences, D width, E embedding width, V vocabulary
#include "models/bert/encoder.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "nn/losses.h"
#include "ops/attention/attention.h"
#include "ops/columns/columns.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/embedding/embedding.h"
#include "ops/layer_norm/layer_norm.h"
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

void Encoder::set_compute(Compute compute) {
  for (const EncoderLayer& layer : weights_.layers)
    for (Linear linear : layer.products()) linear.set_compute(compute);
  const Compute heads = compute == Compute::kInt8 ? Compute::kF32 : compute;
  for (Linear* linear : {&weights_.projection, &weights_.pooler, &weights_.transform, &weights_.decoder,
                         &weights_.pair, &weights_.dense, &weights_.classifier})
    if (linear->exists()) linear->set_compute(heads);
}

std::vector<WeightPtr> Encoder::int8_weights() const {
  std::vector<WeightPtr> out;
  for (const EncoderLayer& layer : weights_.layers)
    for (const Linear& linear : layer.products())
      for (const LinearPart& part : linear.parts())
        if (std::find(out.begin(), out.end(), part.weight) == out.end()) out.push_back(part.weight);
  return out;
}

void Encoder::place(std::span<const std::int64_t> ids, std::span<std::int64_t> positions) const {
  if (!config_.counts_positions) return Model::place(ids, positions);
  std::int64_t count = 0;
  for (std::size_t t = 0; t < ids.size(); ++t)
    positions[t] = config_.padding_id + (ids[t] == config_.padding_id ? 0 : ++count);
}

// e = LN(E_word[id] + E_type[type] + E_position[p]) (projected to D)                    section 3, figure 2
// a = LN(x + Attention(x) W_o + b_o);  x = LN(a + gelu(a W_1 + b_1) W_2 + b_2)          Vaswani et al. 2017,
// section 3.1
Tensor Encoder::body(const PackedTokens& tokens, Taps& taps) const {
  const auto tap = [&](const std::string& name, const Tensor& value) {
    if (taps.wants(name)) taps.put(name, value, Spread::kTokens);
  };
  const std::int64_t types = std::max<std::int64_t>(1, config_.types);
  for (const std::int64_t type : tokens.types)
    if (type < 0 || type >= types)
      fail(Errc::kData, "forward: a token_type_id is {}, expected 0 to {}", type, types - 1);
  const float epsilon = config_.layer_norm_epsilon;
  std::vector<EmbeddingTerm> terms{{weights_.word->value(), tokens.ids, config_.padding_id}};
  if (weights_.type) terms.push_back({weights_.type->value(), tokens.types, -1});
  terms.push_back({weights_.position->value(), tokens.layout.positions(),
                   config_.counts_positions ? config_.padding_id : -1});
  Tensor x = layer_norm(embedding_sum(terms), weights_.embedding_norm.gamma->f32(),
                        weights_.embedding_norm.beta->f32(), epsilon);
  if (weights_.has_projection) x = weights_.projection(x);
  tap("embeddings", x);
  AttentionSpec spec{.heads = config_.heads};
  if (weights_.relative_bias) {
    spec.relative_bias = bias_over_distances(weights_.relative_bias->f32());
    spec.bias_places = places_with_holes(tokens);
  }
  const std::int64_t width = config_.width;
  for (std::size_t i = 0; i < weights_.layers.size(); ++i) {
    const EncoderLayer& layer = weights_.layers[i];
    const std::string name = "encoder.layer." + std::to_string(i) + ".";
    const Tensor qkv = layer.query_key_value(x);
    spec.int8 = layer.query_key_value.compute() == Compute::kInt8;
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

// The sequences in parts whose activations stay in the second-level cache, each on a thread of its own.
Tensor Encoder::encode(const PackedTokens& tokens) const {
  Taps none;
  const std::vector<SequenceRange> parts = cache_parts(tokens.layout);
  if (parts.size() <= 1 || Tape::active() != nullptr) return body(tokens, none);
  Tensor out = Tensor::empty({tokens.layout.tokens(), config_.width});
  parallel_tasks(static_cast<std::int64_t>(parts.size()), [&](std::int64_t task, int) {
    const SequenceRange& part = parts[static_cast<std::size_t>(task)];
    Taps no_taps;
    const Tensor hidden = body(sequences_of(tokens, part), no_taps);
    std::copy_n(hidden.data<float>(), hidden.elements(),
                out.mutable_row<float>(tokens.layout.begin(part.first)));
  });
  return out;
}

// tanh(first token W_p + b_p)                                                              R BertPooler
Tensor Encoder::pooled(const Tensor& hidden, const SequenceLayout& layout) const {
  return weights_.pooler(pool(hidden, layout, PoolingMode::kCls), Activation::kTanh);
}

Tensor Encoder::scores(const Tensor& hidden, const SequenceLayout& layout) const {
  switch (config_.head) {
    case Head::kWords:  // t = LN(gelu(y W_t + b_t)); t E_word^T + b                    section 3.1, task 1
      return weights_.decoder(layer_norm(weights_.transform(hidden, config_.words_activation),
                                         weights_.transform_norm.gamma->f32(),
                                         weights_.transform_norm.beta->f32(), config_.layer_norm_epsilon));
    case Head::kSequence:  // f(first token W_d + b_d) W_c + b_c
      return weights_.classifier(
          weights_.dense(pool(hidden, layout, PoolingMode::kCls), config_.sequence_activation));
    case Head::kTokens:
    case Head::kSpans:
      return weights_.classifier(hidden);
    case Head::kNextSentence:  // section 3.1, task 2
      return weights_.pair(pooled(hidden, layout));
    case Head::kReplacedToken:  // R ElectraDiscriminatorPredictions
      return weights_.classifier(weights_.dense(hidden, config_.activation));
    case Head::kNone:
      break;
  }
  return Model::scores(hidden, layout);
}

std::vector<std::string> Encoder::label_inputs() const {
  if (config_.head == Head::kNone) return {};
  if (config_.head == Head::kSpans) return {"start_positions", "end_positions"};
  if (config_.has_pair_head) return {"labels", pair_names_.label};
  return {"labels"};
}

std::vector<ModelOutput> Encoder::run(const PackedTokens& tokens, const NamedTensors& inputs,
                                      Taps& taps) const {
  const auto given = [&](const std::string& name) -> const Tensor* {
    const auto it = inputs.find(name);
    return it == inputs.end() ? nullptr : &it->second;
  };
  const Tensor hidden = body(tokens, taps);
  std::vector<ModelOutput> out{{"last_hidden_state", hidden, Spread::kTokens}};
  if (config_.head == Head::kNone) {
    if (weights_.has_pooler) out.push_back({"pooler_output", pooled(hidden, tokens.layout), Spread::kRows});
    return out;
  }
  const Tensor logits = scores(hidden, tokens.layout);
  const Tensor* labels = given("labels");
  const auto loss = [&](Tensor value) { out.push_back({"loss", std::move(value), Spread::kScalar}); };
  const auto by_token = [&] { return cross_entropy(logits, packed_labels(*labels, tokens, "labels")); };
  switch (config_.head) {
    case Head::kWords:
    case Head::kTokens:
      out.push_back({"logits", logits, Spread::kTokens});
      if (config_.has_pair_head) {
        const Tensor pair = weights_.pair(pooled(hidden, tokens.layout));
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
