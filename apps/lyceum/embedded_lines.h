// The lines of an input as vectors in memory: what verbs need that compare all with all.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "apps/lyceum/app.h"
#include "base/log.h"
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

// work(progress), which compares the vectors of so many texts; --verbose says how long that took.
template <class Work>
auto compared(std::int64_t texts, const Common& common, Work work) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  Progress progress("compare", texts, common);
  auto result = work([&](std::int64_t done) { progress.update(done); });
  log(LogLevel::kDebug, "compared {} texts in {:.3f} s", texts,
      std::chrono::duration<double>(Clock::now() - begin).count());
  return result;
}

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
