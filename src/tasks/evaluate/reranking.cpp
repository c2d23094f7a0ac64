// Queries with passages that were found for them: do the relevant ones come first?
#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "base/error.h"
#include "base/log.h"
#include "kernels/dot.h"
#include "tasks/common/nearest.h"
#include "tasks/evaluate/binary_scores.h"
#include "tasks/evaluate/forms.h"
#include "tasks/evaluate/ranking.h"
#include "tasks/evaluate/task_records.h"

namespace lyceum {
namespace {

constexpr std::size_t kDepth = 10;  // of mrr

using PassageScores = std::vector<std::vector<double>>;  // of each query's passages

PassageScores scores_by_pairs(std::span<const Candidates> queries, const RerankTask& task,
                              const EvaluateOptions& options) {
  PassageScores out;
  in_blocks(queries, options, [&](std::span<const Candidates> some) {
    for (const Candidates& c : some) {
      const std::vector<float> scores = task.scores(task.query(c.query), c.passages, true);
      out.emplace_back(scores.begin(), scores.end());
    }
  });
  return out;
}

// Texts in the order of their first occurrence, each once.
class UniqueTexts {
 public:
  std::size_t place_of(const std::string& text) {
    const auto [it, is_new] = places_.try_emplace(text, texts_.size());
    if (is_new) texts_.push_back(text);
    return it->second;
  }
  std::span<const std::string> texts() const { return texts_; }

 private:
  std::unordered_map<std::string, std::size_t> places_;
  std::vector<std::string> texts_;
};

PassageScores scores_by_vectors(std::span<const Candidates> queries, const TextEncoder& encoder,
                                const EvaluateOptions& options) {
  UniqueTexts passages;
  std::vector<std::string> asked;
  std::vector<std::vector<std::size_t>> places;
  for (const Candidates& c : queries) {
    asked.push_back(c.query);
    places.emplace_back();
    for (const std::string& passage : c.passages) places.back().push_back(passages.place_of(passage));
  }
  BlockEncoder blocks(encoder, options, static_cast<std::int64_t>(asked.size() + passages.texts().size()));
  Tensor x = blocks.encode(asked, TextRole::kQuery), y = blocks.encode(passages.texts(), TextRole::kDocument);
  if (options.rank_by == RankBy::kCosine) {
    normalize_rows(x);
    normalize_rows(y);
  }
  PassageScores out;
  for (std::size_t q = 0; q < places.size(); ++q) {
    out.emplace_back();
    for (const std::size_t p : places[q])
      out.back().push_back(static_cast<double>(kernels::dot(
          x.row<float>(static_cast<std::int64_t>(q)), y.row<float>(static_cast<std::int64_t>(p)), x.cols())));
  }
  return out;
}

double reciprocal_rank(std::span<const double> scores, std::span<const std::uint8_t> is_relevant) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  std::vector<std::int32_t> grades;
  for (const std::size_t i : order) grades.push_back(is_relevant[i]);
  return reciprocal_rank_at({.found = grades, .relevant = {}}, kDepth);
}

}  // namespace

std::vector<Score> evaluate_reranking(const TaskFiles& task, EvaluatedModel& model,
                                      const EvaluateOptions& options) {
  std::vector<Candidates> queries = read_candidates(task.test);
  const std::size_t all = queries.size();
  std::erase_if(queries, [](const Candidates& c) {
    const auto is = [](std::uint8_t wanted) { return [wanted](std::uint8_t r) { return r == wanted; }; };
    return std::none_of(c.is_relevant.begin(), c.is_relevant.end(), is(1)) ||
           std::none_of(c.is_relevant.begin(), c.is_relevant.end(), is(0));
  });
  if (queries.empty())
    fail(Errc::kData, "{}: found no query with both relevant and other passages", task.test.string());
  if (queries.size() < all)
    log(LogLevel::kInfo, "{}: {} of {} queries have both relevant and other passages and count", task.name,
        queries.size(), all);
  const RerankTask* cross_encoder = model.cross_encoder();
  const PassageScores scores = cross_encoder != nullptr
                                   ? scores_by_pairs(queries, *cross_encoder, options)
                                   : scores_by_vectors(queries, model.encoder(), options);
  double precision = 0, rank = 0;
  for (std::size_t q = 0; q < queries.size(); ++q) {
    precision += average_precision(scores[q], queries[q].is_relevant);
    rank += reciprocal_rank(scores[q], queries[q].is_relevant);
  }
  const auto count = static_cast<std::int64_t>(queries.size());
  return {{task.name, task.split, "map", precision / static_cast<double>(count), count},
          {task.name, task.split, "mrr@10", rank / static_cast<double>(count), count}};
}

}  // namespace lyceum
