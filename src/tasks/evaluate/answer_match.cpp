#include "tasks/evaluate/answer_match.h"

#include <algorithm>
#include <map>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "text/unicode/unicode.h"

namespace lyceum {
namespace {

bool is_ascii_punctuation(char32_t c) {
  return (c >= U'!' && c <= U'/') || (c >= U':' && c <= U'@') || (c >= U'[' && c <= U'`') ||
         (c >= U'{' && c <= U'~');
}

// Python's str.isspace: the separators of information besides Unicode's white space.
bool is_space(char32_t c) { return (c >= 0x1C && c <= 0x1F) || (unicode::flags(c) & unicode::kSpace) != 0; }

// Python's \w without '_', which is punctuation: letters and numbers, no marks.
bool is_word(char32_t c) {
  using unicode::Category;
  const Category category = unicode::category(c);
  return (category >= Category::kLu && category <= Category::kLo) ||
         (category >= Category::kNd && category <= Category::kNo);
}

bool is_article(std::string_view word) { return word == "a" || word == "an" || word == "the"; }

std::vector<std::string> words_of(std::string_view text) {
  // Runs of word characters that are articles turn into a space, whatever stands around them; white space
  // parts what is left.
  std::vector<std::string> out;
  std::string word, run;
  const auto end_run = [&] {
    if (is_article(run)) {
      if (!word.empty()) out.push_back(std::move(word));
      word.clear();
    } else {
      word += run;
    }
    run.clear();
  };
  const auto end_word = [&] {
    end_run();
    if (!word.empty()) out.push_back(std::move(word));
    word.clear();
  };
  const std::string lower = unicode::lower(text);
  for (std::string_view rest = lower; !rest.empty();) {
    const Utf8Char c = decode_utf8(rest);
    const std::string_view bytes = rest.substr(0, static_cast<std::size_t>(c.bytes));
    rest.remove_prefix(bytes.size());
    if (is_ascii_punctuation(c.code)) continue;
    if (is_space(c.code)) {
      end_word();
    } else if (is_word(c.code)) {
      run += bytes;
    } else {
      end_run();
      word += bytes;
    }
  }
  end_word();
  return out;
}

double f1_of(std::span<const std::string> answer, std::span<const std::string> given, SquadVersion version) {
  if (version == SquadVersion::k2 && (answer.empty() || given.empty()))
    return answer.empty() && given.empty() ? 1 : 0;
  std::map<std::string_view, std::int64_t> left;
  for (const std::string& word : given) ++left[word];
  double same = 0;
  for (const std::string& word : answer)
    if (const auto it = left.find(word); it != left.end() && it->second-- > 0) ++same;
  if (same == 0) return 0;
  const double precision = same / static_cast<double>(answer.size()),
               recall = same / static_cast<double>(given.size());
  return 2 * precision * recall / (precision + recall);
}

}  // namespace

std::string normalized_answer(std::string_view text) {
  std::string out;
  for (const std::string& word : words_of(text)) out += (out.empty() ? "" : " ") + word;
  return out;
}

AnswerScore score_answer(std::string_view answer, std::span<const std::string> given, SquadVersion version) {
  std::vector<std::vector<std::string>> choices;
  for (const std::string& one : given) choices.push_back(words_of(one));
  if (version == SquadVersion::k2) {
    std::erase_if(choices, [](const auto& words) { return words.empty(); });
    if (choices.empty()) choices.emplace_back();
  }
  if (choices.empty()) fail(Errc::kInternal, "answers: found none, expected one or more");
  const std::vector<std::string> words = words_of(answer);
  AnswerScore best;
  for (const auto& choice : choices) {
    best.exact = std::max(best.exact, words == choice ? 1.0 : 0.0);
    best.f1 = std::max(best.f1, f1_of(words, choice, version));
  }
  return best;
}

}  // namespace lyceum
