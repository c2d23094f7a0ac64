#include "papers/pretraining.h"

#include <fmt/core.h>

#include <algorithm>

namespace lyceum::papers {

std::int64_t short_block(const Study& study) { return study.pick(32, 24, 24); }
std::int64_t long_block(const Study& study) { return study.pick(128, 64, 64); }

std::vector<std::string> bert_body(const Study& study) {
  const std::int64_t width = study.pick(256, 128, 16);
  return {fmt::format("model.config.hidden_size={}", width),
          fmt::format("model.config.num_hidden_layers={}", study.pick(4, 2, 1)),
          fmt::format("model.config.num_attention_heads={}", study.pick(4, 2, 2)),
          fmt::format("model.config.intermediate_size={}", 4 * width),
          fmt::format("model.config.max_position_embeddings={}", long_block(study))};
}

Pretrained pretrain(Study& study, const Pretraining& p) {
  const auto run = [&](const std::string& recipe, const std::string& name, std::vector<std::string> settings,
                       std::int64_t steps, std::int64_t block, std::int64_t blocks) {
    for (const std::string& more :
         {fmt::format("train.seed={}", p.seed), fmt::format("train.steps={}", steps),
          fmt::format("train.valid_every={}", std::max<std::int64_t>(1, steps / 10)),
          fmt::format("train.warmup_steps={}", steps / 10), fmt::format("train.context_tokens={}", block),
          fmt::format("train.batch_sequences={}", blocks)})
      settings.push_back(more);
    settings.insert(settings.end(), p.settings.begin(), p.settings.end());
    return study.train(
        {.recipe = recipe, .name = name, .settings = settings, .keep_model = true, .measure = {}});
  };
  Pretrained out;
  std::vector<std::string> first = p.model;
  first.push_back(fmt::format("train.learning_rate={}", study.pick("1e-3", "1.5e-3", "1e-3")));
  out.in_short = run(p.recipe, p.longer.empty() ? p.name : p.name + "_short", first, p.steps,
                     short_block(study), study.pick(64, 40, 4));
  out.last = p.longer.empty()
                 ? out.in_short
                 : run(p.longer, p.name, {"model.from=" + out.in_short.model},
                       std::max<std::int64_t>(1, p.steps / 8), long_block(study), study.pick(16, 16, 2));
  return out;
}

}  // namespace lyceum::papers
