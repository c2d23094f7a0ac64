#include "data/batches/batches.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "data/shuffle/random_streams.h"

namespace lyceum {
namespace {

AheadOptions one_thread(std::size_t items) {
  return {.threads = 1, .items = std::max<std::size_t>(1, items)};
}

}  // namespace

Batches::Batches(std::unique_ptr<ExampleBuilder> builder, const BatchOptions& options)
    : builder_(std::move(builder)), options_(options) {
  const BatchOptions& o = options_;
  if (o.examples < 0 || o.tokens < 0 || (o.examples > 0) == (o.tokens > 0))
    fail(Errc::kUsage, "batches: found {} examples and {} tokens, expected one of the two above 0",
         o.examples, o.tokens);
  if (o.window_batches < 1)
    fail(Errc::kUsage, "batches: found window_batches {}, expected 1 or more", o.window_batches);
  if (o.no_duplicates && (o.group_by_length || o.tokens > 0))
    fail(Errc::kUsage, "batches: no_duplicates goes with a number of examples, not with tokens or lengths");
  if (o.part.count == 0 || o.part.index >= o.part.count)
    fail(Errc::kUsage, "batches: found part {} of {}, expected an index below the count", o.part.index,
         o.part.count);
}

bool Batches::is_full() const {
  const BatchOptions& o = options_;
  if (o.tokens > 0)
    return window_tokens_ / o.tokens / static_cast<std::int64_t>(o.part.count) >= o.window_batches;
  const std::int64_t batches = o.group_by_length || o.no_duplicates ? o.window_batches : 1;
  return static_cast<std::int64_t>(window_.size()) / o.examples >= batches;
}

void Batches::read_window() {
  window_begin_ = builder_->position();
  window_.clear();
  window_tokens_ = 0;
  given_ = 0;
  while (!is_full()) {
    Example example;
    is_at_end_ = !builder_->next(example);
    if (is_at_end_) break;
    if (options_.tokens > 0 && example.tokens() > options_.tokens)
      fail(Errc::kData,
           "{}: found an example of {} tokens, expected at most the {} of a batch. Fix: max_tokens",
           example.where, example.tokens(), options_.tokens);
    window_tokens_ += example.tokens();
    window_.push_back(std::move(example));
    ++read_;
  }
  plan_window();
  made_ += plan_.size();
  const bool has_ended = is_at_end_ && builder_->position().epoch > window_begin_.epoch;
  if (!has_ended || !is_from_the_start_ || made_ > 0) return;
  if (read_ == 0) fail(Errc::kData, "batches: found no example in a whole epoch, expected at least one");
  fail(Errc::kData,
       "batches: found {} examples in a whole epoch, expected {} for a batch. Fix: smaller batches", read_,
       options_.examples);
}

void Batches::sort_by_length(std::vector<std::size_t>& order) const {
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return window_[a].tokens() < window_[b].tokens(); });
}

Batches::Groups Batches::groups_by_count(std::vector<std::size_t> order) const {
  const auto size = static_cast<std::size_t>(options_.examples);
  // what is left over is the last of the stream, not the longest
  const std::size_t whole = order.size() / size * size;
  std::vector<std::size_t> rest(order.begin() + static_cast<std::ptrdiff_t>(whole), order.end());
  order.resize(whole);
  if (options_.group_by_length) sort_by_length(order);
  Groups out;
  for (auto from = order.begin(); from != order.end(); from += static_cast<std::ptrdiff_t>(size))
    out.emplace_back(from, from + static_cast<std::ptrdiff_t>(size));
  if (!rest.empty() && !options_.drop_last) out.push_back(std::move(rest));
  return out;
}

Batches::Groups Batches::groups_by_tokens(const std::vector<std::size_t>& order) const {
  Groups out;
  std::int64_t tokens = 0;
  for (const std::size_t i : order) {
    if (out.empty() || tokens + window_[i].tokens() > options_.tokens) {
      out.emplace_back();
      tokens = 0;
    }
    out.back().push_back(i);
    tokens += window_[i].tokens();
  }
  return out;
}

// Each batch takes, in the order of the stream, what is left and has no text in common with it.
Batches::Groups Batches::groups_without_duplicates() const {
  const auto size = static_cast<std::size_t>(options_.examples);
  std::vector<std::size_t> left(window_.size());
  std::iota(left.begin(), left.end(), std::size_t{0});
  Groups out;
  while (!left.empty()) {
    std::unordered_set<std::uint64_t> texts;
    std::vector<std::size_t> batch, later;
    for (const std::size_t i : left) {
      const std::vector<std::uint64_t>& own = window_[i].texts;
      if (batch.size() == size ||
          std::any_of(own.begin(), own.end(), [&](std::uint64_t text) { return texts.count(text) > 0; })) {
        later.push_back(i);
        continue;
      }
      texts.insert(own.begin(), own.end());
      batch.push_back(i);
    }
    left = std::move(later);
    if (batch.size() < size && options_.drop_last && is_at_end_) continue;
    out.push_back(std::move(batch));
  }
  return out;
}

void Batches::shuffle(std::vector<Planned>& plan) const {
  Random random = random_stream(options_.seed, RandomUse::kBatchOrder, window_begin_.epoch,
                                mixed_bits(window_begin_.record, window_begin_.piece));
  for (std::size_t i = plan.size(); i > 1; --i)
    std::swap(plan[i - 1], plan[random.below(static_cast<std::uint32_t>(i))]);
}

void Batches::plan_window() {
  std::vector<std::size_t> order(window_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto parts = static_cast<std::size_t>(options_.part.count),
             own = static_cast<std::size_t>(options_.part.index);
  plan_.clear();
  if (options_.tokens > 0) {
    if (options_.group_by_length) sort_by_length(order);
    const Groups groups = groups_by_tokens(order);
    for (std::size_t first = 0; first < groups.size(); first += parts) {
      Planned& planned = plan_.emplace_back();
      for (std::size_t i = first; i < std::min(first + parts, groups.size()); ++i) {
        planned.all_examples += static_cast<std::int64_t>(groups[i].size());
        if (i == first + own) planned.examples = groups[i];
      }
    }
  } else {
    for (const auto& group : options_.no_duplicates ? groups_without_duplicates() : groups_by_count(order)) {
      Planned& planned = plan_.emplace_back();
      planned.all_examples = static_cast<std::int64_t>(group.size());
      for (std::size_t i = own; i < group.size(); i += parts) planned.examples.push_back(group[i]);
    }
  }
  if (options_.group_by_length) shuffle(plan_);
}

bool Batches::next(Batch& batch) {
  while (given_ == plan_.size()) {
    if (is_at_end_) {
      window_.clear();
      plan_.clear();
      given_ = 0;
      is_at_end_ = false;
      read_ = made_ = 0;
      is_from_the_start_ = true;
      return false;
    }
    read_window();
  }
  batch = Batch{};
  const Planned& planned = plan_[given_++];
  for (const std::size_t i : planned.examples) batch.examples.push_back(std::move(window_[i]));
  batch.all_examples = planned.all_examples;
  batch.epoch = window_begin_.epoch;
  batch.after = position();
  return true;
}

DataPosition Batches::position() const {
  if (given_ == plan_.size() && !is_at_end_) return builder_->position();
  DataPosition out = window_begin_;
  out.batch = given_;
  return out;
}

void Batches::seek(const DataPosition& position) {
  DataPosition begin = position;
  begin.batch = 0;
  builder_->seek(begin);
  is_at_end_ = false;
  read_ = made_ = 0;
  is_from_the_start_ = begin == DataPosition{.epoch = position.epoch};
  window_.clear();
  plan_.clear();
  given_ = 0;
  if (position.batch == 0) return;
  read_window();
  if (position.batch > plan_.size())
    fail(Errc::kData,
         "batches: found {} batches in a window, expected to go on behind {}. Fix: the data or the "
         "options have changed; restart",
         plan_.size(), position.batch);
  given_ = static_cast<std::size_t>(position.batch);
}

PackedBatch pack(const Batch& batch) {
  PackedBatch out;
  std::vector<std::int64_t> lengths, positions;
  std::vector<std::uint64_t> ids;
  const bool has_types = std::any_of(batch.examples.begin(), batch.examples.end(),
                                     [](const Example& e) { return !e.types.empty(); });
  for (const Example& e : batch.examples) {
    if (!out.ids.empty() && e.has_token_labels == out.labels.empty())
      fail(Errc::kData, "{}: found {} labels for {} tokens, expected all examples of a batch alike", e.where,
           e.labels.size(), e.ids.size());
    out.first_sequence.push_back(static_cast<std::int64_t>(lengths.size()));
    for (std::size_t s = 0; s < e.begins.size(); ++s) {
      const std::int64_t end = s + 1 < e.begins.size() ? e.begins[s + 1] : e.tokens();
      lengths.push_back(end - e.begins[s]);
      ids.push_back(s == 0 ? e.id : mixed_bits(e.id, s));
      for (std::int64_t t = e.begins[s]; t < end; ++t) positions.push_back(t - e.begins[s]);
    }
    out.ids.insert(out.ids.end(), e.ids.begin(), e.ids.end());
    if (has_types) {
      out.types.insert(out.types.end(), e.types.begin(), e.types.end());
      out.types.resize(out.ids.size());
    }
    if (e.has_token_labels) out.labels.insert(out.labels.end(), e.labels.begin(), e.labels.end());
  }
  out.first_sequence.push_back(static_cast<std::int64_t>(lengths.size()));
  out.layout = SequenceLayout::from(lengths, std::move(positions), std::move(ids));
  return out;
}

Prefetcher::Prefetcher(std::unique_ptr<Batches> batches, std::size_t ahead)
    : batches_(std::move(batches)),
      position_(batches_->position()),
      ahead_(
          one_thread(ahead),
          [this](Batch& batch) {
            const bool is_there = batches_->next(batch);
            if (!is_there) {
              batch = Batch{};
              batch.ends_epoch = true;
              batch.after = batches_->position();
            }
            return true;
          },
          [](Batch& in, Batch& out) { out = std::move(in); }) {}

bool Prefetcher::next(Batch& batch) {
  if (!ahead_.next(batch)) return false;  // behind an error
  position_ = batch.after;
  return !batch.ends_epoch;
}

void Prefetcher::seek(const DataPosition& position) {
  ahead_.stop();
  batches_->seek(position);
  position_ = position;
}

}  // namespace lyceum
