#include "nn/model.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "ops/linear/adapter_dropout.h"

namespace lyceum {

Taps::Taps(const std::string& pattern) : active_(!pattern.empty()) {
  if (pattern.size() > 1000)
    fail(Errc::kUsage, "taps: found {} characters, expected at most 1000", pattern.size());
  try {
    pattern_ = std::regex(pattern);
  } catch (const std::regex_error& error) {
    fail(Errc::kUsage, "taps: '{}' is no regular expression: {}", pattern, error.what());
  }
}

bool Taps::wants(const std::string& name) const { return active_ && std::regex_search(name, pattern_); }

void Taps::put(std::string name, Tensor value, Spread spread) {
  taken_.push_back({std::move(name), value.detached(), spread});
}

const std::vector<std::string>& Model::labels() const {
  static const std::vector<std::string> none;
  return none;
}

Tensor Model::encode(const PackedTokens& tokens) const {
  Pass pass;
  return encode(tokens, pass);
}

Tensor Model::scores(const Tensor& hidden, const PackedTokens& tokens) const {
  Pass pass;
  return scores(hidden, tokens, pass);
}

Tensor Model::scores(const Tensor&, const PackedTokens&, Pass&) const {
  fail(Errc::kUnsupported, "{}: the class {} has no head", family(), architecture());
}

Tensor Model::pair_scores(const Tensor&, const SequenceLayout&) const {
  fail(Errc::kUnsupported, "{}: the class {} has no head over pairs", family(), architecture());
}

void Model::set_dropout(double probability) {
  if (probability != 0.0)
    fail(Errc::kUnsupported, "{}: found the dropout {}, expected 0", family(), probability);
}

void Products::add(std::vector<Linear>& to, const Linear& linear) {
  const auto is_same = [&](const Linear& other) {
    return other.parts()[0].weight == linear.parts()[0].weight;
  };
  if (linear.exists() && std::none_of(to.begin(), to.end(), is_same)) to.push_back(linear);
}

void Model::set_compute(Compute compute) {
  Products all = products();
  if (all.body.empty() && all.heads.empty() && all.tied.empty() && compute != Compute::kF32)
    fail(Errc::kUnsupported, "{}: found the dtype {}, expected f32", family(), compute_name(compute));
  for (Linear& linear : all.body) linear.set_compute(compute);
  const Compute around = compute == Compute::kInt8 ? Compute::kF32 : compute;
  for (std::vector<Linear>* part : {&all.heads, &all.tied})
    for (Linear& linear : *part) linear.set_compute(around);
}

std::vector<WeightPtr> Model::int8_weights() const {
  std::vector<WeightPtr> out;
  for (const Linear& linear : products().body)
    for (const LinearPart& part : linear.parts()) out.push_back(part.weight);
  return out;
}

void Model::place(std::span<const std::int64_t> ids, std::span<std::int64_t> positions) const {
  for (std::size_t t = 0; t < ids.size(); ++t) positions[t] = static_cast<std::int64_t>(t);
}

std::vector<SequenceRange> cache_parts(const SequenceLayout& layout) {
  constexpr std::int64_t kPartTokens = 192;
  std::vector<SequenceRange> parts;
  std::vector<std::int64_t> tokens;  // of each
  for (std::int64_t s = 0; s < layout.sequences(); ++s) {
    if (parts.empty() || (tokens.back() > 0 && tokens.back() + layout.length(s) > kPartTokens)) {
      parts.push_back({s, s});
      tokens.push_back(0);
    }
    parts.back().last = s + 1;
    tokens.back() += layout.length(s);
  }
  // Threads take the parts in order as they become free: the last one done decides.
  std::vector<std::int64_t> busy(static_cast<std::size_t>(thread_count()), 0);
  for (const std::int64_t count : tokens) *std::min_element(busy.begin(), busy.end()) += count;
  const auto most = static_cast<double>(*std::max_element(busy.begin(), busy.end()));
  if (most * static_cast<double>(busy.size()) > 1.15 * static_cast<double>(layout.tokens()))
    return {{0, layout.sequences()}};
  return parts;
}

PackedTokens sequences_of(const PackedTokens& tokens, const SequenceRange& range) {
  const SequenceLayout& layout = tokens.layout;
  const std::int64_t begin = layout.begin(range.first), end = layout.begin(range.last);
  const auto part = [&](std::span<const std::int64_t> all) {
    return std::vector<std::int64_t>(all.begin() + begin, all.begin() + end);
  };
  PackedTokens some;
  some.ids = part(tokens.ids);
  some.types = part(tokens.types);
  some.rows = range.last - range.first;
  std::vector<std::int64_t> lengths;
  for (std::int64_t s = range.first; s < range.last; ++s) lengths.push_back(layout.length(s));
  some.layout = SequenceLayout::from(
      lengths, part(layout.positions()),
      std::vector<std::uint64_t>(layout.ids().begin() + range.first, layout.ids().begin() + range.last));
  return some;
}

Tensor encode_in_parts(const PackedTokens& tokens, std::int64_t width,
                       FunctionRef<Tensor(const PackedTokens&)> body) {
  const std::vector<SequenceRange> parts = cache_parts(tokens.layout);
  if (parts.size() <= 1 || Tape::active() != nullptr) return body(tokens);
  Tensor out = Tensor::empty({tokens.layout.tokens(), width});
  const std::optional<std::uint64_t> adapter_seed = AdapterDropout::seed();
  parallel_tasks(static_cast<std::int64_t>(parts.size()), [&](std::int64_t task, int) {
    const SequenceRange& part = parts[static_cast<std::size_t>(task)];
    const PackedTokens own = sequences_of(tokens, part);
    const AdapterDropout dropping(own.layout, adapter_seed);
    const Tensor hidden = body(own);
    std::copy_n(hidden.data<float>(), hidden.elements(),
                out.mutable_row<float>(tokens.layout.begin(part.first)));
  });
  return out;
}

void TokenPacker::add(std::span<const std::int32_t> ids, std::span<const std::int32_t> types) {
  const std::size_t begin = packed_.ids.size();
  packed_.ids.insert(packed_.ids.end(), ids.begin(), ids.end());
  if (model_->has_segments()) {
    packed_.types.insert(packed_.types.end(), types.begin(), types.end());
  } else {
    packed_.types.resize(packed_.ids.size(), 0);
  }
  positions_.resize(packed_.ids.size());
  model_->place(std::span(packed_.ids).subspan(begin), std::span(positions_).subspan(begin));
  lengths_.push_back(static_cast<std::int64_t>(ids.size()));
}

PackedTokens TokenPacker::finish() {
  std::vector<std::uint64_t> sequence_ids(lengths_.size());
  std::iota(sequence_ids.begin(), sequence_ids.end(), std::uint64_t{0});
  packed_.rows = static_cast<std::int64_t>(lengths_.size());
  packed_.layout = SequenceLayout::from(lengths_, std::move(positions_), std::move(sequence_ids));
  return std::move(packed_);
}

}  // namespace lyceum
