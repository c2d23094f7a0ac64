// Questions to a hub: with its token, its redirects and its patience.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "formats/hub_cache.h"
#include "tasks/pull/header_values.h"
#include "tasks/pull/http.h"
#include "tasks/pull/settings.h"

namespace lyceum {

// Waits between repetitions: doubled each time, with a random part so that many clients do not come back at
// once.
class Backoff {
 public:
  explicit Backoff(double first_seconds);
  // Waits, at least as long as the server asked for. False when the repetitions are used up (5).
  // Errc::kInterrupted after a request_interrupt().
  bool wait(std::optional<double> asked_seconds);
  void reset() noexcept { count_ = 0; }

 private:
  double first_seconds_;
  int count_ = 0;
  std::uint64_t seed_;
};

struct FileMetadata {
  std::string etag;                   // the name of its blob
  std::optional<std::uint64_t> size;  // nothing when the server does not say
};

// Where a redirect of `url` leads. Errc::kData for what is not followed: other protocols than http and https,
// from https to http, addresses with a user name.
std::string redirect_target(const std::string& url, const std::string& location);

class HubClient {
 public:
  explicit HubClient(const HubSettings& settings);

  // The text of the repository's information, at most 32 MiB (Errc::kLimit).
  std::string repository_info(const HubName& name);
  // HEAD of the file. Errc::kData for an ETag that is no name, a size that is no number, another commit.
  FileMetadata metadata(const HubName& name, const std::string& commit, const std::string& path);
  // One attempt at the file from byte `from` on; redirects are followed, `body` gets the last answer only.
  HttpResult download(const HubName& name, const std::string& commit, const std::string& path,
                      std::uint64_t from, Http::Body body);

  // Throws what a status of 400 and above means for people. `what`: "" or the file that was asked for.
  [[noreturn]] void fail_status(const HttpHead& head, const HubName& name, const std::string& what) const;
  // Whether an attempt may be repeated, and how long the server asks to wait.
  static bool is_passing(const HttpResult& result);
  static std::optional<double> asked_wait(const HttpHead& head);
  static std::string trouble_of(const HttpResult& result);
  const HubSettings& settings() const noexcept { return settings_; }

 private:
  // Follows at most 10 redirects (Errc::kData). The token goes to the endpoint's own host only. With `stay` a
  // redirect that carries the file's metadata is the answer.
  HttpResult ask(HttpRequest request, bool stay, Http::Body body);
  HttpResult ask_patiently(const HttpRequest& request, bool stay, const std::function<void()>& begin,
                           Http::Body body);
  std::string file_url(const HubName& name, const std::string& commit, const std::string& path) const;

  HubSettings settings_;
  Origin origin_;
  Http http_;
};

}  // namespace lyceum
