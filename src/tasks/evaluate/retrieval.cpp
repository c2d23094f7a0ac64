// Questions and a corpus: does the ranking put the relevant documents first?
#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "tasks/common/nearest.h"
#include "tasks/evaluate/forms.h"
#include "tasks/evaluate/ranking.h"
#include "tasks/evaluate/task_records.h"

namespace lyceum {
namespace {

constexpr std::int64_t kRankingDepth = 100;  // of the rankings: what the deepest metric looks at

struct Query {
  std::string text;
  std::unordered_map<std::string, std::int32_t> relevant;  // grades above 0 by document
};

struct Metric {
  const char* name;
  double (*of)(const JudgedRanking&, std::size_t k);
  std::size_t k;
};
constexpr Metric kMetrics[] = {{"ndcg@10", ndcg_at, 10},
                               {"mrr@10", reciprocal_rank_at, 10},
                               {"recall@10", recall_at, 10},
                               {"recall@100", recall_at, 100},
                               {"map@100", average_precision_at, 100}};
constexpr Metric kBinaryNdcg = {"binary_ndcg@10", binary_ndcg_at, 10};

// Ids in the order of the file. Looks at every record, so that a bad one is found before the first is
// embedded.
std::vector<std::string> read_corpus_ids(const std::filesystem::path& file,
                                         std::unordered_map<std::string, std::int64_t>& places) {
  std::vector<std::string> ids;
  for_each_record(file, [&](const JsonFields& r) {
    ids.push_back(document_id(r));
    titled_text(r);
    if (!places.emplace(ids.back(), static_cast<std::int64_t>(ids.size()) - 1).second)
      fail(Errc::kData, "{}: document '{}' stands there twice", r.where(), ids.back());
  });
  if (ids.empty()) fail(Errc::kData, "{}: found no documents", file.string());
  return ids;
}

}  // namespace

std::vector<Score> evaluate_retrieval(const TaskFiles& task, const TextEncoder& encoder,
                                      const EvaluateOptions& options) {
  std::unordered_map<std::string, std::int64_t> places;
  const std::vector<std::string> ids = read_corpus_ids(task.corpus, places);
  std::vector<Query> queries;
  std::unordered_map<std::string, std::size_t> query_places;
  for_each_record(task.queries, [&](const JsonFields& r) {
    const std::string id = document_id(r);
    if (!query_places.emplace(id, queries.size()).second)
      fail(Errc::kData, "{}: query '{}' stands there twice", r.where(), id);
    queries.push_back({.text = r.text("text")});
  });

  std::int64_t unknown_queries = 0, unknown_documents = 0, unknown_relevant = 0;
  bool has_grades = false;
  const std::vector<Judgement> judgements = read_judgements(task.qrels);
  for (const Judgement& j : judgements) {
    const auto query = query_places.find(j.query);
    const bool known = places.contains(j.document);
    if (options.is_strict && (query == query_places.end() || !known))
      fail(Errc::kData, "{}: line {}: {} '{}' is not in {}", task.qrels.string(), j.line,
           known ? "query" : "document", known ? j.query : j.document,
           (known ? task.queries : task.corpus).string());
    unknown_documents += !known;
    if (query == query_places.end()) {
      ++unknown_queries;
      continue;
    }
    if (j.grade <= 0) continue;
    unknown_relevant += !known;
    has_grades |= j.grade > 1;
    queries[query->second].relevant.emplace(j.document, j.grade);
  }
  if (unknown_queries > 0)
    log(LogLevel::kWarning, "{}: {} of {} judgements name a query that {} lacks; they are left out",
        task.qrels.string(), unknown_queries, judgements.size(), task.queries.string());
  if (unknown_documents > 0)
    log(LogLevel::kWarning,
        "{}: {} of {} judgements name a document that {} lacks; the {} relevant ones among them count as not "
        "found",
        task.qrels.string(), unknown_documents, judgements.size(), task.corpus.string(), unknown_relevant);
  const std::size_t all_queries = queries.size();
  std::erase_if(queries, [](const Query& q) { return q.relevant.empty(); });
  if (queries.empty())
    fail(Errc::kData, "{}: found no relevant document for any query of {}", task.qrels.string(),
         task.queries.string());
  if (queries.size() < all_queries)
    log(LogLevel::kInfo, "{}: {} of {} queries have a relevant document and count", task.name, queries.size(),
        all_queries);

  BlockEncoder blocks(encoder, options, static_cast<std::int64_t>(queries.size() + ids.size()));
  const auto vectors_of = [&](std::span<const std::string> texts, TextRole role) {
    Tensor vectors = blocks.encode(texts, role);
    if (options.rank_by == RankBy::kCosine) normalize_rows(vectors);
    return vectors;
  };
  std::vector<std::string> texts;
  for (const Query& q : queries) texts.push_back(q.text);
  NearestSearch search(vectors_of(texts, TextRole::kQuery), kRankingDepth,
                       [&](std::int64_t a, std::int64_t b) {
                         return ids[static_cast<std::size_t>(a)] < ids[static_cast<std::size_t>(b)];
                       });
  texts.clear();
  std::size_t bytes = 0, seen = 0;
  const auto add_block = [&] {
    search.add(vectors_of(texts, TextRole::kDocument));
    texts.clear();
    bytes = 0;
  };
  for_each_record(task.corpus, [&](const JsonFields& r) {
    if (seen == ids.size() || document_id(r) != ids[seen])
      fail(Errc::kData, "{}: the file changed while it was read", r.where());
    ++seen;
    texts.push_back(titled_text(r));
    bytes += texts.back().size();
    if (texts.size() == kBlockTexts || bytes >= kBlockBytes) add_block();
  });
  if (!texts.empty()) add_block();

  std::vector<Metric> metrics(std::begin(kMetrics), std::end(kMetrics));
  if (has_grades) metrics.push_back(kBinaryNdcg);
  std::vector<double> sums(metrics.size());
  const auto rankings = search.finish();
  std::vector<std::int32_t> found, relevant;
  for (std::size_t q = 0; q < queries.size(); ++q) {
    found.clear();
    relevant.clear();
    for (const Hit& hit : rankings[q]) {
      const auto it = queries[q].relevant.find(ids[static_cast<std::size_t>(hit.index)]);
      found.push_back(it == queries[q].relevant.end() ? 0 : it->second);
    }
    for (const auto& [document, grade] : queries[q].relevant) relevant.push_back(grade);
    for (std::size_t m = 0; m < metrics.size(); ++m)
      sums[m] += metrics[m].of({found, relevant}, metrics[m].k);
  }
  std::vector<Score> out;
  const auto count = static_cast<std::int64_t>(queries.size());
  for (std::size_t m = 0; m < metrics.size(); ++m)
    out.push_back({task.name, task.split, metrics[m].name, sums[m] / static_cast<double>(count), count});
  return out;
}

}  // namespace lyceum
