// Time and recall of a search index, the embedding of the questions left out.
//
//   bench_index_search INDEX MODEL QUESTIONS [EFFORT...]
//
// One JSON object a line: the exact search first, then the index's approximate search for each effort
// (default 50 100 200 400 800). recall: how many of the exact ten best are among the ten found, over all
// questions. `first_ms` are the medians of a pass in a process that has not read any vector yet, `again_ms`
// those of the second pass. All of it with one thread but the exact search, which has what the machine has.
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <unordered_map>

#include "tasks/embed/embedder.h"
#include "tasks/search/search_index.h"

namespace {

using namespace lyceum;

// Vectors that were made before the clock started.
class Remembered final : public TextEncoder {
 public:
  Remembered(const TextEncoder& of, const std::vector<std::string>& texts)
      : of_(of), identity_(of.identity()) {
    const Tensor all = of.encode(texts, TextRole::kQuery);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      Tensor one = Tensor::empty({1, of.width()});
      std::copy_n(all.row<float>(static_cast<std::int64_t>(i)), of.width(), one.mutable_row<float>(0));
      vectors_.emplace(texts[i], one);
    }
  }
  std::int64_t width() const override { return of_.width(); }
  std::int64_t max_tokens() const override { return of_.max_tokens(); }
  const Tokenizer& tokenizer() const override { return of_.tokenizer(); }
  bool is_normalized() const override { return of_.is_normalized(); }
  std::string identity() const override { return identity_; }
  Tensor encode(std::span<const std::string> texts, TextRole) const override { return vectors_.at(texts[0]); }

 private:
  const TextEncoder& of_;
  std::string identity_;
  std::unordered_map<std::string, Tensor> vectors_;
};

using Found = std::vector<std::vector<double>>;  // of each question: scores, best first

double at(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

// The times of one pass in milliseconds; without the first question, which opens what there is.
std::vector<double> pass(const SearchIndex& index, const TextEncoder& encoder,
                         const std::vector<std::string>& questions, const SearchOptions& options,
                         Found& found, double& opening_ms) {
  std::vector<double> times;
  found.clear();
  for (const std::string& question : questions) {
    SearchReport report;
    const auto begin = std::chrono::steady_clock::now();
    const auto hits = index.search(question, encoder, options, &report);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    found.empty() ? opening_ms = took.count() : (times.push_back(took.count()), 0.0);
    if (!report.trouble.empty()) fmt::print(stderr, "{}\n", report.trouble);
    found.emplace_back();
    for (const SearchHit& hit : hits) found.back().push_back(hit.score);
  }
  return times;
}

double peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    fmt::print(stderr, "usage: bench_index_search INDEX MODEL QUESTIONS [EFFORT...]\n");
    return 2;
  }
  std::vector<std::string> questions;
  std::ifstream lines(argv[3]);
  for (std::string line; std::getline(lines, line);)
    if (!line.empty()) questions.push_back(line);
  std::vector<std::int64_t> efforts;
  for (int i = 4; i < argc; ++i) efforts.push_back(std::stoll(argv[i]));
  if (efforts.empty()) efforts = {50, 100, 200, 400, 800};

  const auto model = Embedder::load(argv[2], SearchIndex::open(argv[1]).options());
  const Remembered encoder(*model, questions);
  // The approximate passes come first, each with an index of its own: afterwards all vectors are in memory.
  std::vector<Found> approximate;
  std::vector<std::string> report;
  double opening = 0;
  for (const std::int64_t effort : efforts) {
    const SearchIndex index = SearchIndex::open(argv[1]);
    Found found;
    const auto first = pass(index, encoder, questions, {.effort = effort}, found, opening);
    double unused = 0;
    const auto again = pass(index, encoder, questions, {.effort = effort}, found, unused);
    report.push_back(
        fmt::format("\"open_ms\":{:.0f},\"first_ms\":{:.2f},\"again_ms\":{:.2f},\"again_p99_ms\":{:.2f},"
                    "\"peak_mb\":{:.0f}",
                    opening, at(first, 0.5), at(again, 0.5), at(again, 0.99), peak_megabytes()));
    approximate.push_back(std::move(found));
  }
  const SearchIndex index = SearchIndex::open(argv[1]);
  Found exact;
  const auto times = pass(index, encoder, questions, {.exact = true}, exact, opening);
  fmt::print(
      "{{\"search\":\"exact\",\"passages\":{},\"questions\":{},\"open_ms\":{:.0f},\"again_ms\":{:.2f},"
      "\"again_p99_"
      "ms\":{:.2f},\"peak_mb\":{:.0f}}}\n",
      index.chunks(), questions.size(), opening, at(times, 0.5), at(times, 0.99), peak_megabytes());
  for (std::size_t e = 0; e < efforts.size(); ++e) {
    std::size_t hit = 0, wanted = 0;
    for (std::size_t q = 0; q < exact.size(); ++q) {
      wanted += exact[q].size();
      for (const double score : approximate[e][q]) hit += score >= exact[q].back();
    }
    fmt::print("{{\"search\":\"{}\",\"effort\":{},\"recall\":{:.4f},{}}}\n",
               ann_name(index.approximate().kind), efforts[e],
               static_cast<double>(hit) / static_cast<double>(wanted), report[e]);
  }
  return 0;
}
