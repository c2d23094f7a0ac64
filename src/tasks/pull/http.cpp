#include "tasks/pull/http.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <signal.h>
#include <time.h>

#include <array>
#include <exception>

#include "base/error.h"
#include "base/interrupt.h"
#include "formats/hub_cache.h"

namespace lyceum {
namespace {

constexpr std::size_t kMostHeaderBytes = 256 << 10;

// The functions of libcurl that are used. Its soname has been .4 since 2006, and the GnuTLS flavour has the
// same functions.
struct Curl {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_version) version = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_reset) easy_reset = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
  std::string trouble;  // why it is not there
};

template <class F>
void find_function(void* library, const char* name, F& function, std::string& trouble) {
  function = reinterpret_cast<F>(::dlsym(library, name));
  if (function == nullptr) trouble = std::string(name) + " is missing";
}

// Loaded once and never given back: TLS libraries leave handlers behind.
const Curl& curl() {
  static const Curl loaded = [] {
    Curl c;
    void* library = nullptr;
    for (const char* name : {"libcurl.so.4", "libcurl-gnutls.so.4"})
      if (library == nullptr) library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      c.trouble = "found neither libcurl.so.4 nor libcurl-gnutls.so.4";
      return c;
    }
    find_function(library, "curl_global_init", c.global_init, c.trouble);
    find_function(library, "curl_version", c.version, c.trouble);
    find_function(library, "curl_easy_init", c.easy_init, c.trouble);
    find_function(library, "curl_easy_reset", c.easy_reset, c.trouble);
    find_function(library, "curl_easy_cleanup", c.easy_cleanup, c.trouble);
    find_function(library, "curl_easy_setopt", c.easy_setopt, c.trouble);
    find_function(library, "curl_easy_perform", c.easy_perform, c.trouble);
    find_function(library, "curl_easy_strerror", c.easy_strerror, c.trouble);
    find_function(library, "curl_slist_append", c.slist_append, c.trouble);
    find_function(library, "curl_slist_free_all", c.slist_free_all, c.trouble);
    if (c.trouble.empty() && c.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
      c.trouble = "curl_global_init failed";
    return c;
  }();
  return loaded;
}

// A TLS library writes to a socket that the peer has closed: without this the signal would end the program.
class NoBrokenPipe {
 public:
  NoBrokenPipe() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoBrokenPipe() {
    const timespec now{0, 0};
    if (!was_pending_)
      while (::sigtimedwait(&pipe_, nullptr, &now) == SIGPIPE) {
      }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoBrokenPipe(const NoBrokenPipe&) = delete;
  NoBrokenPipe& operator=(const NoBrokenPipe&) = delete;

 private:
  sigset_t pipe_{}, before_{};
  bool was_pending_ = false;
};

// What the callbacks share. No exception may pass through libcurl: it waits in `thrown`.
struct Transfer {
  HttpHead head;
  std::size_t header_bytes = 0;
  bool has_body = false;
  Http::Body* body;
  std::exception_ptr thrown;
};

std::size_t on_header(char* data, std::size_t, std::size_t bytes, void* user) {
  Transfer& t = *static_cast<Transfer*>(user);
  if (t.has_body) return bytes;  // trailers
  if ((t.header_bytes += bytes) > kMostHeaderBytes) return 0;
  std::string_view line(data, bytes);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {  // another one after 100 Continue
    t.head = {};
    const auto space = line.find(' ');
    if (space != line.npos && line.size() >= space + 4)
      for (std::size_t i = space + 1; i < space + 4 && line[i] >= '0' && line[i] <= '9'; ++i)
        t.head.status = 10 * t.head.status + (line[i] - '0');
    return bytes;
  }
  const auto colon = line.find(':');
  if (colon == line.npos) return bytes;
  std::string name(line.substr(0, colon));
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  t.head.fields.emplace(std::move(name), value);
  return bytes;
}

std::size_t on_body(char* data, std::size_t, std::size_t bytes, void* user) {
  Transfer& t = *static_cast<Transfer*>(user);
  t.has_body = true;
  try {
    (*t.body)(t.head, {data, bytes});
    return bytes;
  } catch (...) {
    t.thrown = std::current_exception();
    return bytes + 1;  // anything but `bytes` ends it
  }
}

int on_progress(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) { return interrupted() ? 1 : 0; }

bool may_retry(CURLcode code) {
  static constexpr std::array kOften{CURLE_COULDNT_RESOLVE_PROXY,
                                     CURLE_COULDNT_RESOLVE_HOST,
                                     CURLE_COULDNT_CONNECT,
                                     CURLE_PARTIAL_FILE,
                                     CURLE_OPERATION_TIMEDOUT,
                                     CURLE_SSL_CONNECT_ERROR,
                                     CURLE_GOT_NOTHING,
                                     CURLE_SEND_ERROR,
                                     CURLE_RECV_ERROR,
                                     CURLE_HTTP2,
                                     CURLE_HTTP2_STREAM};
  for (const CURLcode often : kOften)
    if (code == often) return true;
  return false;
}

}  // namespace

struct Http::Inside {
  CURL* handle = nullptr;
};

Http::Http() : inside_(std::make_unique<Inside>()) {
  if (!curl().trouble.empty())
    fail(Errc::kUnsupported, "fetching models needs the library libcurl: {}. Fix: apt-get install libcurl4",
         curl().trouble);
  inside_->handle = curl().easy_init();
  if (inside_->handle == nullptr) fail(Errc::kIo, "libcurl: cannot begin");
}

Http::~Http() {
  if (inside_->handle != nullptr) curl().easy_cleanup(inside_->handle);
}

HttpResult Http::send(const HttpRequest& request, Body body) {
  check_interrupt();
  CURL* const h = inside_->handle;
  const Curl& c = curl();
  const NoBrokenPipe no_broken_pipe;
  Transfer transfer;
  transfer.body = &body;
  char message[CURL_ERROR_SIZE] = "";
  c.easy_reset(h);  // connections are kept
  bool is_set = true;
  const auto set = [&](CURLoption option, auto value) {
    is_set = c.easy_setopt(h, option, value) == CURLE_OK && is_set;
  };
  set(CURLOPT_ERRORBUFFER, message);
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &on_progress);
  set(CURLOPT_HEADERFUNCTION, &on_header);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
  set(CURLOPT_WRITEFUNCTION, &on_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  // a wish: libcurl refuses it while it still holds the buffer of a request that failed
  c.easy_setopt(h, CURLOPT_BUFFERSIZE, 512L << 10);
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(request.connect_seconds));
  set(CURLOPT_LOW_SPEED_LIMIT, 1024L);
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.stall_seconds));
  set(CURLOPT_TIMEOUT, static_cast<long>(request.total_seconds));
  set(CURLOPT_NOBODY, request.head_only ? 1L : 0L);
  set(CURLOPT_USERAGENT, "lyceum");
  // a company's own authority, where other programs of the machine look for it
  const std::string authorities = environment("SSL_CERT_FILE");
  if (!authorities.empty()) set(CURLOPT_CAINFO, authorities.c_str());
  curl_slist* list = nullptr;
  const auto header = [&](const std::string& line) {
    curl_slist* const longer = c.slist_append(list, line.c_str());
    if (longer == nullptr)
      is_set = false;
    else
      list = longer;
  };
  header("Accept-Encoding: identity");
  if (!request.token.empty()) header("Authorization: Bearer " + request.token);
  if (request.from > 0) header(fmt::format("Range: bytes={}-", request.from));
  set(CURLOPT_HTTPHEADER, list);
  const CURLcode code = is_set ? c.easy_perform(h) : CURLE_FAILED_INIT;
  c.slist_free_all(list);
  if (transfer.thrown) std::rethrow_exception(transfer.thrown);
  if (code == CURLE_ABORTED_BY_CALLBACK) fail(Errc::kInterrupted, "interrupted");
  HttpResult result{.head = std::move(transfer.head)};
  result.is_complete = code == CURLE_OK;
  result.may_retry = may_retry(code);
  if (code != CURLE_OK) result.trouble = *message != '\0' ? message : c.easy_strerror(code);
  return result;
}

std::string http_library() { return curl().trouble.empty() ? curl().version() : "none"; }

}  // namespace lyceum
