#include "base/utf8.h"

#include <gtest/gtest.h>

namespace lyceum {
namespace {

std::string repaired(std::string text) {
  repair_utf8(text);
  return text;
}

// The Unicode Standard 15, section 3.9, tables 3-8 to 3-11: U+FFFD for each maximal subpart.
TEST(Utf8, EveryMaximalSubpartBecomesOneReplacement) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(repaired("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(repaired("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(repaired("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(repaired("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
}

TEST(Utf8, ValidTextIsLeftAlone) {
  const std::string text =
      "plain ASCII, \xC3\xA9, \xE2\x82\xAC, \xF0\x9F\x98\x80 and a NUL: " + std::string(1, '\0');
  std::string copy = text;
  EXPECT_TRUE(is_utf8(text));
  EXPECT_EQ(repair_utf8(copy), 0u);
  EXPECT_EQ(copy, text);
}

TEST(Utf8, EveryScalarValueSurvivesTheRoundTrip) {
  for (char32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, code);
    const Utf8Char back = decode_utf8(text);
    ASSERT_TRUE(back.valid);
    ASSERT_EQ(back.code, code);
    ASSERT_EQ(static_cast<std::size_t>(back.bytes), text.size());
  }
}

}  // namespace
}  // namespace lyceum
