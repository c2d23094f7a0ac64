#include "tasks/pull/hub_client.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/random.h"
#include "tasks/pull/repository_info.h"

namespace lyceum {
namespace {

constexpr int kMostRedirects = 10;
constexpr int kMostRepetitions = 5;
constexpr double kLongestWait = 30;
constexpr std::size_t kMostInfoBytes = 32 << 20;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Whether a redirect says what the file is, and only its content is elsewhere: not so when it leads to
// another name of the repository.
bool is_metadata(const HttpHead& head, const std::string& url, const std::string& location) {
  if (head.find("x-linked-etag") != nullptr) return true;
  const auto next = parse_location(url, location);
  return head.find("etag") != nullptr && (!next || parse_origin(*next) != parse_origin(url));
}

const auto no_body = [](const HttpHead&, std::string_view) {};

}  // namespace

std::string redirect_target(const std::string& url, const std::string& location) {
  const auto next = parse_location(url, location);
  if (!next)
    fail(Errc::kData, "{}: redirects to '{}', expected an http(s) address without a user name",
         printable(url), printable(location));
  if (url.starts_with("https:") && !next->starts_with("https:"))
    fail(Errc::kData, "{}: redirects from https to {}, which is not protected", printable(url),
         printable(*next));
  return *next;
}

Backoff::Backoff(double first_seconds)
    : first_seconds_(first_seconds),
      seed_(static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count())) {}

bool Backoff::wait(std::optional<double> asked_seconds) {
  if (count_ == kMostRepetitions) return false;
  const double share = unit_float(philox(seed_, static_cast<std::uint64_t>(count_), 0)[0]);
  const double own = std::min(kLongestWait, first_seconds_ * std::ldexp(1.0, count_)) * (0.5 + 0.5 * share);
  ++count_;
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(std::max(own, asked_seconds.value_or(0)));
  while (Clock::now() < end) {
    check_interrupt();
    const timespec pause{0, 10'000'000};
    ::nanosleep(&pause, nullptr);
  }
  check_interrupt();
  return true;
}

HubClient::HubClient(const HubSettings& settings) : settings_(settings) {
  const auto origin = parse_origin(settings.endpoint);
  if (!origin)
    fail(Errc::kUsage, "HF_ENDPOINT: found '{}', expected an address such as https://huggingface.co",
         printable(settings.endpoint));
  origin_ = *origin;
}

HttpResult HubClient::ask(HttpRequest request, bool stay, Http::Body body) {
  const std::string first = request.url;
  std::map<std::string, std::string> earlier;  // what a hub said of the file before it sent us on
  for (int hop = 0; hop <= kMostRedirects; ++hop) {
    const auto origin = parse_origin(request.url);
    if (!origin) fail(Errc::kUsage, "{}: expected an http(s) address", printable(request.url));
    request.token = *origin == origin_ ? settings_.token : "";
    HttpResult result = http_.send(request, [&](const HttpHead& head, std::string_view bytes) {
      if (!is_redirect(head.status)) body(head, bytes);
    });
    const std::string* location = result.head.find("location");
    const bool is_answer = !result.is_complete || !is_redirect(result.head.status) || location == nullptr;
    if (is_answer || (stay && is_metadata(result.head, request.url, *location))) {
      result.head.fields.merge(earlier);
      return result;
    }
    for (const char* name : {"x-repo-commit", "x-linked-etag", "x-linked-size"})
      if (const std::string* value = result.head.find(name)) earlier.emplace(name, *value);
    request.url = redirect_target(request.url, *location);
  }
  fail(Errc::kData, "{}: found more than {} redirects, one behind the other", printable(first),
       kMostRedirects);
}

HttpResult HubClient::ask_patiently(const HttpRequest& request, bool stay, const std::function<void()>& begin,
                                    Http::Body body) {
  Backoff backoff(settings_.first_wait_seconds);
  while (true) {
    begin();
    HttpResult result = ask(request, stay, body);
    if (!is_passing(result)) return result;
    log(LogLevel::kDebug, "{}: {}; trying again", printable(request.url), trouble_of(result));
    if (!backoff.wait(asked_wait(result.head))) return result;
  }
}

bool HubClient::is_passing(const HttpResult& result) {
  if (!result.is_complete) return result.may_retry;
  const int status = result.head.status;
  return status == 408 || status == 429 || (status >= 500 && status <= 599);
}

std::optional<double> HubClient::asked_wait(const HttpHead& head) {
  const std::string* value = head.find("retry-after");
  return value == nullptr ? std::nullopt : parse_retry_after(*value);
}

std::string HubClient::trouble_of(const HttpResult& result) {
  return result.is_complete ? fmt::format("the server answers {}", result.head.status)
                            : printable(result.trouble);
}

std::string HubClient::repository_info(const HubName& name) {
  const HttpRequest request{
      .url = fmt::format("{}/api/models/{}/revision/{}", settings_.endpoint, name.repository,
                         url_encoded(name.revision, false)),
      .connect_seconds = settings_.metadata_seconds,
      .stall_seconds = settings_.metadata_seconds,
      .total_seconds = 30 * settings_.metadata_seconds,
  };
  std::string text;
  const HttpResult result = ask_patiently(
      request, false, [&] { text.clear(); },
      [&](const HttpHead& head, std::string_view bytes) {
        if (head.status != 200) return;  // a page of an error is nobody's
        if (text.size() + bytes.size() > kMostInfoBytes)
          fail(Errc::kLimit, "{}: sends more than {} bytes about the repository", printable(request.url),
               kMostInfoBytes);
        text += bytes;
      });
  if (!result.is_complete)
    fail(Errc::kIo, "{}: {}. Fix: check the connection, the proxy and HF_ENDPOINT.", printable(request.url),
         trouble_of(result));
  if (result.head.status != 200) fail_status(result.head, name, "");
  return text;
}

std::string HubClient::file_url(const HubName& name, const std::string& commit,
                                const std::string& path) const {
  return fmt::format("{}/{}/resolve/{}/{}", settings_.endpoint, name.repository, commit,
                     url_encoded(path, true));
}

FileMetadata HubClient::metadata(const HubName& name, const std::string& commit, const std::string& path) {
  const HttpRequest request{
      .url = file_url(name, commit, path),
      .head_only = true,
      .connect_seconds = settings_.metadata_seconds,
      .stall_seconds = settings_.metadata_seconds,
      .total_seconds = 2 * settings_.metadata_seconds,
  };
  const HttpResult result = ask_patiently(
      request, true, [] {}, no_body);
  const HttpHead& head = result.head;
  if (!result.is_complete)
    fail(Errc::kIo, "{}: {}. Fix: check the connection and try again.", printable(request.url),
         trouble_of(result));
  if (head.status != 200 && !is_redirect(head.status)) fail_status(head, name, path);
  if (const std::string* at = head.find("x-repo-commit"); at != nullptr && *at != commit)
    fail(Errc::kData, "{}: found the commit '{}', expected {}", printable(request.url), printable(*at),
         commit);
  const std::string* etag = head.find("x-linked-etag");
  if (etag == nullptr) etag = head.find("etag");
  if (etag == nullptr)
    fail(Errc::kData, "{}: sends no ETag, which names the content. Fix: is {} a hub?", printable(request.url),
         settings_.endpoint);
  const auto name_of_blob = parse_etag(*etag);
  if (!name_of_blob)
    fail(Errc::kData, "{}: found the ETag '{}', expected letters, digits and ._-", printable(request.url),
         printable(*etag));
  FileMetadata metadata{.etag = *name_of_blob};
  const std::string* size = head.find("x-linked-size");
  if (size == nullptr && !is_redirect(head.status)) size = head.find("content-length");
  if (size != nullptr) {
    metadata.size = parse_byte_count(*size);
    if (!metadata.size)
      fail(Errc::kData, "{}: found the size '{}', expected a number of bytes", printable(request.url),
           printable(*size));
  }
  return metadata;
}

HttpResult HubClient::download(const HubName& name, const std::string& commit, const std::string& path,
                               std::uint64_t from, Http::Body body) {
  return ask({.url = file_url(name, commit, path),
              .from = from,
              .connect_seconds = settings_.metadata_seconds,
              .stall_seconds = settings_.stall_seconds},
             false, body);
}

void HubClient::fail_status(const HttpHead& head, const HubName& name, const std::string& what) const {
  const std::string* code = head.find("x-error-code");
  const std::string* said = head.find("x-error-message");
  const std::string place = fmt::format("{}/{}", settings_.endpoint, name.repository);
  const std::string answer =
      fmt::format("the server answers {}{}", head.status, said ? ": " + printable(*said) : "");
  const std::string give_token =
      settings_.token.empty()
          ? fmt::format("set HF_TOKEN to a token of your account, or write it to {}", token_path().string())
          : "check that the token in use belongs to an account that may read it";
  const bool is_gated = code != nullptr && *code == "GatedRepo";
  if (is_gated)
    fail(Errc::kIo, "{} is gated ({}). Fix: accept its conditions at {} in a browser, then {}.",
         name.repository, answer, place, give_token);
  if (code != nullptr && *code == "RevisionNotFound")
    fail(Errc::kIo, "{} has no revision '{}' ({}). Fix: look at {}/tree/main for branches and tags.",
         name.repository, name.revision, answer, place);
  if (!what.empty() && head.status == 404)
    fail(Errc::kIo, "{}: '{}' is gone ({}). Fix: try again; the repository changed meanwhile.",
         name.repository, what, answer);
  if (head.status == 403)
    fail(Errc::kIo, "{}: access is denied ({}). Fix: {}.", name.repository, answer, give_token);
  // without a token the hub answers 401 to names that do not exist
  if (head.status == 401 || head.status == 404) {
    std::string near;
    for (const std::string& other : near_names(name.repository))
      near += (near.empty() ? " Did you mean " : " or ") + other;
    fail(Errc::kIo,
         "{} has no model '{}'{} or it is private ({}). Fix: check the name; if it is private, {}.{}",
         settings_.endpoint, name.repository,
         name.has_revision ? fmt::format(" or no revision '{}',", name.revision) : std::string(","), answer,
         give_token, near.empty() ? near : near + "?");
  }
  fail(Errc::kIo, "{}{}: {}. Fix: try again later; {} tells more.", name.repository,
       what.empty() ? "" : "/" + what, answer, settings_.endpoint);
}

}  // namespace lyceum
