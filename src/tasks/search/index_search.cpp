#include "tasks/search/index_search.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/parallel.h"

namespace lyceum {
namespace {

// The words of a question as an FTS5 query: each quoted, any of them.
std::string word_query(std::string_view text) {
  std::string out, word;
  const auto flush = [&] {
    if (!word.empty()) out += (out.empty() ? "\"" : " OR \"") + word + "\"";
    word.clear();
  };
  for (const char c : text) {
    const bool part = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      static_cast<unsigned char>(c) >= 0x80;
    part ? word.push_back(c) : flush();
  }
  flush();
  return out;
}

// Of lists: one is looked into for so many candidates that are wanted. O: a list holds few that are near; the
// recall of each effort is in bench/RESULTS.md.
constexpr std::int64_t kCandidatesOfAList = 4;

std::vector<std::int32_t> next_equal(const FirstRows& firsts) {
  std::vector<std::int32_t> next(firsts.size(), -1), last = firsts;
  for (std::size_t row = 0; row < firsts.size(); ++row) {
    const auto first = static_cast<std::size_t>(firsts[row]);
    if (first == row) continue;
    next[static_cast<std::size_t>(last[first])] = static_cast<std::int32_t>(row);
    last[first] = static_cast<std::int32_t>(row);
  }
  return next;
}

}  // namespace

void IndexSearch::forget() {
  vectors_.forget();
  searcher_.reset();
}

// The structure of the state that vectors_ has just begun to read. Anything that is wrong with it leaves the
// exact search and a sentence.
void IndexSearch::open_approximate() {
  searcher_.reset();
  trouble_.clear();
  try {
    const AnnSettings settings = ann_settings(store_);
    if (settings.kind == AnnKind::kNone) return;
    const AnnTruth truth = ann_truth(store_);
    if (truth.passages == 0) return;
    AnnCache cache = read_ann_cache(ann_cache_path(store_.where(), settings.kind), settings, truth).cache;
    const AnnEngine& engine = require_ann_engine();
    if (auto* graph = std::get_if<HnswGraph>(&cache.structure)) {
      searcher_ = engine.open(std::move(*graph));
      lists_ = 0;
    } else {
      auto& lists = std::get<IvfPq>(cache.structure);
      lists_ = lists.lists;
      searcher_ = engine.open(std::move(lists), nearest_);
    }
    next_equal_ = next_equal(cache.firsts);
    vectors_.know_rows(std::move(cache.ids));
  } catch (const Error& error) {
    trouble_ = error.what();
    if (error.code() != Errc::kUnsupported) trouble_ += ". Fix: `lyceum index` brings it up to date.";
  }
}

// For a file that was in order by itself, but speaks of passages that the index does not have.
void IndexSearch::drop_approximate(const std::string& why) {
  trouble_ = why;
  searcher_.reset();
  vectors_.forget_rows();
}

std::vector<SearchHit> IndexSearch::run(const IndexQuestion& question, const SearchOptions& options,
                                        SearchReport* report) {
  constexpr std::int64_t kDepth = 200;  // of each list that hybrid search joins
  // One state of the file from here on, while another process may be writing.
  const Transaction transaction = store_.transaction(Transaction::Kind::kRead);
  if (vectors_.refresh()) open_approximate();
  Cosines cosines(vectors_, store_.width(), question.is_normalized);
  cosines.ask(question.vector);
  const std::int64_t most = options.hybrid ? std::max(kDepth, options.top) : options.top;
  std::vector<Scored> scored;
  if (!options.exact && searcher_ != nullptr)
    scored = approximate(question, cosines, most, std::max(options.effort, most));
  const bool is_approximate = !scored.empty();
  if (!is_approximate) scored = exact(cosines);
  if (report != nullptr) *report = {is_approximate, options.exact ? "" : trouble_};
  keep_best(scored, most);
  if (options.hybrid) scored = join_with_words(question.text, scored, most);
  keep_best(scored, options.top);

  std::vector<SearchHit> hits;
  Statement s = store_.statement(
      "SELECT path, line, text FROM chunks JOIN files ON files.id = chunks.file WHERE chunks.id = ?");
  for (const Scored& hit : scored) {
    s.bind(1, vectors_.id(hit.row));
    if (s.step()) hits.push_back({hit.score, store_.shown(s.text(0)), s.integer(1), s.text(2)});
    s.reset();
  }
  return hits;
}

void IndexSearch::keep_best(std::vector<Scored>& scored, std::int64_t most) {
  const auto n = static_cast<std::ptrdiff_t>(
      std::clamp<std::int64_t>(most, 0, static_cast<std::int64_t>(scored.size())));
  std::partial_sort(scored.begin(), scored.begin() + n, scored.end());
  scored.resize(static_cast<std::size_t>(n));
}

std::vector<IndexSearch::Scored> IndexSearch::approximate(const IndexQuestion& question, Cosines& cosines,
                                                          std::int64_t most, std::int64_t effort) {
  if (effort >= vectors_.rows()) return {};
  std::vector<float> unit(question.vector, question.vector + store_.width());
  if (!question.is_normalized) {
    double square = 0;
    for (const float v : unit) square += static_cast<double>(v) * v;
    for (float& v : unit) v = static_cast<float>(v / std::max(1e-12, std::sqrt(square)));
  }
  CosineDistances distances(cosines);
  try {
    std::vector<Scored> scored;
    const AnnQuestion asked{
        .vector = unit.data(),
        .distances = &distances,
        .most = effort,
        .lists = std::clamp<std::int64_t>(effort / kCandidatesOfAList, 1, std::max<std::int64_t>(1, lists_))};
    for (const std::int32_t found : searcher_->search(asked)) {
      const double score = static_cast<double>(cosines.to_query(found));
      for (std::int32_t row = found; row >= 0; row = next_equal_[static_cast<std::size_t>(row)])
        scored.push_back({score, row});
    }
    // A part of the graph that nothing leads to, or lists that are nearly empty: fewer answers than were
    // asked for are no answer.
    return static_cast<std::int64_t>(scored.size()) < most ? std::vector<Scored>() : scored;
  } catch (const Error& error) {
    if (error.code() != Errc::kFormat) throw;
    drop_approximate(error.what());  // if it is the index that is damaged, the exact search says so
    return {};
  }
}

std::vector<IndexSearch::Scored> IndexSearch::exact(const Cosines& cosines) {
  if (!vectors_.load_all()) {
    drop_approximate(store_.where() + ": its file of approximate search speaks of other passages");
    vectors_.load_all();
  }
  std::vector<Scored> scored(static_cast<std::size_t>(vectors_.rows()));
  parallel_for(vectors_.rows(), 2048, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      scored[static_cast<std::size_t>(r)] = {static_cast<double>(cosines.to_query(r)), r};
  });
  return scored;
}

// Reciprocal ranks (Cormack et al. 2009): scores of cosine and BM25 cannot be added.
std::vector<IndexSearch::Scored> IndexSearch::join_with_words(const std::string& text,
                                                              const std::vector<Scored>& scored,
                                                              std::int64_t depth) const {
  constexpr double kRankOffset = 60;
  std::map<std::int64_t, double> fused;  // by row
  for (std::size_t rank = 0; rank < scored.size(); ++rank)
    fused[scored[rank].row] += 1 / (kRankOffset + static_cast<double>(rank) + 1);
  if (const std::string words = word_query(text); !words.empty()) {
    Statement s =
        store_.statement("SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words), rowid LIMIT ?");
    s.bind(1, std::string_view(words)).bind(2, depth);
    for (double rank = 1; s.step(); ++rank)
      if (const auto row = vectors_.row_of(s.integer(0))) fused[*row] += 1 / (kRankOffset + rank);
  }
  std::vector<Scored> joined;
  for (const auto& [row, score] : fused) joined.push_back({score, row});
  return joined;
}

}  // namespace lyceum
