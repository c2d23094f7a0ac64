#include "data/examples/masking.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "data/shuffle/random_streams.h"

namespace lyceum {
namespace {

// Tokens that are predicted together: one, or a word.
struct Group {
  std::size_t begin, end;
};

std::vector<Group> groups_of(const Example& example, const MaskVocabulary& vocabulary,
                             const MaskingOptions& options) {
  std::vector<Group> out;
  bool may_go_on = false;  // the token before is of the same sequence and a candidate
  std::size_t sequence = 0;
  for (std::size_t i = 0; i < example.ids.size(); ++i) {
    while (sequence < example.begins.size() && static_cast<std::size_t>(example.begins[sequence]) <= i) {
      ++sequence;
      may_go_on = false;
    }
    const std::int32_t id = example.ids[i];
    const bool is_special = vocabulary.is_special(id);
    if (is_special && !options.special_tokens) {
      may_go_on = false;
    } else if (options.whole_words && may_go_on && !is_special && !vocabulary.begins_word(id)) {
      out.back().end = i + 1;
    } else {
      out.push_back({i, i + 1});
      may_go_on = !is_special;
    }
  }
  return out;
}

// How many tokens (kGoogle) or groups (kFairseq) are predicted.
std::size_t count_of(const MaskingOptions& options, std::size_t tokens, std::size_t groups, Random& random) {
  if (options.count == MaskCount::kFairseq) {
    const double n = static_cast<double>(groups);
    return static_cast<std::size_t>(options.share * n + static_cast<double>(random.uniform()));
  }
  const double wanted = std::max(1.0, std::nearbyint(options.share * static_cast<double>(tokens)));
  const auto count = static_cast<std::size_t>(wanted);
  return options.max_predictions > 0 ? std::min(count, static_cast<std::size_t>(options.max_predictions))
                                     : count;
}

}  // namespace

MaskVocabulary::MaskVocabulary(const Tokenizer& tokenizer) {
  auto mask = tokenizer.id("[MASK]");
  if (!mask) mask = tokenizer.id("<mask>");
  if (!mask)
    fail(Errc::kUnsupported, "masking: the tokenizer has no mask token, expected [MASK] or <mask> ({})",
         tokenizer.summary());
  mask_ = *mask;
  const bool has_marks = tokenizer.marks_continuations();
  for (std::int64_t i = 0; i < tokenizer.size(); ++i) {
    const auto id = static_cast<std::int32_t>(i);
    const std::string* token = tokenizer.token(id);
    const bool is_special = tokenizer.is_special(id) || id == mask_;
    // the space before a word as byte-level BPE and SentencePiece write it
    const bool begins =
        token != nullptr && (has_marks ? !token->starts_with("##")
                                       : token->starts_with("\u0120") || token->starts_with("\u2581"));
    kinds_.push_back(is_special ? Kind::kSpecial : begins ? Kind::kBegins : Kind::kContinues);
    if (token == nullptr) continue;
    all_.push_back(id);
    if (!is_special) plain_.push_back(id);
  }
}

void mask_tokens(Example& example, const MaskVocabulary& vocabulary, const MaskingOptions& options,
                 MaskingCounts& counts) {
  const std::size_t tokens = example.ids.size();
  for (const std::int32_t id : example.ids)
    if (id < 0 || id >= vocabulary.size())
      fail(Errc::kData, "{}: found the token id {}, expected 0 to {}", example.where, id,
           vocabulary.size() - 1);
  const std::uint64_t copy = options.copies > 0 ? example.epoch % options.copies : example.epoch;
  Random random = random_stream(options.seed, RandomUse::kMasking, copy, example.id);
  std::vector<Group> groups = groups_of(example, vocabulary, options);
  ++counts.examples;
  counts.tokens += tokens;
  for (const Group& group : groups) counts.candidates += group.end - group.begin;

  std::vector<Group> chosen;
  if (options.count == MaskCount::kBernoulli) {
    for (const Group& group : groups)
      if (static_cast<double>(random.uniform()) < options.share) chosen.push_back(group);
  } else {
    const std::size_t wanted = count_of(options, tokens, groups.size(), random);
    const bool counts_groups = options.count == MaskCount::kFairseq;
    std::size_t taken = 0;
    for (std::size_t i = 0; i < groups.size() && taken < wanted; ++i) {
      std::swap(groups[i], groups[i + random.below(static_cast<std::uint32_t>(groups.size() - i))]);
      const std::size_t size = counts_groups ? 1 : groups[i].end - groups[i].begin;
      if (taken + size > wanted) continue;  // R google: a word that is too long is passed over
      taken += size;
      chosen.push_back(groups[i]);
    }
    // a fixed order for the draws below, whatever the order of the choice
    std::sort(chosen.begin(), chosen.end(), [](const Group& a, const Group& b) { return a.begin < b.begin; });
  }

  example.labels.assign(tokens, kIgnoredLabel);
  example.has_token_labels = true;
  const std::vector<std::int32_t>& others = vocabulary.tokens(options.random_special);
  for (const Group& group : chosen)
    for (std::size_t i = group.begin; i < group.end; ++i) {
      example.labels[i] = example.ids[i];
      ++counts.predicted;
      const auto u = static_cast<double>(random.uniform());
      if (u < options.masked) {
        example.ids[i] = vocabulary.mask();
        ++counts.masked;
      } else if (u < options.masked + options.random && !others.empty()) {
        example.ids[i] = others[random.below(static_cast<std::uint32_t>(others.size()))];
        ++counts.random;
      } else {
        ++counts.kept;
      }
    }
}

MaskedExamples::MaskedExamples(std::unique_ptr<ExampleBuilder> inner, const Tokenizer& tokenizer,
                               const MaskingOptions& options)
    : inner_(std::move(inner)), vocabulary_(tokenizer), options_(options) {
  for (const double share : {options.share, options.masked, options.random, options.masked + options.random})
    if (!(share >= 0 && share <= 1))
      fail(Errc::kUsage, "masking: found a share of {}, expected 0 to 1", share);
  if (options.max_predictions < 0)
    fail(Errc::kUsage, "masking: found max_predictions {}, expected 0 or more", options.max_predictions);
}

bool MaskedExamples::next(Example& example) {
  if (!inner_->next(example)) return false;
  if (!example.has_token_labels) mask_tokens(example, vocabulary_, options_, counts_);
  return true;
}

}  // namespace lyceum
