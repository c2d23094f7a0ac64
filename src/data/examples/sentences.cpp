#include "data/examples/sentences.h"

#include <array>

namespace lyceum {
namespace {

constexpr std::string_view kSpaces = " \t\n\r\f\v";
constexpr std::array<std::string_view, 3> kWideMarks = {"\u3002", "\uFF01", "\uFF1F"};
constexpr std::array<std::string_view, 8> kClosers = {"\"",     "'",      ")",      "]",
                                                      "\u201D", "\u2019", "\u00BB", "\u300D"};

template <std::size_t N>
std::size_t starts_with_one(std::string_view text, const std::array<std::string_view, N>& of) {
  for (const std::string_view one : of)
    if (text.starts_with(one)) return one.size();
  return 0;
}

bool is_space(char c) { return kSpaces.find(c) != std::string_view::npos; }

class Spans {
 public:
  explicit Spans(std::string_view text) : text_(text) {}
  void add(std::size_t begin, std::size_t end) {
    while (begin < end && is_space(text_[begin])) ++begin;
    while (begin < end && is_space(text_[end - 1])) --end;
    if (begin < end) out.emplace_back(begin, end);
  }
  std::vector<std::pair<std::size_t, std::size_t>> out;

 private:
  std::string_view text_;
};

// The end of a sentence whose mark stands at `at`, closers included; 0: the mark ends none.
std::size_t end_behind_mark(std::string_view text, std::size_t at) {
  const std::size_t wide = starts_with_one(text.substr(at), kWideMarks);
  const bool is_ascii = text[at] == '.' || text[at] == '!' || text[at] == '?';
  if (wide == 0 && !is_ascii) return 0;
  std::size_t end = at + (is_ascii ? 1 : wide);
  while (end < text.size()) {
    const std::size_t closer = starts_with_one(text.substr(end), kClosers);
    if (closer == 0) break;
    end += closer;
  }
  if (wide > 0 || end == text.size()) return end;
  const std::size_t next = text.find_first_not_of(kSpaces, end);
  if (next == end || (next != std::string_view::npos && text[next] >= 'a' && text[next] <= 'z')) return 0;
  return end;
}

// A blank line begins at this line feed.
bool blank_line_at(std::string_view text, std::size_t at) {
  if (text[at] != '\n') return false;
  const std::size_t next = text.find_first_not_of(" \t\r", at + 1);
  return next != std::string_view::npos && text[next] == '\n';
}

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> sentence_spans(std::string_view text, SentenceRule rule) {
  Spans spans(text);
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size() && rule != SentenceRule::kNone; ++at) {
    const bool is_line = text[at] == '\n' && (rule == SentenceRule::kLines || blank_line_at(text, at));
    const std::size_t end = is_line ? at : rule == SentenceRule::kMarks ? end_behind_mark(text, at) : 0;
    if (end == 0) continue;
    spans.add(begin, end);
    begin = end;
    at = is_line ? at : end - 1;
  }
  spans.add(begin, text.size());
  return spans.out;
}

}  // namespace lyceum
