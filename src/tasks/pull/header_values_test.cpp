#include "tasks/pull/header_values.h"

#include <gtest/gtest.h>

namespace lyceum {
namespace {

TEST(HeaderValues, EtagsBecomeNamesOfBlobs) {
  EXPECT_EQ(parse_etag("\"abc\""), "abc");
  EXPECT_EQ(parse_etag(" W/\"a-b_c.1\" "), "a-b_c.1");
  EXPECT_EQ(parse_etag("abc"), "abc");
  for (const char* bad :
       {"", "\"\"", "\"", "\"a/b\"", "..", ".a", "\"a\\b\"", "a b", "a\tb", "\"caf\xc3\xa9\""})
    EXPECT_FALSE(parse_etag(bad)) << bad;
  EXPECT_TRUE(parse_etag(std::string(200, 'a')));
  EXPECT_FALSE(parse_etag(std::string(201, 'a')));
  EXPECT_FALSE(parse_etag(std::string("a\0b", 3)));
}

TEST(HeaderValues, CountsOfBytes) {
  EXPECT_EQ(parse_byte_count("0"), 0u);
  EXPECT_EQ(parse_byte_count(" 9007199254740992 "), std::uint64_t{1} << 53);
  for (const char* bad :
       {"", "-1", "+1", "9007199254740993", "18446744073709551616", "1.5", "1e3", "0x10", "1 2", "1,1"})
    EXPECT_FALSE(parse_byte_count(bad)) << bad;
}

TEST(HeaderValues, ContentRanges) {
  const auto range = parse_content_range("bytes 5-9/10");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->first, 5u);
  EXPECT_EQ(range->last, 9u);
  EXPECT_EQ(range->total, 10u);
  EXPECT_FALSE(parse_content_range("BYTES 0-0/*")->total);
  for (const char* bad :
       {"", "bytes", "bytes 5-4/10", "bytes 5-10/10", "bytes */10", "bytes 5/10", "items 5-9/10", "bytes 5-9",
        "bytes -9/10", "bytes 5-/10", "bytes 5-9/", "bytes 5-9/x", "bytes 5-9/10/11"})
    EXPECT_FALSE(parse_content_range(bad)) << bad;
}

TEST(HeaderValues, RetryAfterIsCapped) {
  EXPECT_EQ(parse_retry_after("7"), 7.0);
  EXPECT_EQ(parse_retry_after("86400"), 60.0);
  EXPECT_FALSE(parse_retry_after("Wed, 21 Oct 2026 07:28:00 GMT"));
  EXPECT_FALSE(parse_retry_after("-1"));
}

TEST(HeaderValues, OriginsAreHttpWithoutUserNames) {
  const auto origin = parse_origin("HTTPS://Example.ORG/a?b");
  ASSERT_TRUE(origin);
  EXPECT_EQ(origin->scheme, "https");
  EXPECT_EQ(origin->host, "example.org");
  EXPECT_EQ(origin->port, 443);
  EXPECT_EQ(parse_origin("http://[::1]:8080/x")->port, 8080);
  EXPECT_EQ(parse_origin("http://[::1]/x")->port, 80);
  EXPECT_EQ(parse_origin("https://h:443"), parse_origin("https://H/other"));
  EXPECT_NE(parse_origin("https://h:444"), parse_origin("https://h"));
  EXPECT_NE(parse_origin("http://h"), parse_origin("https://h"));
  for (const char* bad :
       {"", "h", "//h/x", "file:///etc/passwd", "ftp://h", "javascript:alert(1)", "http://", "http:///x",
        "http://u@h/", "http://u:p@h/", "http://h:0/", "http://h:65536/", "http://h:x/", "http://h h/",
        "http://h\\@evil/", "http://h\r\nX: 1/", "http://h%2eevil/"})
    EXPECT_FALSE(parse_origin(bad)) << bad;
  EXPECT_FALSE(parse_origin("http://h/" + std::string(9000, 'a')));
}

// RFC 3986, 5.4, as far as hubs use it
TEST(HeaderValues, LocationsAreSeenFromWhereTheyCame) {
  const std::string base = "https://h:1/a/b/c?q#f";
  EXPECT_EQ(parse_location(base, "https://other/x"), "https://other/x");
  EXPECT_EQ(parse_location(base, "//other/x"), "https://other/x");
  EXPECT_EQ(parse_location(base, "  //other/x "), "https://other/x");
  EXPECT_EQ(parse_location(base, "/x?y"), "https://h:1/x?y");
  EXPECT_EQ(parse_location(base, "x"), "https://h:1/a/b/x");
  EXPECT_EQ(parse_location(base, "?y"), "https://h:1/a/b/c?y");
  EXPECT_EQ(parse_location(base, "x#fragment"), "https://h:1/a/b/x");
  EXPECT_EQ(parse_location("http://h", "x"), "http://h/x");
  EXPECT_EQ(parse_location(base, "HTTP://H/X"), "http://H/X");
  EXPECT_EQ(parse_location("http://h?q", "x"), "http://h/x");
  EXPECT_EQ(parse_location(base, "/x:y"), "https://h:1/x:y");  // a colon behind the first slash is no scheme
  for (const char* bad :
       {"", "file:///etc/passwd", "javascript:1", "mailto:a@b", "//u@h/", "https://", "/a b", "/a\r\nb"})
    EXPECT_FALSE(parse_location(base, bad)) << bad;
}

TEST(HeaderValues, TextsForPeopleHaveNoControls) {
  EXPECT_EQ(printable("a\x1b[31mb\r\n\xff"), "a [31mb  \xef\xbf\xbd");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            " 31m");  // CSI in one character
  EXPECT_EQ(printable(std::string(1000, 'x')).size(), 203u);
  EXPECT_EQ(url_encoded("a/b c%\xc3\xa9", true), "a/b%20c%25%C3%A9");
  EXPECT_EQ(url_encoded("refs/pr/1", false), "refs%2Fpr%2F1");
}

}  // namespace
}  // namespace lyceum
