// Values of a server's headers, read without trust.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lyceum {

// The name that a blob gets: W/ and quotes taken off. Nothing unless it is 1 to 200 of A-Z a-z 0-9 . _ - and
// does not begin with a dot.
std::optional<std::string> parse_etag(std::string_view value);

// A whole number of bytes up to 2^53.
std::optional<std::uint64_t> parse_byte_count(std::string_view value);

struct ContentRange {
  std::uint64_t first = 0, last = 0;   // first <= last
  std::optional<std::uint64_t> total;  // last < total; nothing for '*'
};
// "bytes 5-9/10" or "bytes 5-9/*" (RFC 9110, 14.4).
std::optional<ContentRange> parse_content_range(std::string_view value);

// Seconds that a server asks to wait, at most 60; nothing for dates and everything else.
std::optional<double> parse_retry_after(std::string_view value);

// A server's text for people: control characters and invalid UTF-8 replaced, at most 200 characters.
std::string printable(std::string_view text);

// A path or one part of it for an address: everything but letters, digits and -._~ as %XX, '/' too unless
// `keep_slashes`.
std::string url_encoded(std::string_view text, bool keep_slashes);

// Address parts that rules about hosts compare. Nothing but http and https, no user name, no control
// character, at most 8192 bytes.
struct Origin {
  std::string scheme, host;  // lower case
  int port = 0;              // the scheme's own where none is written
  bool operator==(const Origin&) const = default;
};
std::optional<Origin> parse_origin(std::string_view url);

// The address that a Location header means, seen from `base`: absolute, "//host/path", "/path", "?query" or
// "path". Nothing when the outcome is no http(s) address as parse_origin() wants it.
std::optional<std::string> parse_location(const std::string& base, std::string_view location);

}  // namespace lyceum
