// Sentence vectors (Reimers and Gurevych 2019) from a sentence-transformers folder or a plain encoder.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lyceum {

class Embedder;  // of the library's inside

struct EmbeddingOptions {
  std::string prompt_name;            // one of the model's prompts; empty: its default
  std::optional<std::string> prompt;  // a text of your own before every text instead
  // The same before the questions of a TextIndex only; without them questions have the prompt above, else the
  // model's own for questions where it has one.
  std::string query_prompt_name;
  std::optional<std::string> query_prompt;
  std::int64_t max_tokens = 0;       // cut texts to fewer tokens than the model takes; 0: what the model says
  std::vector<std::string> pooling;  // "mean", "cls", "max", "mean_sqrt_len", "weightedmean", "lasttoken",
                                     // one behind the other; empty: the model's own
  std::int64_t truncate_dim = 0;     // keep so many values of a vector (Matryoshka); 0: what the model says
  bool normalize = false;            // vectors of length 1, after any cut
  std::string dtype;                 // as LoadOptions::dtype
  bool pull = false;                 // as LoadOptions::pull
};

// Of late interaction: rows first[i] to first[i + 1] of `values` [rows, width] are the tokens of text i.
struct TokenEmbeddings {
  std::vector<float> values;
  std::vector<std::int64_t> first;  // [texts + 1]
  std::int64_t width = 0;
};

// Cheap to copy; copies share the weights. Safe to use from several threads at once.
class EmbeddingModel {
 public:
  // A folder, a weights file (.safetensors, .bin, .pt) with its configuration beside it, a bundled name or a
  // name in the Hugging Face cache. Throws Errc::kIo when it is not there, kUnsupported for families that
  // this build lacks, kFormat and kData for bad files.
  static EmbeddingModel load(const std::string& model, const EmbeddingOptions& options = {});

  std::int64_t width() const;       // values of a vector
  std::int64_t max_tokens() const;  // of a text, special tokens included; longer texts are cut
  bool is_normalized() const;       // every vector has length 1

  // [texts, width()] in row-major order, f32, in the order of the texts. A text's vector does not depend on
  // the others.
  std::vector<float> embed(std::span<const std::string> texts) const;
  std::vector<float> embed(const std::string& text) const;
  // A vector for every token, special ones too: the last layer, without pooling and what follows it; of
  // length 1 with `normalize`.
  TokenEmbeddings embed_tokens(std::span<const std::string> texts) const;

 private:
  friend class TextIndex;
  friend class TextClusterer;
  friend class PairMiner;
  explicit EmbeddingModel(std::shared_ptr<const Embedder> inside) : inside_(std::move(inside)) {}
  std::shared_ptr<const Embedder> inside_;
};

}  // namespace lyceum
