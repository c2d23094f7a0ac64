// The lines of an input as vectors in memory: what verbs need that compare all with all.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/lyceum/app.h"
#include "tasks/embed/embedder.h"
#include "tensor/tensor.h"

namespace lyceum::app {

struct EmbeddedLines {
  Tensor vectors;                  // [lines, width], finite
  std::vector<std::string> texts;  // empty unless they are kept
};
// All that `reader` still gives; reports what was repaired, and counts in `cuts` what was cut. `what` stands
// before the progress.
EmbeddedLines embed_lines(const char* what, LineReader& reader, const Embedder& embedder, bool keep_texts,
                          CutTexts& cuts, const Common& common);

// What such verbs take besides their own options.
struct EmbeddingChoices {
  EmbedderOptions embedder;
  CutTexts cuts;
};
void add_embedding(Verb& verb, EmbeddingChoices& choices);
// Reports tensors that the model does not need.
std::shared_ptr<const Embedder> load_embedder(const std::string& model, const EmbeddingChoices& choices,
                                              const Common& common);

// An option that is a cosine, for Option::check: "" or what is wrong.
std::string wrong_cosine(const std::string& text);

}  // namespace lyceum::app
