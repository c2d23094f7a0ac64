#include "tasks/fill/fill.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/parallel.h"
#include "ops/embedding/embedding.h"
#include "tasks/common/scores.h"
#include "tasks/common/text_batches.h"

namespace lyceum {
namespace {

// Scores of a word are as long as the vocabulary: so many masks are scored at a time.
constexpr std::size_t kMasksAtATime = 64;

struct Mask {
  std::size_t text, place;  // of the batch; in the text
  std::int64_t row;         // of the batch's hidden states
};

}  // namespace

std::shared_ptr<const FillTask> FillTask::load(const std::string& model, std::optional<Compute> compute) {
  return load(ModelFolder::find(model), compute);
}

std::shared_ptr<const FillTask> FillTask::load(const ModelFolder& folder, std::optional<Compute> compute) {
  auto task = std::make_shared<const FillTask>(TaskModel::load(folder, Head::kWords, compute));
  if (task->m_.special.mask < 0)
    fail(Errc::kUnsupported, "{}: the tokenizer has no mask token", folder.path().string());
  return task;
}

std::vector<std::int32_t> FillTask::target_ids(std::span<const std::string> targets) const {
  std::vector<std::int32_t> ids;
  for (const std::string& target : targets) {
    std::optional<std::int32_t> id = m_.tokenizer->id(target);
    if (!id) {
      const Encoding pieces = m_.tokenizer->encode(target, {.add_special = false});
      if (pieces.ids.empty()) {
        log(LogLevel::kWarning, "target '{}': found no piece of the vocabulary in it; it is left out",
            target);
        continue;
      }
      id = pieces.ids[0];
      log(LogLevel::kWarning, "target '{}' is not in the vocabulary; '{}' stands for it", target,
          *m_.tokenizer->token(*id));
    }
    ids.push_back(*id);
  }
  if (ids.empty()) fail(Errc::kUsage, "targets: found none that the vocabulary has, expected at least one");
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

std::vector<FilledText> FillTask::fill(std::span<const std::string> texts, std::int64_t top,
                                       std::span<const std::int32_t> targets) const {
  std::vector<Encoding> encodings(texts.size());
  parallel_for(static_cast<std::int64_t>(texts.size()), 16, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      encodings[i] = m_.tokenizer->encode(texts[i], {.max_tokens = m_.max_tokens});
  });
  std::vector<FilledText> out(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    out[i].truncated = encodings[i].truncated;
    out[i].masks.resize(static_cast<std::size_t>(
        std::count(encodings[i].ids.begin(), encodings[i].ids.end(), m_.special.mask)));
  }
  const auto filling = [&](const Encoding& e, std::size_t place, bool is_only_mask, std::int32_t id,
                           float score) {
    std::vector<std::int32_t> ids;
    for (std::size_t t = 0; t < e.ids.size(); ++t)
      if (const std::int32_t token = t == place ? id : e.ids[t]; token != m_.special.padding)
        ids.push_back(token);
    return Filling{id, score, m_.tokenizer->decode(std::span(&id, 1), false),
                   m_.tokenizer->decode(ids, is_only_mask)};
  };
  run_batches(*m_.model, encodings, [&](const Tensor& hidden, const PackedTokens& batch, std::size_t first) {
    std::vector<Mask> masks;
    for (std::int64_t row = 0, s = 0; s < batch.layout.sequences(); ++s)
      for (std::size_t t = 0; row < batch.layout.end(s); ++row, ++t)
        if (batch.ids[static_cast<std::size_t>(row)] == m_.special.mask)
          masks.push_back({first + static_cast<std::size_t>(s), t, row});
    std::vector<std::size_t> found(static_cast<std::size_t>(batch.layout.sequences()), 0);
    for (std::size_t begin = 0; begin < masks.size(); begin += kMasksAtATime) {
      const std::size_t end = std::min(begin + kMasksAtATime, masks.size());
      std::vector<std::int64_t> rows;
      for (std::size_t i = begin; i < end; ++i) rows.push_back(masks[i].row);
      Tensor scores = m_.model->scores(embedding(hidden, rows), batch);
      for (std::size_t i = begin; i < end; ++i) {
        const std::span<float> words(
            scores.mutable_data<float>() + static_cast<std::int64_t>(i - begin) * scores.cols(),
            static_cast<std::size_t>(std::min(scores.cols(), m_.model->vocabulary())));
        softmax_in_place(words);
        std::vector<float> wanted;
        for (const std::int32_t id : targets) wanted.push_back(words[static_cast<std::size_t>(id)]);
        FilledText& text = out[masks[i].text];
        std::vector<Filling>& list = text.masks[found[masks[i].text - first]++];
        for (const std::size_t place : best_places(targets.empty() ? std::span<const float>(words) : wanted,
                                                   static_cast<std::size_t>(top))) {
          const auto id = targets.empty() ? static_cast<std::int32_t>(place) : targets[place];
          if (m_.tokenizer->token(id) == nullptr) continue;  // a row of the table beyond the vocabulary
          list.push_back(filling(encodings[masks[i].text], masks[i].place, text.masks.size() == 1, id,
                                 words[static_cast<std::size_t>(id)]));
        }
      }
    }
  });
  return out;
}

}  // namespace lyceum
