#include "tasks/pull/header_values.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "base/utf8.h"

namespace lyceum {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 53;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// Where the authority of an absolute address begins and ends.
struct Authority {
  std::size_t begin, end;
};
std::optional<Authority> authority_of(std::string_view url) {
  const auto colon = url.find("://");
  if (colon == url.npos) return std::nullopt;
  return Authority{colon + 3, std::min(url.find_first_of("/?#", colon + 3), url.size())};
}

// Whether a Location, trimmed, stays with its host by having none.
bool is_relative_location(std::string_view location) noexcept {
  return !location.starts_with("//") &&
         location.substr(0, location.find_first_of("/?#")).find(':') == std::string_view::npos;
}

}  // namespace

std::optional<std::string> parse_etag(std::string_view value) {
  value = trimmed(value);
  if (value.starts_with("W/")) value.remove_prefix(2);
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  const auto plain = [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; };
  if (value.empty() || value.size() > 200 || value.front() == '.' ||
      !std::all_of(value.begin(), value.end(), plain))
    return std::nullopt;
  return std::string(value);
}

std::optional<std::uint64_t> parse_byte_count(std::string_view value) {
  value = trimmed(value);
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), count);
  if (value.empty() || error != std::errc() || end != value.data() + value.size() || count > kMostBytes)
    return std::nullopt;
  return count;
}

std::optional<ContentRange> parse_content_range(std::string_view value) {
  value = trimmed(value);
  if (lower(value.substr(0, 6)) != "bytes ") return std::nullopt;
  value.remove_prefix(6);
  const auto dash = value.find('-'), slash = value.find('/');
  if (dash == value.npos || slash == value.npos || dash > slash) return std::nullopt;
  const auto first = parse_byte_count(value.substr(0, dash));
  const auto last = parse_byte_count(value.substr(dash + 1, slash - dash - 1));
  const std::string_view total = trimmed(value.substr(slash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  ContentRange range{*first, *last, std::nullopt};
  if (total == "*") return range;
  range.total = parse_byte_count(total);
  if (!range.total || *last >= *range.total) return std::nullopt;
  return range;
}

std::optional<double> parse_retry_after(std::string_view value) {
  const auto seconds = parse_byte_count(value);
  if (!seconds) return std::nullopt;
  return std::min(60.0, static_cast<double>(*seconds));
}

std::string printable(std::string_view text) {
  std::string out;
  for (int characters = 0; !text.empty(); ++characters) {
    if (characters == 200) return out + "...";
    const Utf8Char c = decode_utf8(text);
    append_utf8(out, c.code < 32 || (c.code >= 127 && c.code < 160) ? U' ' : c.code);
    text.remove_prefix(static_cast<std::size_t>(c.bytes));
  }
  return out;
}

std::string url_encoded(std::string_view text, bool keep_slashes) {
  std::string out;
  for (const char c : text) {
    const bool plain =
        is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~' || (keep_slashes && c == '/');
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::optional<Origin> parse_origin(std::string_view url) {
  if (url.size() > 8192 ||
      std::any_of(url.begin(), url.end(), [](unsigned char c) { return c <= 32 || c >= 127 || c == '\\'; }))
    return std::nullopt;
  const auto part = authority_of(url);
  if (!part) return std::nullopt;
  Origin origin;
  origin.scheme = lower(url.substr(0, part->begin - 3));
  if (origin.scheme != "https" && origin.scheme != "http") return std::nullopt;
  origin.port = origin.scheme == "https" ? 443 : 80;
  std::string_view host = url.substr(part->begin, part->end - part->begin);
  if (host.find('@') != host.npos) return std::nullopt;
  // [::1]:8080 has colons of its own
  const auto bracket = host.rfind(']');
  const auto colon = host.find(':', bracket == host.npos ? 0 : bracket);
  if (colon != host.npos) {
    const auto port = parse_byte_count(host.substr(colon + 1));
    if (!port || *port < 1 || *port > 65535) return std::nullopt;
    origin.port = static_cast<int>(*port);
    host = host.substr(0, colon);
  }
  const auto plain = [](char c) {
    return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == ':' || c == '[' || c == ']';
  };
  if (host.empty() || !std::all_of(host.begin(), host.end(), plain)) return std::nullopt;
  origin.host = lower(host);
  return origin;
}

std::optional<std::string> parse_location(const std::string& base, std::string_view location) {
  location = trimmed(location);
  const auto part = authority_of(base);
  if (!part || location.empty()) return std::nullopt;
  std::string url;
  if (!is_relative_location(location)) {
    url = (location.starts_with("//") ? base.substr(0, part->begin - 2) : "") + std::string(location);
  } else {
    const std::size_t path_end = std::min(base.find_first_of("?#", part->end), base.size());
    std::size_t keep = part->end;
    if (location.front() == '?')
      keep = path_end;
    else if (location.front() != '/')
      keep = path_end > part->end ? base.rfind('/', path_end - 1) + 1 : part->end;
    url = base.substr(0, keep);
    if (keep == part->end && location.front() != '/') url += '/';
    url += location;
  }
  if (const auto fragment = url.find('#'); fragment != std::string::npos) url.resize(fragment);
  const auto origin = parse_origin(url);
  if (!origin) return std::nullopt;
  return origin->scheme + url.substr(origin->scheme.size());
}

}  // namespace lyceum
