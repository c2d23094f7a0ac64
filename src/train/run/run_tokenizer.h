// The vocabulary that a recipe has learnt for its run: written once, beside what the run writes, and read
// again when it goes on.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "train/recipe/recipe.h"

namespace lyceum {

class Ranks;

struct TokenizerFiles {
  std::string tokenizer_json, tokenizer_config_json;
};
inline constexpr const char *kTokenizerFile = "tokenizer.json",
                            *kTokenizerConfigFile = "tokenizer_config.json";

struct RunTokenizerOptions {
  bool restart = false;    // learn it anew
  bool has_begun = false;  // weights have been learnt with what lies in the folder
  Ranks& ranks;            // rank 0 learns, writes and reads; the others get what it has
  std::function<void(const std::string& line)> say;
};

// DIRECTORY/tokenizer of recipe.output: both files, and learnt.json with the settings that they were learnt
// by and the files' digests. It appears whole or not at all. Where it is there it is read. Of a run that has
// begun it is never replaced: Errc::kData for settings of another vocabulary, each named, and for files that
// are not what was learnt; Errc::kIo where it is missing. Else throws what RecordFiles and train_tokenizer()
// throw, Errc::kUnsupported for files that are neither texts nor .jsonl, before anything is read.
TokenizerFiles run_tokenizer(const Recipe& recipe, const RunTokenizerOptions& options);

}  // namespace lyceum
