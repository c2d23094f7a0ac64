#include "ops/attention/attention.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "kernels/narrow/narrow.h"
#include "kernels/rows.h"
#include "kernels/scratch.h"
#include "ops/attention/attention_int8.h"
#include "ops/attention/attention_kernel.h"
#include "ops/attention/attention_rules.h"
#include "tensor/legend.h"
#include "tensor/tape.h"

namespace lyceum {

AttentionShape attention_shape(const Shape& q, const Shape& k, const Shape& v, const SequenceLayout& queries,
                               const SequenceLayout& keys, const AttentionSpec& spec) {
  Legend d("attention");
  const std::int64_t heads = spec.heads, kv_heads = spec.kv_heads == 0 ? spec.heads : spec.kv_heads;
  if (heads < 1 || kv_heads < 1 || heads % kv_heads != 0)
    fail(Errc::kData, "attention: found {} heads and {} key-value heads, expected a multiple", heads,
         kv_heads);
  d.set('M', queries.tokens(), "the layout of queries");
  d.set('N', keys.tokens(), "the layout of keys");
  d.set('B', queries.sequences(), "the layout of queries");
  d.bind("the layout of keys", Shape{keys.sequences()}, "B");
  const auto head_width = [](const char* name, const Shape& shape, std::int64_t count) {
    if (shape.dims() != 2 || shape[1] % count != 0)
      fail(Errc::kData, "attention: {} is {}, expected [tokens, {} heads times their width]", name,
           shape.text(), count);
    return shape[1] / count;
  };
  const std::int64_t width = head_width("q", q, heads), value_width = head_width("v", v, kv_heads);
  d.set('K', kv_heads * width, "q");
  d.set('V', kv_heads * value_width, "v");
  d.bind("q", Shape{q[0]}, "M");
  d.bind("k", k, "N K");
  d.bind("v", v, "N V");
  d.set('H', heads, "the spec");
  if (spec.slopes.defined()) d.bind("slopes", spec.slopes.shape(), "H");
  if (spec.relative_bias.defined()) {
    d.bind("relative_bias", spec.relative_bias.shape(), "H D");
    if (d['D'] % 2 == 0)
      fail(Errc::kData, "attention: relative_bias has {} columns, expected an odd number", d['D']);
    // F64 is the gradient check's; the kernels read F32 only
    if (const DType type = spec.relative_bias.dtype(); type != DType::kF32 && type != DType::kF64)
      fail(Errc::kData, "attention: relative_bias is {}, expected F32. Fix: widen it (Weight::f32)",
           dtype_name(type));
  }
  if (!spec.bias_places.empty()) {
    d.bind("bias_places", Shape{static_cast<std::int64_t>(spec.bias_places.size())}, "N");
    for (std::int64_t s = 0; s < keys.sequences(); ++s) {
      if (queries.length(s) != keys.length(s))
        fail(Errc::kData, "attention: found bias_places and {} queries over {} keys, expected as many",
             queries.length(s), keys.length(s));
      for (std::int64_t t = keys.begin(s); t < keys.end(s); ++t) {
        const std::int32_t place = spec.bias_places[static_cast<std::size_t>(t)];
        const std::int32_t least =
            t == keys.begin(s) ? 0 : spec.bias_places[static_cast<std::size_t>(t - 1)] + 1;
        if (place < least || place >= (1 << 30))
          fail(Errc::kData, "attention: bias_places[{}] is {}, expected {} to 2^30 - 1", t, place, least);
      }
    }
  }
  if (!spec.prefix.empty()) d.bind("prefix", Shape{static_cast<std::int64_t>(spec.prefix.size())}, "B");
  if (spec.left < 0 || spec.right < 0)
    fail(Errc::kData, "attention: found a window of -{} to +{}, expected 0 or more", spec.left, spec.right);
  if (!(spec.dropout >= 0 && spec.dropout < 1))
    fail(Errc::kData, "attention: found dropout {}, expected 0 <= dropout < 1", spec.dropout);
  if (keys.longest() > (std::int64_t{1} << 30))
    fail(Errc::kLimit, "attention: found a sequence of {} keys, expected at most 2^30", keys.longest());
  return {heads, kv_heads, width, value_width,
          spec.scale != 0 ? spec.scale : 1.0f / std::sqrt(static_cast<float>(width))};
}

kernels::HeadRules head_rules(const AttentionSpec& spec, const AttentionShape& shape,
                              const SequenceLayout& queries, const SequenceLayout& keys,
                              std::int64_t sequence, std::int64_t head) {
  kernels::HeadRules rules;
  rules.scale = shape.scale;
  rules.softcap = spec.softcap;
  rules.left = spec.left;
  rules.right = spec.right;
  if (!spec.prefix.empty()) rules.prefix = spec.prefix[static_cast<std::size_t>(sequence)];
  if (spec.slopes.defined()) rules.slope = spec.slopes.data<float>()[head];
  if (spec.relative_bias.defined()) {
    if (spec.relative_bias.dtype() == DType::kF32) rules.bias = spec.relative_bias.row<float>(head);
    rules.bias_reach = spec.relative_bias.cols() / 2;
    if (!spec.bias_places.empty()) rules.places = spec.bias_places.data() + keys.begin(sequence);
  }
  rules.dropout = spec.dropout;
  rules.seed = spec.seed;
  rules.stream = queries.ids()[static_cast<std::size_t>(sequence)] * static_cast<std::uint64_t>(shape.heads) +
                 static_cast<std::uint64_t>(head);
  return rules;
}

namespace {

// One unit of forward work: some query rows of the heads that share one key-value head of one sequence.
struct Unit {
  std::int64_t sequence, kv_head, begin, end;
};

// Enough units for the threads; long ones first, so that none is left over at the end.
std::vector<Unit> forward_units(const SequenceLayout& queries, std::int64_t kv_heads) {
  std::vector<Unit> units;
  const std::int64_t pairs = queries.sequences() * kv_heads,
                     wanted = thread_count() == 1 ? 1 : 4 * thread_count();
  const std::int64_t parts = pairs == 0 || pairs >= wanted ? 1 : (wanted + pairs - 1) / pairs;
  for (std::int64_t s = 0; s < queries.sequences(); ++s) {
    const std::int64_t length = queries.length(s);
    // a part repeats the packing of the keys: keep it small beside the work
    const std::int64_t least = 2 * kernels::kQueryBlock, block = kernels::kQueryBlock;
    const std::int64_t rows = std::max(least, ((length + parts - 1) / parts + block - 1) / block * block);
    for (std::int64_t g = 0; g < kv_heads; ++g)
      for (std::int64_t begin = 0; begin < length; begin += rows)
        units.push_back({s, g, begin, std::min(length, begin + rows)});
  }
  std::stable_sort(units.begin(), units.end(),
                   [](const Unit& a, const Unit& b) { return a.end - a.begin > b.end - b.begin; });
  return units;
}

// Whether sequence s may be done in whole numbers. Its keys, its bits: what else is in the batch does not
// count.
bool in_whole_numbers(const AttentionSpec& spec, const SequenceLayout& keys, std::int64_t s) {
  if (!spec.int8 || spec.left != AttentionSpec::kUnlimited || spec.right != AttentionSpec::kUnlimited ||
      spec.softcap != 0 || spec.slopes.defined() || spec.dropout != 0 || keys.length(s) < 1 ||
      keys.length(s) > kernels::kMostInt8Depth)
    return false;
  if (spec.bias_places.empty()) return true;
  const std::int32_t* places = spec.bias_places.data() + keys.begin(s);
  return places[keys.length(s) - 1] - places[0] == keys.length(s) - 1;  // they rise: no holes
}

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const SequenceLayout& queries,
                 const SequenceLayout& keys, const AttentionSpec& given) {
  const AttentionShape shape = attention_shape(q.shape(), k.shape(), v.shape(), queries, keys, given);
  AttentionSpec spec = given;
  if (!spec.bias_places.empty())  // the kernel reads whole tiles
    spec.bias_places.resize(spec.bias_places.size() + kernels::kKeyTile, 0);
  const std::int64_t group = shape.heads / shape.kv_heads;
  Tape* tape = recording({&q, &k, &v, &spec.relative_bias});
  Tensor out = Tensor::empty({queries.tokens(), shape.heads * shape.value_width}), row_max, row_sum;
  if (tape != nullptr) {
    row_max = Tensor::empty({shape.heads, queries.tokens()});
    row_sum = Tensor::empty({shape.heads, queries.tokens()});
  }
  float* to = out.mutable_data<float>();
  float* maxima = tape ? row_max.mutable_data<float>() : nullptr;
  float* sums = tape ? row_sum.mutable_data<float>() : nullptr;
  const std::vector<Unit> units = forward_units(queries, shape.kv_heads);
  const auto one = [&](std::int64_t task, int) {
    const Unit& u = units[static_cast<std::size_t>(task)];
    const kernels::HeadShape head{queries.length(u.sequence), keys.length(u.sequence), shape.width,
                                  shape.value_width};
    static thread_local kernels::AlignedFloats scratch, packed;
    const float *head_keys =
                    k.data<float>() + keys.begin(u.sequence) * k.row_stride() + u.kv_head * shape.width,
                *head_values =
                    v.data<float>() + keys.begin(u.sequence) * v.row_stride() + u.kv_head * shape.value_width;
    const std::int64_t first = queries.begin(u.sequence);
    if (tape == nullptr && in_whole_numbers(spec, keys, u.sequence)) {
      float* space = scratch.grow(kernels::attention_int8_scratch(head));
      float* bytes = packed.grow(kernels::attention_int8_packed_floats(head));
      kernels::attention_int8_pack(head, head_keys, k.row_stride(), head_values, v.row_stride(), bytes,
                                   space);
      for (std::int64_t h = u.kv_head * group; h < (u.kv_head + 1) * group; ++h)
        kernels::attention_int8_forward(
            {.shape = head,
             .scale = shape.scale,
             .q = q.data<float>() + first * q.row_stride() + h * shape.width,
             .packed = bytes,
             .bias = spec.relative_bias.defined() ? spec.relative_bias.row<float>(h) : nullptr,
             .bias_reach = spec.relative_bias.defined() ? spec.relative_bias.cols() / 2 : 0,
             .out = to + first * out.cols() + h * shape.value_width,
             .q_stride = q.row_stride(),
             .out_stride = out.cols()},
            u.begin, u.end, space);
      return;
    }
    float* space = scratch.grow(kernels::attention_scratch(head));
    const std::int64_t key_floats = kernels::attention_packed_floats(head.keys, shape.width);
    float* keys_packed = packed.grow(key_floats + head.keys * ((shape.value_width + 15) / 16 * 16));
    float* values_packed = keys_packed + key_floats;
    kernels::attention_pack(head_keys, k.row_stride(), head.keys, shape.width, keys_packed);
    kernels::attention_pack_rows(head_values, v.row_stride(), head.keys, shape.value_width, values_packed);
    for (std::int64_t h = u.kv_head * group; h < (u.kv_head + 1) * group; ++h) {
      const kernels::ForwardHead work{.shape = head,
                                      .rules = head_rules(spec, shape, queries, keys, u.sequence, h),
                                      .q = q.data<float>() + first * q.row_stride() + h * shape.width,
                                      .keys_packed = keys_packed,
                                      .values_packed = values_packed,
                                      .out = to + first * out.cols() + h * shape.value_width,
                                      .row_max = maxima ? maxima + h * queries.tokens() + first : nullptr,
                                      .row_sum = sums ? sums + h * queries.tokens() + first : nullptr,
                                      .q_stride = q.row_stride(),
                                      .out_stride = out.cols()};
      kernels::attention_forward(work, u.begin, u.end, space);
    }
  };
  if (queries.tokens() * queries.longest() * out.cols() < (1 << 15)) {
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(units.size()); ++i) one(i, 0);
  } else {
    parallel_tasks(static_cast<std::int64_t>(units.size()), one);
  }
  if (tape == nullptr) return out;

  tape->record(
      "attention", {&out},
      [q, k, v, queries, keys, spec, shape, group, out = out.detached(), row_max,
       row_sum](BackwardPass& pass) {
        const Tensor& dout = pass.cotangent();
        Tensor dq = Tensor::zeros(q.shape()), dk = Tensor::zeros(k.shape()), dv = Tensor::zeros(v.shape()),
               dbias;
        const bool biased = spec.relative_bias.defined() && spec.relative_bias.variable() != 0;
        const std::int64_t sequences = queries.sequences();
        if (biased)
          dbias = Tensor::zeros(
              {sequences, shape.heads, spec.relative_bias.cols()});  // a sequence and head has one owner
        float *to_q = dq.mutable_data<float>(), *to_k = dk.mutable_data<float>(),
              *to_v = dv.mutable_data<float>();
        float* to_bias = biased ? dbias.mutable_data<float>() : nullptr;
        parallel_tasks(sequences * shape.kv_heads, [&](std::int64_t task, int) {
          const std::int64_t s = task / shape.kv_heads, g = task % shape.kv_heads, first = queries.begin(s),
                             first_key = keys.begin(s);
          const kernels::HeadShape head{queries.length(s), keys.length(s), shape.width, shape.value_width};
          static thread_local kernels::AlignedFloats scratch;
          float* space = scratch.grow(kernels::attention_backward_scratch(head));
          for (std::int64_t h = g * group; h < (g + 1) * group; ++h)
            kernels::attention_backward(
                {.shape = head,
                 .rules = head_rules(spec, shape, queries, keys, s, h),
                 .q = q.data<float>() + first * q.row_stride() + h * shape.width,
                 .k = k.data<float>() + first_key * k.row_stride() + g * shape.width,
                 .v = v.data<float>() + first_key * v.row_stride() + g * shape.value_width,
                 .out = out.data<float>() + first * out.cols() + h * shape.value_width,
                 .dout = dout.data<float>() + first * out.cols() + h * shape.value_width,
                 .row_max = row_max.row<float>(h) + first,
                 .row_sum = row_sum.row<float>(h) + first,
                 .dq = to_q + first * q.cols() + h * shape.width,
                 .dk = to_k + first_key * k.cols() + g * shape.width,
                 .dv = to_v + first_key * v.cols() + g * shape.value_width,
                 .dbias = to_bias ? to_bias + (s * shape.heads + h) * spec.relative_bias.cols() : nullptr,
                 .q_stride = q.row_stride(),
                 .k_stride = k.row_stride(),
                 .v_stride = v.row_stride(),
                 .out_stride = out.cols(),
                 .dq_stride = q.cols(),
                 .dk_stride = k.cols(),
                 .dv_stride = v.cols()},
                space);
        });
        pass.add(q, std::move(dq));
        pass.add(k, std::move(dk));
        pass.add(v, std::move(dv));
        if (biased) {
          Tensor total = Tensor::zeros(spec.relative_bias.shape());
          for (std::int64_t s = 0; s < sequences; ++s)
            kernels::add_to(total.mutable_data<float>(), to_bias + s * total.elements(), total.elements());
          pass.add(spec.relative_bias, std::move(total));
        }
      });
  return out;
}

Tensor attention(const Tensor& q, const PagedKeyValues& cache, const SequenceLayout& queries,
                 const SequenceLayout& keys, const AttentionSpec& spec) {
  Legend d("attention");
  d.set('P', cache.page_tokens, "page_tokens");
  d.bind("the cache's keys", cache.keys.shape(), "A P K");
  d.bind("the cache's values", cache.values.shape(), "A P V");
  d.set('B', keys.sequences(), "the layout of keys");
  d.bind("the first pages", Shape{static_cast<std::int64_t>(cache.first.size())}, "B");
  // Gathered page by page: a sequence's keys stand in one piece for the kernel, which packs them anyway.
  Tensor k = Tensor::empty({keys.tokens(), d['K']}), v = Tensor::empty({keys.tokens(), d['V']});
  for (std::int64_t s = 0; s < keys.sequences(); ++s)
    for (std::int64_t j = 0; j < keys.length(s); ++j) {
      const auto slot =
          static_cast<std::size_t>(cache.first[static_cast<std::size_t>(s)] + j / cache.page_tokens);
      if (slot >= cache.pages.size() || cache.pages[slot] < 0 || cache.pages[slot] >= d['A'])
        fail(Errc::kData, "attention: sequence {} has no page for its key {}", s, j);
      const std::int64_t row = cache.pages[slot] * cache.page_tokens + j % cache.page_tokens;
      std::copy_n(cache.keys.row<float>(row), k.cols(), k.mutable_row<float>(keys.begin(s) + j));
      std::copy_n(cache.values.row<float>(row), v.cols(), v.mutable_row<float>(keys.begin(s) + j));
    }
  return attention(q.detached(), k, v, queries, keys, spec);
}

}  // namespace lyceum
