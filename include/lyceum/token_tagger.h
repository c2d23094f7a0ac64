// Spans of a text with a label: names, places, parts of speech.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lyceum/load_options.h"

namespace lyceum {

class TagTask;  // of the library's inside

struct TaggedSpan {
  std::string label;                 // "B-PER" of a token; "PER" of joined ones
  float score = 0;                   // probability; of joined tokens their mean
  std::string word;                  // the tokens as text
  std::uint32_t begin = 0, end = 0;  // bytes of the text
  std::int64_t token = -1;           // place of the token among the text's; -1 of joined ones
};

struct TaggedText {
  std::vector<TaggedSpan> spans;  // in the order of the text
  bool truncated = false;
};

enum class Aggregation {
  kNone,     // every token by itself
  kSimple,   // neighbours of one label are joined; B- begins a new span
  kFirst,    // a word has its first token's label, then as kSimple
  kAverage,  // a word has the label of its tokens' mean scores
  kMax       // a word has the label of its surest token
};

struct TagOptions {
  Aggregation aggregation = Aggregation::kNone;
  std::vector<std::string> ignored_labels{"O"};
  // Tokens that neighbouring windows of a long text share; -1: a long text is cut instead. Not with kNone.
  std::int64_t stride = -1;
};

// Cheap to copy; copies share the weights. Safe to use from several threads at once. The reference is
// transformers' TokenClassificationPipeline.
class TokenTagger {
 public:
  static TokenTagger load(const std::string& model,
                          const LoadOptions& options = {});  // as EmbeddingModel::load

  const std::vector<std::string>& labels() const;
  std::int64_t max_tokens() const;  // of a text or window, special tokens included

  // Throws Errc::kUsage for a stride that leaves no room or stands with kNone.
  std::vector<TaggedText> tag(std::span<const std::string> texts, const TagOptions& options = {}) const;
  TaggedText tag(const std::string& text, const TagOptions& options = {}) const;

 private:
  explicit TokenTagger(std::shared_ptr<const TagTask> inside) : inside_(std::move(inside)) {}
  std::shared_ptr<const TagTask> inside_;
};

}  // namespace lyceum
