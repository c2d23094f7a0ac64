#include "tasks/tag/tag.h"

#include <algorithm>

#include "base/error.h"
#include "base/parallel.h"
#include "tasks/common/scores.h"
#include "tasks/common/text_batches.h"
#include "tasks/tag/spans.h"
#include "text/windows.h"

namespace lyceum {

std::shared_ptr<const TagTask> TagTask::load(const std::string& model, std::optional<Compute> compute) {
  return load(ModelFolder::find(model), compute);
}

std::shared_ptr<const TagTask> TagTask::load(const ModelFolder& folder, std::optional<Compute> compute) {
  return std::make_shared<const TagTask>(TaskModel::load(folder, Head::kTokens, compute));
}

std::vector<TaggedText> TagTask::tag(std::span<const std::string> texts, const TagOptions& options) const {
  const std::int64_t room = m_.max_tokens - m_.tokenizer->special_tokens_around_one();
  const bool in_windows = options.stride >= 0;
  if (in_windows && options.aggregation == Aggregation::kNone)
    fail(Errc::kUsage,
         "stride: found the aggregation none, expected another, which joins the windows' spans");
  if (in_windows && options.stride >= room)
    fail(Errc::kUsage, "stride: found {}, expected fewer than the {} tokens of a window", options.stride,
         room);
  std::vector<TaggedText> out(texts.size());
  std::vector<std::vector<Encoding>> parts(texts.size());
  parallel_for(static_cast<std::int64_t>(texts.size()), 16, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      if (!in_windows) {
        parts[i] = {m_.tokenizer->encode(texts[i], {.with_offsets = true, .max_tokens = m_.max_tokens})};
        out[i].truncated = parts[i][0].truncated;
        continue;
      }
      const Encoding whole = m_.tokenizer->encode(texts[i], {.add_special = false, .with_offsets = true});
      for (const auto& [from, to] : windows(whole.ids.size(), static_cast<std::size_t>(room),
                                            static_cast<std::size_t>(options.stride)))
        parts[i].push_back(m_.tokenizer->post_process(slice(whole, from, to), {.with_offsets = true}));
    }
  });
  std::vector<Encoding> encodings;
  std::vector<std::size_t> text_of;
  for (std::size_t i = 0; i < texts.size(); ++i)
    for (Encoding& e : parts[i]) {
      encodings.push_back(std::move(e));
      text_of.push_back(i);
    }
  const std::vector<std::string>& labels = m_.model->labels();
  std::vector<std::vector<TaggedSpan>> spans(encodings.size());
  run_batches(*m_.model, encodings, [&](const Tensor& hidden, const PackedTokens& batch, std::size_t first) {
    Tensor scores = m_.model->scores(hidden, batch);
    float* row = scores.mutable_data<float>();
    for (std::int64_t t = 0; t < scores.rows(); ++t)
      softmax_in_place({row + t * scores.cols(), labels.size()});
    for (std::int64_t s = 0; s < batch.layout.sequences(); ++s) {
      const std::size_t i = first + static_cast<std::size_t>(s);
      const std::span<const float> own(row + batch.layout.begin(s) * scores.cols(),
                                       static_cast<std::size_t>(batch.layout.length(s)) * labels.size());
      const std::vector<ScoredToken> tokens =
          scored_tokens(*m_.tokenizer, m_.special.unknown, encodings[i], texts[text_of[i]], own);
      spans[i] = aggregate(*m_.tokenizer, labels, tokens, options.aggregation);
      std::erase_if(spans[i], [&](const TaggedSpan& span) {
        return std::find(options.ignored_labels.begin(), options.ignored_labels.end(), span.label) !=
               options.ignored_labels.end();
      });
    }
  });
  for (std::size_t i = 0; i < spans.size(); ++i) {
    std::vector<TaggedSpan>& all = out[text_of[i]].spans;
    all.insert(all.end(), std::make_move_iterator(spans[i].begin()), std::make_move_iterator(spans[i].end()));
  }
  for (std::size_t i = 0; i < texts.size(); ++i)
    if (parts[i].size() > 1) out[i].spans = without_overlaps(std::move(out[i].spans), texts[i]);
  return out;
}

}  // namespace lyceum
