#include "text/regex.h"

#include <gtest/gtest.h>

#include "check/expect_error.h"

namespace lyceum {
namespace {

using check::expect_error;

// Matches between bars.
std::string matches_of(const char* pattern, std::string_view text) {
  std::string out;
  for (const MatchRange& r : Regex(pattern, "test").find_all(text))
    out +=
        (r.matched ? "[" : "") + std::string(text.substr(r.begin, r.end - r.begin)) + (r.matched ? "]" : "");
  return out;
}

TEST(Regex, ReadsOnigurumasDialect) {  // expected: tokenizers 0.23.3, Split
  EXPECT_EQ(matches_of("(?m:a.b)", "a\nb"), "[a\nb]") << "m lets the dot match a line feed";
  EXPECT_EQ(matches_of("a.b", "a\nb"), "a\nb");
  EXPECT_EQ(matches_of("^b", "a\nb"), "a\n[b]") << "^ begins a line";
  EXPECT_EQ(matches_of("a$", "a\nba\n"), "[a]\nb[a]\n");
  EXPECT_EQ(matches_of("\\h+", "xfFg"), "x[fF]g") << "h is a hexadecimal digit";
  EXPECT_EQ(matches_of("[a-z&&[^b]]", "abc"), "[a]b[c]");
  EXPECT_EQ(matches_of("\\p{^L}+", "a1b"), "a[1]b");
  EXPECT_EQ(matches_of("a{,2}b", "aaab"), "a[aab]");
  EXPECT_EQ(matches_of("\\x{3042}|\\u3044", "\u3042\u3044"), "[\u3042][\u3044]");
  EXPECT_EQ(matches_of("[[:punct:]]", "$.a"), "[$][.]a");
  EXPECT_EQ(matches_of("\\p{Punct}", "$.a"), "$[.]a");
  EXPECT_EQ(matches_of("\\w", "\u00BD\u200D"), "[\u00BD]\u200D");
  EXPECT_EQ(matches_of("(?i:'s)", "'\u017F"), "['\u017F]") << "a long s is an s";
  EXPECT_EQ(matches_of("\\p{L}", "\u1C89"), "[\u1C89]") << "a letter of Unicode 16";
  EXPECT_EQ(matches_of("a++a|b", "aab"), "aa[b]") << "possessive";
  EXPECT_EQ(matches_of("(?<n>a)\\k<n>", "aa"), "[aa]");
}

TEST(Regex, EmptyMatchesStandBetweenCharacters) {
  std::size_t empty = 0;
  for (const MatchRange& r : Regex("", "test").find_all("abc")) empty += r.matched && r.begin == r.end;
  EXPECT_EQ(empty, 4u);
  EXPECT_EQ(matches_of("(?=[A-Z])", "aBcD"), "a[]Bc[]D");
  EXPECT_EQ(matches_of("a*", "aab"), "[aa]b[]") << "none right behind a match";
}

TEST(Regex, WhatIsNotTranslatedIsNamed) {
  for (const char* pattern :
       {"a{2,3}+", "\\p{Klingon}", "\\Qa\\E", "(?x:a)", "(?~a)", "[[:foo:]]", "(*FAIL)", "\\X"})
    expect_error(Errc::kUnsupported, "does not translate", [&] { Regex(pattern, "test"); });
  for (const char* pattern :
       {"(", ")", "[a", "a\\", "\\x{110000}", "\\u12", "[b-a]", "(?<n>", "(?<=a*)b", "*"})
    expect_error(Errc::kFormat, "regular expression", [&] { Regex(pattern, "test"); });
  expect_error(Errc::kLimit, "bytes", [] { Regex(std::string(70'000, 'a'), "test"); });
  EXPECT_ANY_THROW(Regex(std::string(5'000, '('), "test"));
}

TEST(Regex, PatternsThatBlowUpEndWithAnError) {
  for (const char* pattern : {"(a+)+b", "(a|aa)+b", "(a*)*b", "(.*a){20}b"})
    expect_error(Errc::kLimit, "too many steps",
                 [&] { Regex(pattern, "test").find_all(std::string(5'000, 'a') + "cb"); });
}

}  // namespace
}  // namespace lyceum
