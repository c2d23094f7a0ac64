// Regular expressions of a tokenizer.json. Their language is Oniguruma's (Ruby's dialect) with the Unicode
// classes of the reference; the work is PCRE2's, after a translation. What is not translated is refused by
// name.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lyceum {

struct MatchRange {
  std::size_t begin, end;  // bytes
  bool matched;            // false: the text between matches
};

// Safe to use from several threads at once.
class Regex {
 public:
  // Throws Errc::kFormat with `where` for a pattern that does not compile, Errc::kUnsupported for a construct
  // that this build does not translate, Errc::kLimit for one that is too large.
  Regex(std::string_view pattern, const std::string& where);
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;
  // The whole text, which must be UTF-8, as matches and what lies between them. An empty match right behind
  // another match does not count. Throws Errc::kLimit when the pattern takes too many steps.
  std::vector<MatchRange> find_all(std::string_view text) const;

 private:
  struct Code;
  std::unique_ptr<const Code> code_;
  std::string pattern_;
};

// The pattern in PCRE2's language; for tests.
std::string translate_pattern(std::string_view pattern, const std::string& where);

}  // namespace lyceum
