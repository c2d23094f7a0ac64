// The definition, as slow and plain as the formula. The tiled kernel may be clever because this is not.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.h"
#include "ops/attention/attention.h"
#include "ops/attention/attention_rules.h"

namespace lyceum {

Tensor attention_definition(const Tensor& q, const Tensor& k, const Tensor& v, const SequenceLayout& queries,
                            const SequenceLayout& keys, const AttentionSpec& spec, AttentionMaps* maps) {
  const AttentionShape shape = attention_shape(q.shape(), k.shape(), v.shape(), queries, keys, spec);
  // F64 tensors are taken too: the gradient check differentiates this function.
  const auto read = [](const Tensor& t, std::int64_t row, std::int64_t column) {
    return t.dtype() == DType::kF64 ? t.row<double>(row)[column]
                                    : static_cast<double>(t.row<float>(row)[column]);
  };
  Tensor out = Tensor::zeros({queries.tokens(), shape.heads * shape.value_width}, q.dtype());
  for (std::int64_t s = 0; s < queries.sequences(); ++s) {
    const std::int64_t M = queries.length(s), N = keys.length(s);
    Tensor map = maps ? Tensor::zeros({shape.heads, M, N}) : Tensor();
    for (std::int64_t h = 0; h < shape.heads; ++h) {
      const std::int64_t g = h / (shape.heads / shape.kv_heads);
      const kernels::HeadRules rules = head_rules(spec, shape, queries, keys, s, h);
      for (std::int64_t m = 0; m < M; ++m) {
        const std::int64_t p = m + N - M;  // bottom-right alignment
        std::vector<double> score(static_cast<std::size_t>(N)), weight(score.size());
        std::vector<bool> sees(score.size());
        double most = -HUGE_VAL, sum = 0;
        for (std::int64_t n = 0; n < N; ++n) {
          const auto i = static_cast<std::size_t>(n);
          const bool in_window = (spec.left == AttentionSpec::kUnlimited || n >= p - spec.left) &&
                                 (spec.right == AttentionSpec::kUnlimited || n <= p + spec.right);
          sees[i] = in_window || n < rules.prefix;
          if (!sees[i]) continue;
          double x = 0;
          for (std::int64_t c = 0; c < shape.width; ++c)
            x += read(q, queries.begin(s) + m, h * shape.width + c) *
                 read(k, keys.begin(s) + n, g * shape.width + c);
          x *= static_cast<double>(shape.scale);
          if (spec.softcap > 0)
            x = static_cast<double>(spec.softcap) * std::tanh(x / static_cast<double>(spec.softcap));
          x += static_cast<double>(rules.slope) * static_cast<double>(n - p);
          if (spec.relative_bias.defined()) {
            const auto place = [&](std::int64_t t) -> std::int64_t {
              return spec.bias_places.empty() ? t
                                              : spec.bias_places[static_cast<std::size_t>(keys.begin(s) + t)];
            };
            x +=
                read(spec.relative_bias, h,
                     std::clamp(place(n) - place(p), -rules.bias_reach, rules.bias_reach) + rules.bias_reach);
          }
          score[i] = x;
          most = std::max(most, x);
        }
        for (std::size_t i = 0; i < score.size(); ++i)
          if (sees[i]) sum += weight[i] = std::exp(score[i] - most);
        std::vector<double> y(static_cast<std::size_t>(shape.value_width), 0.0);
        for (std::int64_t n = 0; n < N; ++n) {
          const auto i = static_cast<std::size_t>(n);
          if (!sees[i]) continue;
          double probability = weight[i] / sum;
          if (maps) map.mutable_data<float>()[(h * M + m) * N + n] = static_cast<float>(probability);
          if (spec.dropout > 0) {
            const PhiloxBlock block =
                philox(rules.seed, (static_cast<std::uint64_t>(p) << 32) | static_cast<std::uint64_t>(n / 4),
                       rules.stream);
            probability *= unit_float(block[static_cast<std::size_t>(n % 4)]) < spec.dropout
                               ? 0.0
                               : static_cast<double>(1.0f / (1.0f - spec.dropout));
          }
          for (std::int64_t c = 0; c < shape.value_width; ++c)
            y[static_cast<std::size_t>(c)] +=
                probability * read(v, keys.begin(s) + n, g * shape.value_width + c);
        }
        for (std::int64_t c = 0; c < shape.value_width; ++c) {
          const double value = y[static_cast<std::size_t>(c)];
          const std::int64_t row = queries.begin(s) + m, column = h * shape.value_width + c;
          if (out.dtype() == DType::kF64) {
            out.mutable_row<double>(row)[column] = value;
          } else {
            out.mutable_row<float>(row)[column] = static_cast<float>(value);
          }
        }
      }
    }
    if (maps) maps->probabilities.push_back(map);
  }
  return out;
}

}  // namespace lyceum
