#include "tasks/pull/settings.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/error.h"
#include "base/file.h"
#include "formats/hub_cache.h"

namespace lyceum {
namespace {

bool is_set(const char* name) {
  std::string value = environment(name);
  for (char& c : value) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return value == "1" || value == "ON" || value == "YES" || value == "TRUE";
}

std::string trimmed(std::string text) {
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  while (!text.empty() && is_space(static_cast<unsigned char>(text.back()))) text.pop_back();
  return text;
}

int seconds(const char* name, int fallback) {
  const std::string text = environment(name);
  if (text.empty()) return fallback;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > 86400)
    fail(Errc::kUsage, "{}: found '{}', expected whole seconds from 1 to 86400", name, text);
  return value;
}

std::string find_token() {
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"})
    if (std::string set = trimmed(environment(name)); !set.empty()) return set;
  std::error_code error;
  if (is_set("HF_HUB_DISABLE_IMPLICIT_TOKEN") || !std::filesystem::is_regular_file(token_path(), error))
    return "";
  return trimmed(read_text(token_path(), 64 << 10));
}

}  // namespace

std::filesystem::path token_path() {
  if (const std::string set = environment("HF_TOKEN_PATH"); !set.empty()) return set;
  return hugging_face_home() / "token";
}

HubSettings HubSettings::from_environment() {
  HubSettings s;
  if (const std::string set = trimmed(environment("HF_ENDPOINT")); !set.empty()) s.endpoint = set;
  while (s.endpoint.ends_with('/')) s.endpoint.pop_back();
  if (!s.endpoint.starts_with("https://") && !s.endpoint.starts_with("http://"))
    fail(Errc::kUsage, "HF_ENDPOINT: found '{}', expected an address that begins with https:// or http://",
         s.endpoint);
  s.offline = is_set("HF_HUB_OFFLINE") || is_set("TRANSFORMERS_OFFLINE");
  s.use_links = !is_set("HF_HUB_DISABLE_SYMLINKS");
  s.metadata_seconds = seconds("HF_HUB_ETAG_TIMEOUT", s.metadata_seconds);
  s.stall_seconds = seconds("HF_HUB_DOWNLOAD_TIMEOUT", s.stall_seconds);
  s.token = find_token();
  // a line end in it would begin another header
  if (!std::all_of(s.token.begin(), s.token.end(), [](unsigned char c) { return c > 32 && c < 127; }))
    fail(Errc::kUsage,
         "the hub's token holds a space or a character that is not ASCII. Fix: look at HF_TOKEN and {}",
         token_path().string());
  return s;
}

}  // namespace lyceum
