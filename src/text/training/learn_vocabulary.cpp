#include "text/training/learn_vocabulary.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/byte_level.h"
#include "text/training/merge_learner.h"
#include "text/word_piece.h"

namespace lyceum {
namespace {

constexpr std::size_t kCodes = 0x110000;

std::string utf8(char32_t c) {
  std::string out;
  append_utf8(out, c);
  return out;
}

// Tokens with their ids; of a text that is there already, its id.
class Tokens {
 public:
  std::uint32_t add(const std::string& text) {
    if (const std::int32_t id = table_.find(text); id >= 0) return static_cast<std::uint32_t>(id);
    if ((bytes_ += text.size()) > JsonLimits().bytes)
      fail(Errc::kLimit,
           "train-tokenizer: found tokens of more than {} bytes together, expected at most that, what a "
           "tokenizer.json may have. Fix: a smaller vocabulary, or text without repetitions of such length.",
           JsonLimits().bytes);
    const auto id = static_cast<std::int32_t>(texts.size());
    table_.insert(text, id);
    texts.push_back(text);
    return static_cast<std::uint32_t>(id);
  }
  bool has(const std::string& text) const { return table_.find(text) >= 0; }
  std::vector<std::string> texts;  // by id

 private:
  TokenTable table_;
  std::size_t bytes_ = 0;
};

// Gives the learner the words as symbols; returns how many characters are left out.
std::size_t add_byte_words(const CountedWords& words, Tokens& tokens, MergeLearner& learner) {
  std::array<unsigned char, 256> bytes;
  std::iota(bytes.begin(), bytes.end(), static_cast<unsigned char>(0));
  std::sort(bytes.begin(), bytes.end(),
            [](unsigned char a, unsigned char b) { return byte_character(a) < byte_character(b); });
  std::array<std::uint32_t, 256> symbol_of;
  for (const unsigned char byte : bytes) symbol_of[byte] = tokens.add(utf8(byte_character(byte)));
  std::vector<std::uint32_t> symbols;
  words.for_each([&](std::string_view word, std::uint64_t count) {
    symbols.clear();
    for (const char c : word) symbols.push_back(symbol_of[static_cast<unsigned char>(c)]);
    learner.add_word(symbols, count);
  });
  return 0;
}

template <class F>
void for_each_character(std::string_view word, F f) {
  for (std::size_t i = 0; i < word.size();) {
    const Utf8Char c = decode_utf8(word.substr(i));
    f(c.code, i == 0);
    i += static_cast<std::size_t>(c.bytes);
  }
}

std::size_t add_character_words(const CountedWords& words, std::size_t most_characters, Tokens& tokens,
                                MergeLearner& learner) {
  std::vector<std::uint64_t> seen(kCodes);
  std::vector<bool> inside(kCodes);
  words.for_each([&](std::string_view word, std::uint64_t count) {
    for_each_character(word, [&](char32_t c, bool is_first) {
      seen[c] += count;
      if (!is_first) inside[c] = true;
    });
  });
  std::vector<char32_t> alphabet;
  for (char32_t c = 0; c < kCodes; ++c)
    if (seen[c] > 0) alphabet.push_back(c);
  const std::size_t all = alphabet.size(), kept = std::min(all, most_characters);
  std::stable_sort(alphabet.begin(), alphabet.end(),
                   [&](char32_t a, char32_t b) { return seen[a] > seen[b]; });
  const std::vector<char32_t> rare(alphabet.begin() + static_cast<std::ptrdiff_t>(kept), alphabet.end());
  alphabet.resize(kept);
  std::sort(alphabet.begin(), alphabet.end());
  for (const char32_t c : alphabet) tokens.add(utf8(c));
  for (const char32_t c : rare)  // R: a special token of one character is a symbol too
    if (tokens.has(utf8(c))) alphabet.push_back(c);
  std::sort(alphabet.begin(), alphabet.end());

  constexpr std::uint32_t kNone = ~std::uint32_t{0};
  std::vector<std::uint32_t> first_symbol(kCodes, kNone), inner_symbol(kCodes, kNone);
  for (const char32_t c : alphabet) {
    first_symbol[c] = tokens.add(utf8(c));
    if (inside[c]) inner_symbol[c] = tokens.add(kContinuationPrefix + utf8(c));
  }
  std::vector<std::uint32_t> symbols;
  words.for_each([&](std::string_view word, std::uint64_t count) {
    symbols.clear();
    for_each_character(word, [&](char32_t c, bool is_first) {
      const std::uint32_t symbol = (is_first ? first_symbol : inner_symbol)[c];
      if (symbol != kNone) symbols.push_back(symbol);  // R: neighbours of what is left out are neighbours
    });
    learner.add_word(symbols, count);
  });
  return all - alphabet.size();
}

}  // namespace

LearnedVocabulary learn_vocabulary(const CountedWords& words, const VocabularyRequest& r) {
  LearnedVocabulary out;
  Tokens tokens;
  MergeLearner learner;
  for (const std::string& token : r.special) tokens.add(token);
  const std::size_t special = tokens.texts.size();
  out.left_out_characters = r.is_bytes ? add_byte_words(words, tokens, learner)
                                       : add_character_words(words, r.most_characters, tokens, learner);
  out.alphabet = tokens.texts.size() - special;
  if (tokens.texts.size() > r.size)
    fail(
        Errc::kUsage,
        "train-tokenizer: found a vocabulary of {} tokens asked for, expected at least {}: {} special tokens "
        "and an alphabet of {}. Fix: a larger --vocab-size{}.",
        r.size, tokens.texts.size(), special, out.alphabet,
        r.is_bytes ? "" : " or a smaller --limit-alphabet");
  const std::size_t prefix = r.is_bytes ? 0 : std::string_view(kContinuationPrefix).size();
  out.merges = learner.learn(r.min_frequency, [&](std::uint32_t left, std::uint32_t right) {
    if (tokens.texts.size() >= r.size) return MergeLearner::kStop;
    const std::string& tail = tokens.texts[right];
    const bool continues = prefix > 0 && tail.starts_with(kContinuationPrefix);
    const std::uint32_t id = tokens.add(tokens.texts[left] + tail.substr(continues ? prefix : 0));
    if (r.progress) r.progress(tokens.texts.size());
    return id;
  });
  out.tokens = std::move(tokens.texts);
  return out;
}

}  // namespace lyceum
