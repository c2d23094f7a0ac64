#include "apps/lyceum/embedded_lines.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "apps/lyceum/blocks.h"
#include "base/error.h"
#include "tasks/common/finite.h"

namespace lyceum::app {

EmbeddedLines embed_lines(const char* what, LineReader& reader, const Embedder& embedder, bool keep_texts,
                          CutTexts& cuts, const Common& common) {
  EmbeddedLines out;
  std::vector<Tensor> blocks;
  std::int64_t rows = 0;
  std::vector<std::uint8_t> truncated;
  in_blocks<std::string>(what, reader, common, 0, [&](std::span<const std::string> texts) {
    blocks.push_back(embedder.encode(texts, TextRole::kPlain, &truncated));
    check_finite(blocks.back(), texts);
    for (const std::uint8_t is_cut : truncated) cuts.add(is_cut != 0, embedder.max_tokens());
    rows += blocks.back().rows();
    if (keep_texts) out.texts.insert(out.texts.end(), texts.begin(), texts.end());
  });
  out.vectors = Tensor::empty({rows, embedder.width()});
  rows = 0;
  for (Tensor& block : blocks) {
    std::copy_n(block.data<float>(), block.elements(), out.vectors.mutable_row<float>(rows));
    rows += block.rows();
    block = Tensor();  // never all of them twice
  }
  reader.report();
  return out;
}

void add_embedding(Verb& verb, EmbeddingChoices& choices) {
  verb.option("--prompt-name", choices.embedder.prompt_name, "One of the model's prompts, before every text");
  add_vector_options(verb, choices.embedder);
  add_no_truncate(verb, choices.cuts);
}

std::shared_ptr<const Embedder> load_embedder(const std::string& model, const EmbeddingChoices& choices,
                                              const Common& common) {
  EmbedderOptions options = choices.embedder;
  options.compute = compute_of(common);
  auto embedder = Embedder::load(find_model(model, common), options);
  report_unused(embedder->unused(), common);
  return embedder;
}

std::string wrong_cosine(const std::string& text) {
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = error == std::errc() && stop == text.data() + text.size();
  return is_number && value >= -1 && value <= 1
             ? ""
             : fmt::format("found '{}', expected a cosine, from -1 to 1", text);
}

}  // namespace lyceum::app
