// plot, paper.
#include <fmt/core.h>

#include "base/file.h"
#include "tests/command/command.h"

namespace lyceum {
namespace {

TEST_F(Command, PlotDrawsRunsAsAFigureOrAPage) {
  std::string lines;
  for (int step = 1; step <= 100; ++step)
    lines += fmt::format(
        "{{\"step\":{},\"loss_nats\":{},\"learning_rate\":0.001,\"gradient_norm\":null,\"tokens\":10,"
        "\"tokens_per_s\":5}}\n",
        step, 5.0 / step);
  write_file(t / "runs/a/metrics.jsonl", lines + "{\"step\":100,\"valid_loss_nats\":0.5}\n{\"step\":10");
  write_file(t / "runs/b/metrics.jsonl", lines);
  const RunResult figure = shell("$lyceum plot runs/a");
  EXPECT_EQ(figure.status, 0) << figure.text();
  EXPECT_TRUE(figure.out.starts_with("<svg ") && figure.out.ends_with("</svg>\n"));
  EXPECT_TRUE(contains(figure.out, "valid_loss_nats"));

  const RunResult file = shell("$lyceum plot runs/a --output a.svg && $lyceum plot runs/a | cmp - a.svg");
  EXPECT_EQ(file.status, 0) << file.text();
  EXPECT_EQ(file.out, "a.svg: 2 curves in 1 chart\n");
  const RunResult page = shell(
      "$lyceum plot runs/a runs/b/metrics.jsonl --smooth 0.9 --x tokens --log-y --title '<b>' --series "
      "loss_nats,learning_rate -o p.html");
  EXPECT_EQ(page.status, 0) << page.text();
  const std::string html = read_text(t / "p.html");
  EXPECT_TRUE(html.starts_with("<!DOCTYPE html>"));
  EXPECT_TRUE(contains(html, "<h1>&lt;b&gt;</h1>"));
  EXPECT_TRUE(contains(html, "b: loss_nats") || contains(html, ">b (smoothed)<"));

  const auto rows = objects(shell("$lyceum plot runs/a runs/b --json"));
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0]["run"], "a");
  EXPECT_EQ(rows[0]["lowest"], 0.05);
  EXPECT_EQ(rows[0]["lowest_step"], 100);
  EXPECT_EQ(rows[1]["series"], "valid_loss_nats");
  const auto none = objects(shell("$lyceum plot runs/a --series gradient_norm --json"));
  EXPECT_EQ(none.at(0)["values"], 0);
  EXPECT_EQ(none.at(0).count("last"), 0u);
}

TEST_F(Command, PaperListsWhatThereIsAndNamesTheDataThatIsMissing) {
  const auto rows = objects(shell("$lyceum paper --json"));
  EXPECT_EQ(shell("$lyceum paper --list --json").out, shell("$lyceum paper --json").out);
  expect_failure(run({"paper", "nobody"}), 2, "expected one of");
  if (rows.empty()) return;  // a build without papers
  const std::string name = rows[0]["paper"], missing = rows[0]["data"][0];
  expect_failure(run({"paper", name}), 2, "--data");
  expect_failure(run({"paper", name, "--data", t.path().string(), "-o", (t / "out").string()}), 1, missing);
  expect_failure(run({"paper", name, "--data", t.path().string(), "--seeds", "0"}), 2, "--seeds");
}

TEST_F(Command, PlotSaysWhatItCannotDraw) {
  write_file(t / "a/metrics.jsonl", "{\"step\":1,\"reward\":2}\n");
  expect_failure(run({"plot"}), 2, "run is required");
  expect_failure(run({"plot", (t / "a").string(), "-o", "x.png"}), 2, "expected a name in .svg or .html");
  expect_failure(run({"plot", (t / "a").string(), "--smooth", "1"}), 2, "from 0 to below 1");
  expect_failure(run({"plot", (t / "a").string(), "--x", "miles"}), 2, "--x");
  expect_failure(run({"plot", (t / "a").string()}), 1, "only the series: reward");
  expect_failure(run({"plot", (t / "a").string(), "--series", "loss"}), 1, "expected one of: reward");
  expect_failure(run({"plot", (t / "a").string(), "--series", "reward", "--x", "tokens"}), 1, "--x step");
  expect_failure(run({"plot", (t / "none").string()}), 1, "none");
  expect_failure(run({"plot", t.path().string()}), 1, "metrics.jsonl");
  expect_failure(run({"plot", (t / "a").string(), "--series", "reward", "-o", (t / "no/x.svg").string()}), 1,
                 "no/x.svg");
}

}  // namespace
}  // namespace lyceum
