// Language Models are Unsupervised Multitask Learners (Radford et al. 2019), section 2.3, over the block of
// Radford et al. 2018 and Vaswani et al. 2017.
//   T tokens of the packed batch, B sequences, D width, K head width, V vocabulary
#include "models/gpt2/gpt2.h"

#include <cmath>
#include <utility>

#include "base/error.h"
#include "nn/dropout_place.h"
#include "nn/losses.h"
#include "ops/columns/columns.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/embedding/embedding.h"
#include "ops/rows/rows.h"

namespace lyceum {
namespace {

const Tensor* given(const NamedTensors& inputs, const std::string& name) {
  const auto it = inputs.find(name);
  return it == inputs.end() ? nullptr : &it->second;
}

// R GPT2Attention: 1 / sqrt(K), divided by the layer's number from 1 on where the configuration says so. In
// double, as the reference multiplies by it.
float score_scale(const Gpt2Config& config, std::size_t layer) {
  double scale = 1.0;
  if (config.scales_by_width) scale /= std::sqrt(static_cast<double>(config.width / config.heads));
  if (config.scales_by_layer) scale /= static_cast<double>(layer + 1);
  return static_cast<float>(scale);
}

}  // namespace

const std::string& Gpt2::family() const {
  static const std::string name = "gpt2";
  return name;
}

std::vector<std::string> Gpt2::taps() const {
  std::vector<std::string> names{"drop"};
  for (std::size_t i = 0; i < weights_.layers.size(); ++i) {
    const std::string block = "h." + std::to_string(i);
    for (const char* part : {".ln_1", ".attn.context", ".ln_2", ".mlp.act", ""})
      names.push_back(block + part);
  }
  return names;
}

std::vector<std::string> Gpt2::label_inputs() const {
  if (config_.head == Head::kNone) return {};
  return {"labels"};
}

Products Gpt2::products() const {
  Products all;
  for (const Gpt2Layer& layer : weights_.layers)
    for (const Linear& linear : {layer.query_key_value, layer.attention_output, layer.inner, layer.output})
      all.add_to_body(linear);
  if (weights_.head.exists()) {
    const bool is_tied = weights_.head.parts()[0].weight == weights_.word;
    (is_tied ? all.tied : all.heads).push_back(weights_.head);
  }
  return all;
}

// x += Attention(LN_1(x) W_qkv + b_qkv) W_o + b_o;  x += gelu(LN_2(x) W_1 + b_1) W_2 + b_2    section 2.3:
// the norm stands at the input of each sub-block
Tensor Gpt2::layer(std::size_t index, const Tensor& x, const SequenceLayout& layout, Pass& pass) const {
  const Gpt2Layer& layer = weights_.layers[index];
  const std::string name = "h." + std::to_string(index);
  const auto tap = [&](const char* part, const Tensor& value) {
    if (pass.taps.wants(name + part)) pass.taps.put(name + part, value, Spread::kTokens);
  };
  // onto the residual stream: by the product itself where nothing is dropped on the way
  const auto onto = [&](const Linear& product, const Tensor& in, const Tensor& stream, std::uint64_t place) {
    if (!pass.dropout_seed || config_.residual_dropout == 0) return product(in, Activation::kNone, stream);
    return add(stream,
               dropped(product(in), layout, config_.residual_dropout, place_in_layer(index, place), pass));
  };
  AttentionSpec spec{.heads = config_.heads, .scale = score_scale(config_, index), .right = 0};
  drop_probabilities(spec, config_.attention_dropout, place_in_layer(index, 0), pass);
  const Tensor a = layer_norm(x, layer.attention_norm, config_.layer_norm_epsilon);
  tap(".ln_1", a);
  const std::vector<Tensor> qkv = split_columns(layer.query_key_value(a), 3);
  const Tensor context = attention(qkv[0], qkv[1], qkv[2], layout, layout, spec);
  tap(".attn.context", context);
  const Tensor middle = onto(layer.attention_output, context, x, 1);
  const Tensor b = layer_norm(middle, layer.inner_norm, config_.layer_norm_epsilon);
  tap(".ln_2", b);
  const Tensor inner = layer.inner(b, config_.activation);
  tap(".mlp.act", inner);
  const Tensor y = onto(layer.output, inner, middle, 2);
  tap("", y);
  return y;
}

// x = E_word[id] + E_position[p];  the layers;  y = LN_f(x), one more norm behind the last section 2.3
Tensor Gpt2::body(const PackedTokens& tokens, bool with_types, Pass& pass) const {
  std::vector<EmbeddingTerm> terms{{weights_.word->value(), tokens.ids},
                                   {weights_.position->value(), tokens.layout.positions()}};
  if (with_types) {
    for (const std::int64_t type : tokens.types)
      if (type < 0 || type >= config_.vocabulary)
        fail(Errc::kData, "forward: a token_type_id is {}, expected 0 to {}", type, config_.vocabulary - 1);
    terms.push_back({weights_.word->value(), tokens.types});
  }
  Tensor x = dropped(embedding_sum(terms), tokens.layout, config_.embedding_dropout, kEmbeddingsPlace, pass);
  if (pass.taps.wants("drop")) pass.taps.put("drop", x, Spread::kTokens);
  for (std::size_t i = 0; i < weights_.layers.size(); ++i) {
    if (!pass.recompute_layers) {
      x = layer(i, x, tokens.layout, pass);
      continue;
    }
    x = recomputed(
        {x}, [this, i, layout = tokens.layout, seed = pass.dropout_seed](const std::vector<Tensor>& in) {
          Pass again{.dropout_seed = seed};
          return layer(i, in[0], layout, again);
        });
  }
  return layer_norm(x, weights_.final_norm, config_.layer_norm_epsilon);
}

Tensor Gpt2::encode(const PackedTokens& tokens, Pass& pass) const {
  if (pass.taps.active()) return body(tokens, false, pass);
  return encode_in_parts(tokens, config_.width, [&](const PackedTokens& part) {
    Pass own{.dropout_seed = pass.dropout_seed, .recompute_layers = pass.recompute_layers};
    return body(part, false, own);
  });
}

void Gpt2::set_dropout(double probability) {
  if (!(probability >= 0 && probability < 1))
    fail(Errc::kUsage, "dropout: found {}, expected 0 <= p < 1", probability);
  config_.embedding_dropout = config_.attention_dropout = config_.residual_dropout =
      static_cast<float>(probability);
}

std::string Gpt2::saved_name(const std::string& name) const {
  const auto it = weights_.saved_names.find(name);
  return it == weights_.saved_names.end() ? name : it->second;
}

// R GPT2ForSequenceClassification: the rightmost token that is not the padding id; where all are, the first;
// the last one of all where there is no such id. -1: the row has no token.
std::vector<std::int64_t> Gpt2::last_tokens(const PackedTokens& tokens) const {
  std::vector<std::int64_t> last;
  for (std::int64_t s = 0; s < tokens.layout.sequences(); ++s) {
    const std::int64_t begin = tokens.layout.begin(s);
    std::int64_t t = tokens.layout.end(s) - 1;
    while (t > begin && tokens.ids[static_cast<std::size_t>(t)] == config_.padding_id) --t;
    last.push_back(t < begin ? -1 : t);
  }
  return last;
}

Tensor Gpt2::scores(const Tensor& hidden, const PackedTokens& tokens, Pass& pass) const {
  switch (config_.head) {
    case Head::kWords:  // y E_word^T
      return weights_.head(hidden);
    case Head::kSequence:
      return weights_.head(gather_rows(hidden, last_tokens(tokens)));
    default:
      return Model::scores(hidden, tokens, pass);
  }
}

std::vector<ModelOutput> Gpt2::run(const PackedTokens& tokens, const NamedTensors& inputs, Pass& pass) const {
  const Tensor hidden = body(tokens, given(inputs, "token_type_ids") != nullptr, pass);
  std::vector<ModelOutput> out{{"last_hidden_state", hidden, Spread::kTokens}};
  if (config_.head == Head::kNone) return out;
  const Tensor logits = scores(hidden, tokens, pass), *labels = given(inputs, "labels");
  const bool words = config_.head == Head::kWords;
  out.push_back({"logits", logits, words ? Spread::kTokens : Spread::kRows});
  if (labels == nullptr) return out;
  out.push_back({"loss",
                 words ? cross_entropy(logits, next_token_labels(*labels, tokens, "labels"))
                       : classification_loss(logits, *labels, tokens, config_.problem_type),
                 Spread::kScalar});
  return out;
}

}  // namespace lyceum
