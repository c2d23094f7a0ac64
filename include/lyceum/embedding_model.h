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
  std::int64_t max_tokens = 0;  // cut texts to fewer tokens than the model takes; 0: what the model says
  std::string
      dtype;  // products in "f32", "bf16" or "int8"; empty: int8 where the files are quantised, else f32
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

 private:
  friend class TextIndex;
  friend class TextClusterer;
  friend class PairMiner;
  explicit EmbeddingModel(std::shared_ptr<const Embedder> inside) : inside_(std::move(inside)) {}
  std::shared_ptr<const Embedder> inside_;
};

}  // namespace lyceum
