// One HTTP request at a time by libcurl, which is loaded with the first Http. No redirect is followed here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/function_ref.h"

namespace lyceum {

struct HttpRequest {
  std::string url;         // http or https
  bool head_only = false;  // HEAD instead of GET
  std::string token;       // sent as Authorization: Bearer; empty: none
  std::uint64_t from = 0;  // more: Range: bytes=from-
  int connect_seconds = 10;
  int stall_seconds = 10;  // fewer than 1024 bytes a second for that long is a broken connection
  int total_seconds = 0;   // for the whole request; 0: no limit
};

struct HttpHead {
  int status = 0;
  std::map<std::string, std::string> fields;  // names in lower case; of several the first
  const std::string* find(const std::string& name) const {
    const auto at = fields.find(name);
    return at == fields.end() ? nullptr : &at->second;
  }
};

struct HttpResult {
  HttpHead head;
  bool is_complete = false;  // the answer came whole, whatever its status
  bool may_retry = false;    // if not: whether another attempt could help
  std::string trouble;       // if not: what libcurl says
};

class Http {
 public:
  using Body = FunctionRef<void(const HttpHead&, std::string_view)>;
  // Errc::kUnsupported when libcurl is not installed, or the build has no network.
  Http();
  ~Http();
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  // `body` gets the bytes as they come; what it throws ends the transfer and is thrown on. Proxies are those
  // of libcurl's environment variables. Errc::kInterrupted after a request_interrupt().
  HttpResult send(const HttpRequest& request, Body body);

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

// The libcurl that would be used, for people; "none" when it is missing or the build has no network.
std::string http_library();

}  // namespace lyceum
