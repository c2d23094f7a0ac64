#include "data/examples/sentence_pairs.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "base/error.h"

namespace lyceum {
namespace {

using Tokens = std::vector<std::int32_t>;

std::span<const std::int32_t> sentence(const TokenDocument& document, std::size_t i) {
  const std::size_t begin = document.sentences[i],
                    end = i + 1 < document.sentences.size() ? document.sentences[i + 1] : document.ids.size();
  return std::span(document.ids).subspan(begin, end - begin);
}

void append(Tokens& to, std::span<const std::int32_t> from) { to.insert(to.end(), from.begin(), from.end()); }

// The longer of the two loses a token, at its front or its back by chance, until both fit (R
// truncate_seq_pair).
void truncate(Tokens& first, Tokens& second, std::size_t room, Random& random) {
  struct Cut {
    std::size_t front = 0, back = 0;
  } cuts[2];
  std::size_t sizes[2] = {first.size(), second.size()};
  while (sizes[0] + sizes[1] > room) {
    const int longer = sizes[0] > sizes[1] ? 0 : 1;
    --sizes[longer];
    ++(random.uniform() < 0.5f ? cuts[longer].front : cuts[longer].back);
  }
  Tokens* both[2] = {&first, &second};
  for (int i = 0; i < 2; ++i) {
    Tokens& tokens = *both[i];
    tokens.resize(tokens.size() - cuts[i].back);
    tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(cuts[i].front));
  }
}

}  // namespace

std::vector<SentencePair> sentence_pairs(std::span<const TokenDocument> documents, std::size_t index,
                                         std::size_t room, const SentencePairOptions& options,
                                         Random& random) {
  const auto below = [&](std::size_t n) { return std::size_t{random.below(static_cast<std::uint32_t>(n))}; };
  const auto happens = [&](double p) { return static_cast<double>(random.uniform()) < p; };
  const TokenDocument& document = documents[index];
  const std::size_t sentences = document.sentences.size();
  const std::size_t target = happens(options.short_probability) ? 2 + below(room - 1) : room;
  std::vector<SentencePair> out;
  for (std::size_t chunk = 0; chunk < sentences;) {
    std::size_t end = chunk, length = 0;
    while (end < sentences && length < target) length += sentence(document, end++).size();
    // the first segment: a random part of the chunk
    const std::size_t a_end = end - chunk >= 2 ? chunk + 1 + below(end - chunk - 1) : end;
    SentencePair pair;
    for (std::size_t s = chunk; s < a_end; ++s) append(pair.first, sentence(document, s));
    pair.is_random = end - chunk == 1 || happens(options.random_next);
    pair.second_document = index;
    if (pair.is_random) {
      std::size_t other =
          below(documents.size() - 1);  // R draws any, and again up to ten times for another one
      other += other >= index;
      pair.second_document = other;
      const TokenDocument& from = documents[other];
      const std::size_t wanted = target - std::min(target, pair.first.size());
      for (std::size_t s = below(from.sentences.size()); s < from.sentences.size(); ++s) {
        append(pair.second, sentence(from, s));
        if (pair.second.size() >= wanted) break;
      }
      end = a_end;  // what was not used is put back
    } else {
      for (std::size_t s = a_end; s < end; ++s) append(pair.second, sentence(document, s));
    }
    truncate(pair.first, pair.second, room, random);
    out.push_back(std::move(pair));
    chunk = end;
  }
  return out;
}

SentencePairs::SentencePairs(const ExampleInput& input, std::shared_ptr<const Tokenizer> tokenizer,
                             const SentencePairOptions& options)
    : tokenizer_(std::move(tokenizer)),
      options_(options),
      seed_(input.order.seed),
      shuffles_(input.order.shuffle),
      documents_(input, [tokenizer = tokenizer_, options](const RecordFields& record, TokenDocument& out) {
        out = token_document(record, *tokenizer, options.document);
      }) {
  expect_documents(*input.files, *tokenizer_, options.document);
  const std::int64_t around = tokenizer_->special_tokens_around_two();
  if (options_.max_tokens < around + 2)
    fail(Errc::kUsage, "sentence pairs: found max_tokens {}, expected two more than the {} special ones",
         options_.max_tokens, around);
  if (options_.document.sentences == SentenceRule::kNone)
    fail(Errc::kUsage, "sentence pairs: found no rule for sentences, expected lines or marks");
  for (const double p : {options_.short_probability, options_.random_next})
    if (!(p >= 0 && p <= 1))
      fail(Errc::kUsage, "sentence pairs: found a probability of {}, expected 0 to 1", p);
  room_ = static_cast<std::size_t>(options_.max_tokens - around);
}

// The next document that has sentences, or the end of the epoch.
bool SentencePairs::pull(Documents::Item& item) {
  while (documents_.next(item))
    if (item.ends_epoch || !item.out.ids.empty()) return true;
  return false;
}

// Reads documents until they are enough, and one more where it would be the last and alone.
bool SentencePairs::read_window() {
  window_.clear();
  given_ = 0;
  window_begin_ = after_;
  std::vector<Documents::Item> items = std::exchange(waiting_, {});
  std::size_t tokens = 0;
  std::optional<Documents::Item> end;
  const auto is_enough = [&] {
    return items.size() >= 2 && tokens * sizeof(std::int32_t) >= options_.window_bytes;
  };
  for (const Documents::Item& item : items) tokens += item.out.ids.size();
  const std::size_t most = 2;  // documents that are read ahead to see whether the next window has two
  std::size_t ahead = 0;
  while (ahead < most) {
    Documents::Item item;
    if (!pull(item)) return false;
    if (item.ends_epoch) {
      end = std::move(item);
      break;
    }
    if (is_enough()) {
      ++ahead;
    } else {
      tokens += item.out.ids.size();
    }
    items.push_back(std::move(item));
  }
  is_at_end_ = end.has_value();
  if (ahead == most) {
    for (auto it = items.end() - 2; it != items.end(); ++it) waiting_.push_back(std::move(*it));
    items.resize(items.size() - most);
  }
  if (items.size() == 1 || (items.empty() && window_begin_.record == 0))
    fail(Errc::kData, "sentence pairs: found {} documents with sentences, expected at least two",
         items.size());
  after_ = is_at_end_ ? end->at : items.back().after;

  std::vector<TokenDocument> documents;
  for (Documents::Item& item : items) documents.push_back(std::move(item.out));
  for (std::size_t d = 0; d < documents.size(); ++d) {
    Random random = random_stream(seed_, RandomUse::kPairs, items[d].at.epoch, items[d].id);
    std::uint64_t piece = 0;
    for (const SentencePair& pair : sentence_pairs(documents, d, room_, options_, random))
      window_.push_back(example_of(pair, items[d], piece++));
  }
  if (shuffles_) {
    Random random = random_stream(seed_, RandomUse::kPairs, window_begin_.epoch, window_begin_.record);
    for (std::size_t i = window_.size(); i > 1; --i)
      std::swap(window_[i - 1], window_[random.below(static_cast<std::uint32_t>(i))]);
  }
  return true;
}

Example SentencePairs::example_of(const SentencePair& pair, const Documents::Item& document,
                                  std::uint64_t piece) const {
  Encoding first, second;
  first.ids = pair.first;
  second.ids = pair.second;
  Encoding e = tokenizer_->post_process(first, second);
  Example out{.next_sentence = pair.is_random,
              .id = mixed_bits(document.id, piece),
              .epoch = document.at.epoch,
              .where = document.where};
  out.ids = std::move(e.ids);
  if (std::any_of(e.type_ids.begin(), e.type_ids.end(), [](std::int32_t t) { return t != 0; }))
    out.types = std::move(e.type_ids);
  return out;
}

bool SentencePairs::next(Example& example) {
  while (given_ == window_.size()) {
    if (is_at_end_) {
      is_at_end_ = false;
      window_.clear();
      given_ = 0;
      after_ = {after_.epoch + 1, 0};
      return false;
    }
    if (!read_window()) return false;
    given_ = static_cast<std::size_t>(std::exchange(wanted_, 0));
    if (given_ > window_.size())
      fail(Errc::kData,
           "sentence pairs: found {} pairs, expected to go on behind {}. Fix: the data has changed; restart",
           window_.size(), given_);
  }
  example = std::move(window_[given_++]);
  ++documents_.counts.examples;
  ++pairs_.pairs;
  pairs_.random += example.next_sentence == 1;
  pairs_.tokens += example.ids.size();
  return true;
}

DataPosition SentencePairs::position() const {
  const bool is_inside = given_ < window_.size() || is_at_end_;
  const RecordPosition& at = is_inside ? window_begin_ : after_;
  return {.epoch = at.epoch, .record = at.record, .piece = is_inside ? given_ : wanted_};
}

void SentencePairs::seek(const DataPosition& position) {
  documents_.seek({position.epoch, position.record});
  waiting_.clear();
  window_.clear();
  given_ = 0;
  is_at_end_ = false;
  after_ = {position.epoch, position.record};
  wanted_ = position.piece;
}

}  // namespace lyceum
