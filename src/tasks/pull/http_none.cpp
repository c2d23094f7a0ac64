// The build without LYCEUM_HUB.
#include "base/error.h"
#include "tasks/pull/http.h"

namespace lyceum {

struct Http::Inside {};

Http::Http() {
  fail(Errc::kUnsupported,
       "this build cannot fetch models. Fix: configure it with -DLYCEUM_HUB=ON (needs libcurl4-openssl-dev), "
       "or "
       "copy the model's folder here");
}
Http::~Http() = default;
HttpResult Http::send(const HttpRequest&, Body) { return {}; }
std::string http_library() { return "none"; }

}  // namespace lyceum
