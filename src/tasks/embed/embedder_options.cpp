#include "tasks/embed/embedder_options.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "formats/sentence_pipeline.h"

namespace lyceum {
namespace {

constexpr std::uint64_t kMostBytes = 1 << 20;
constexpr std::int64_t kMostNumber = INT64_MAX;

}  // namespace

std::string options_text(const EmbedderOptions& o) {
  Json json = Json::object();
  if (!o.prompt_name.empty()) json["prompt_name"] = o.prompt_name;
  if (o.prompt) json["prompt"] = *o.prompt;
  if (!o.query_prompt_name.empty()) json["query_prompt_name"] = o.query_prompt_name;
  if (o.query_prompt) json["query_prompt"] = *o.query_prompt;
  if (o.max_tokens > 0) json["max_tokens"] = o.max_tokens;
  if (!o.pooling.empty()) json["pooling"] = o.pooling;
  if (o.truncate_dim > 0) json["truncate_dim"] = o.truncate_dim;
  if (o.normalize) json["normalize"] = true;
  if (json.empty()) return {};
  std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kMostBytes)
    fail(Errc::kLimit,
         "embedding options: found {} bytes of JSON, expected at most {}. Fix: shorter prompts.", text.size(),
         kMostBytes);
  return text;
}

EmbedderOptions options_from_text(const std::string& text, const std::string& where) {
  EmbedderOptions o;
  if (text.empty()) return o;
  const Json json = parse_json(text, where, {.depth = 2, .bytes = kMostBytes});
  const JsonFields f(json, where);
  constexpr const char* kKeys[] = {"prompt_name", "prompt",  "query_prompt_name", "query_prompt",
                                   "max_tokens",  "pooling", "truncate_dim",      "normalize"};
  for (const auto& [key, value] : json.items())
    if (std::find(std::begin(kKeys), std::end(kKeys), key) == std::end(kKeys) || value.is_null())
      f.wrong(key, "one of the embedding options of this version");
  o.prompt_name = f.text("prompt_name", "");
  if (f.has("prompt")) o.prompt = f.text("prompt");
  o.query_prompt_name = f.text("query_prompt_name", "");
  if (f.has("query_prompt")) o.query_prompt = f.text("query_prompt");
  o.max_tokens = f.integer("max_tokens", 0, 1, kMostNumber);
  if (f.has("pooling")) {
    o.pooling = f.texts("pooling");
    try {
      check_pooling(o.pooling, where + ": 'pooling'");
    } catch (const Error& error) {
      fail(Errc::kFormat, "{}", error.what());
    }
  }
  o.truncate_dim = f.integer("truncate_dim", 0, 1, kMostNumber);
  o.normalize = f.boolean("normalize", false);
  return o;
}

EmbedderOptions filled_up(EmbedderOptions given, const EmbedderOptions& from) {
  if (given.prompt_name.empty() && !given.prompt) {
    given.prompt_name = from.prompt_name;
    given.prompt = from.prompt;
  }
  if (given.query_prompt_name.empty() && !given.query_prompt) {
    given.query_prompt_name = from.query_prompt_name;
    given.query_prompt = from.query_prompt;
  }
  if (given.max_tokens <= 0) given.max_tokens = from.max_tokens;
  if (given.pooling.empty()) given.pooling = from.pooling;
  if (given.truncate_dim <= 0) given.truncate_dim = from.truncate_dim;
  given.normalize = given.normalize || from.normalize;
  if (!given.compute) given.compute = from.compute;
  return given;
}

}  // namespace lyceum
