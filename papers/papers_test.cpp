// What holds without any paper: statistics, samples, the report's parts, the folder of a study.
#include <algorithm>
#include <cmath>
#include <set>

#include "check/expect_error.h"
#include "check/temporary_folder.h"
#include "lyceum/data_lines.h"
#include "papers/samples.h"
#include "papers/study_test_fixture.h"

namespace lyceum::papers {
namespace {

using check::expect_error;

TEST(Statistics, IntervalsAreStudents) {
  const std::vector<double> values = {1, 2, 3, 4, 6};
  const Interval interval = interval_of(values);
  // scipy 1.14: stats.t.interval(0.95, 4, 3.2, stats.sem([1, 2, 3, 4, 6])); to the digits of our table
  EXPECT_NEAR(interval.mean, 3.2, 1e-12);
  EXPECT_NEAR(interval.low, 0.811581, 1e-4);
  EXPECT_NEAR(interval.high, 5.588419, 1e-4);
  EXPECT_NEAR(deviation_of(values), 1.923538, 1e-6);
  EXPECT_TRUE(std::isinf(interval_of(std::vector<double>{1}).high));
  EXPECT_TRUE(std::isnan(mean_of({})));
}

TEST(Statistics, AVerdictNeedsTheWholeInterval) {
  const auto verdict = [](Comparison comparison) { return judge(comparison).verdict; };
  const std::vector<double> high = {3, 4, 5}, low = {1, 2.1, 2.9}, near = {2.9, 4.2, 4.9};
  EXPECT_EQ(verdict({.left = high, .right = low}), Verdict::kAgrees);
  EXPECT_EQ(verdict({.left = low, .right = high}), Verdict::kDisagrees);
  EXPECT_EQ(verdict({.left = high, .right = near}), Verdict::kUndecided);
  EXPECT_EQ(verdict({.left = low, .right = high, .lower_is_better = true}), Verdict::kAgrees);
  // not worse by a margin
  EXPECT_EQ(verdict({.left = high, .right = near, .margin = 1}), Verdict::kAgrees);
  EXPECT_EQ(verdict({.left = low, .right = high, .margin = 1}), Verdict::kDisagrees);
  // one seed, or a number that is none, decides nothing
  EXPECT_EQ(verdict({.left = {9}, .right = {1}}), Verdict::kUndecided);
  EXPECT_EQ(verdict({.left = {9, NAN, 9}, .right = {1, 1, 1}}), Verdict::kUndecided);
  expect_error(Errc::kUsage, "2 and 1", [&] { verdict({.left = {1, 2}, .right = {1}}); });
}

TEST(Statistics, ComparesSeedBySeed) {
  // seeds differ by much more than arms do
  const Judged judged = judge({.left = {11, 21, 31.5}, .right = {10, 20, 30}});
  EXPECT_EQ(judged.verdict, Verdict::kAgrees);
  EXPECT_NEAR(judged.gain.mean, 3.5 / 3, 1e-12);
}

TEST(Samples, AreDrawnWithoutReplacementAndBySeed) {
  const check::TemporaryFolder t;
  write_labelled(t / "all.jsonl", 50);
  const std::string all = (t / "all.jsonl").string();
  const auto drawn = [&](std::int64_t count, std::uint64_t seed) {
    const std::string to = (t / "sample.jsonl").string();
    write_sample(all, to, count, seed);
    return data_lines(to);
  };
  const std::vector<std::string> lines = data_lines(all), ten = drawn(10, 1);
  EXPECT_EQ(ten.size(), 10u);
  EXPECT_EQ(ten, drawn(10, 1));
  EXPECT_NE(ten, drawn(10, 2));
  std::vector<std::string> whole = drawn(1000, 3), sorted = lines;
  EXPECT_NE(whole, lines);
  std::sort(whole.begin(), whole.end());
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(whole, sorted);
  const std::string odd = (t / "odd.jsonl").string();
  const auto is_odd = [](const std::string& line) { return line.find("\"label\":1") != std::string::npos; };
  write_sample(all, odd, 1000, 1, is_odd);
  EXPECT_EQ(data_lines(odd).size(), 25u);
  expect_error(Errc::kData, "no line",
               [&] { write_sample(all, odd, 1, 1, [](const std::string&) { return false; }); });
}

TEST(Samples, PassagesAreOfOneBookEachAndSpreadOverAll) {
  const check::TemporaryFolder t;
  std::string books;
  for (const char* book : {"a", "b", "c"}) {
    for (int i = 0; i < 100; ++i) books += std::string(99, *book) + "\n\n";
    books += "\f\n";
  }
  write_file(t / "books.txt", books);
  write_passages((t / "books.txt").string(), (t / "some.txt").string(), 15'000);
  const std::string some = text_of(t / "some.txt");
  EXPECT_NEAR(static_cast<double>(some.size()), 15'000, 2100);
  std::set<char> seen;
  char book = 0;
  for (const char c : some) {
    if (c == '\f') book = 0;
    if (c < 'a' || c > 'c') continue;
    EXPECT_TRUE(book == 0 || book == c);
    book = c;
    seen.insert(c);
  }
  EXPECT_EQ(seen.size(), 3u);
  write_passages((t / "books.txt").string(), (t / "all.txt").string(), 1'000'000);
  EXPECT_EQ(std::count(books.begin(), books.end(), 'b'), [&] {
    const std::string all = text_of(t / "all.txt");
    return std::count(all.begin(), all.end(), 'b');
  }());
}

TEST(Samples, ReviewsBecomeParagraphsWithAFormFeedBehindEach) {
  const check::TemporaryFolder t;
  write_file(t / "in.txt", "One.<br /><br />Two.<br />\n\n<br />\nThree, a < b.\n");
  write_reviews((t / "in.txt").string(), (t / "out.txt").string());
  EXPECT_EQ(text_of(t / "out.txt"), "One.\nTwo.\n\f\nThree, a < b.\n\f\n");
  write_file(t / "none.txt", "<br />\n");
  check::expect_error(Errc::kData, "found no text",
                      [&] { write_reviews((t / "none.txt").string(), (t / "out.txt").string()); });
}

void measure_two(Study& study) {
  const Numbers numbers = study.measure("two", "", [] { return Numbers{{"left", 2}, {"nothing", NAN}}; });
  const double left = numbers.empty() ? NAN : numbers.at("left");
  study.report().claim({.text = "two <is> more",
                        .paper = "so it says",
                        .measure = "points",
                        .comparison = {.left = {left, 2.5}, .right = {1, 1.4}}});
  study.report().results({.caption = "Two & more",
                          .corner = "arm",
                          .columns = {"1", "10"},
                          .rows = {{"left", {{left}, {1, 2}}}},
                          .chart = ResultTable::Chart::kCurve,
                          .x_label = "x",
                          .y_label = "y",
                          .log_x = true});
}

Paper two() {
  return {.name = "two",
          .citation = "Nobody",
          .summary = "two",
          .data = {"a.txt", "b/c.jsonl"},
          .reproduce = measure_two};
}

TEST(Study, MissingDataAreNamedAllAtOnce) {
  const check::TemporaryFolder t;
  write_file(t / "data/b/c.jsonl", "{}\n");
  const StudyOptions options{.data = t / "data", .output = t / "out", .scale = Scale::kTiny};
  expect_error(Errc::kIo, "a.txt", [&] { reproduce(two(), options); });
  EXPECT_FALSE(std::filesystem::exists(t / "out"));
  write_file(t / "data/a.txt.zst", "");
  EXPECT_EQ(reproduce(two(), options).claims.size(), 1u);
}

TEST(Study, AFolderHasOneStudy) {
  const check::TemporaryFolder t;
  write_file(t / "data/a.txt", "");
  write_file(t / "data/b/c.jsonl", "");
  StudyOptions options{.data = t / "data", .output = t / "out", .scale = Scale::kTiny};
  reproduce(two(), options);
  PartCounter again, anew;
  options.observer = &again;
  reproduce(two(), options);
  EXPECT_TRUE(again.parts.empty());
  options.scale = Scale::kQuick;
  expect_error(Errc::kUsage, "another --output", [&] { reproduce(two(), options); });
  options.observer = &anew;
  options.restart = true;
  reproduce(two(), options);
  EXPECT_EQ(anew.parts, std::vector<std::string>{"two"});
  write_file(t / "mine/letter.txt", "");
  options.output = t / "mine";
  expect_error(Errc::kUsage, "no study", [&] { reproduce(two(), options); });
  EXPECT_TRUE(std::filesystem::exists(t / "mine/letter.txt"));
}

TEST(Report, ShowsWhatTheJsonHas) {
  const check::TemporaryFolder t;
  write_file(t / "data/a.txt", "");
  write_file(t / "data/b/c.jsonl", "");
  const StudyResult result =
      reproduce(two(), {.data = t / "data", .output = t / "out", .scale = Scale::kTiny});
  const std::string html = text_of(result.report);
  expect_well_formed(html);
  for (const char* part : {"two &lt;is&gt; more", "Two &amp; more", ">1.5 \u00b1 0.7<",
                           "+1.05 [+0.41, +1.69]", ">agrees<", "0 disagree"})
    EXPECT_NE(html.find(part), std::string::npos) << part;
  const nlohmann::json json = nlohmann::json::parse(text_of(result.results));
  EXPECT_EQ(json["claims"][0]["verdict"], "agrees");
  EXPECT_EQ(json["claims"][0]["left"], (std::vector<double>{2, 2.5}));
  EXPECT_EQ(json["tables"][0]["rows"][0]["cells"]["10"]["values"], (std::vector<double>{1, 2}));
}

TEST(Papers, NamesThatAreNoneAreToldThoseThereAre) {
  expect_error(Errc::kUsage, "expected one of", [] { paper_named("nobody"); });
  expect_error(Errc::kInternal, "nobody.toml", [] { recipe_text("nobody.toml"); });
  for (const Paper& paper : papers()) {
    EXPECT_FALSE(paper.citation.empty()) << paper.name;
    EXPECT_EQ(&paper_named(paper.name), &paper);
  }
}

}  // namespace
}  // namespace lyceum::papers
