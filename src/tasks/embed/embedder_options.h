// How an embedder is loaded, and the same as a text, which a search index keeps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nn/model.h"

namespace lyceum {

struct EmbedderOptions {
  std::string prompt_name;                  // one of the model's prompts; empty: its default
  std::optional<std::string> prompt;        // a text of one's own instead
  std::string query_prompt_name;            // the same before questions only (TextRole::kQuery); neither: as
  std::optional<std::string> query_prompt;  // the two above say, else the model's prompt for questions
  std::int64_t max_tokens = 0;              // 0: what the model says
  std::vector<std::string> pooling;         // modes, as set_pooling; empty: the model's own
  std::int64_t truncate_dim = 0;   // keep so many values of a vector (Matryoshka); 0: what the model says
  bool normalize = false;          // to length 1 afterwards, whatever the model's modules do
  std::optional<Compute> compute;  // not given: as the files are
};

// What is not as EmbedderOptions{} has it, all but `compute`, as JSON in ASCII:
// {"normalize":true,"truncate_dim":3}; "" for nothing. Throws Errc::kLimit for more than a MiB.
std::string options_text(const EmbedderOptions& options);
// Throws Errc::kFormat or kLimit, beginning with `where`, for texts that options_text() cannot have given.
EmbedderOptions options_from_text(const std::string& text, const std::string& where);
// `given`, and `from` for what it leaves open.
EmbedderOptions filled_up(EmbedderOptions given, const EmbedderOptions& from);

}  // namespace lyceum
