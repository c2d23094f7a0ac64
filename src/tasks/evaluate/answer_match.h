// Whether an answer is one of those that people gave: the definitions of SQuAD's evaluate-v1.1.py and
// evaluate-v2.0.py.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace lyceum {

// In lower case, without ASCII punctuation and without the words a, an and the; words with one space between
// them. Characters are Python's: of its \w, str.lower and str.split (but a final sigma becomes the ordinary
// one). Valid UTF-8.
std::string normalized_answer(std::string_view text);

enum class SquadVersion {
  k1,  // every question has answers
  k2   // a question without answers is answered right by nothing
};

struct AnswerScore {
  double exact = 0;  // 1: the normalised answer is that of a person
  double f1 = 0;     // of the words that it has in common with one, at best
};

// The best over the given answers, by each measure. Of version 2 answers without words are left out, and no
// answer at all is "". Where one side has no words, f1 is 0 in version 1 and in version 2 whether both have
// none. Throws Errc::kInternal without answers in version 1.
AnswerScore score_answer(std::string_view answer, std::span<const std::string> given, SquadVersion version);

}  // namespace lyceum
