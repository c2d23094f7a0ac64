#include "tasks/plot/plot.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "check/expect_error.h"
#include "check/temporary_folder.h"
#include "train/report/metrics.h"

namespace lyceum {
namespace {

using check::expect_error;
using check::TemporaryFolder;
using check::write_file;
using Paths = std::vector<std::filesystem::path>;

class PlotTest : public testing::Test {
 protected:
  // Loss 10 - step / 10; validated every tenth step.
  std::filesystem::path run(const std::string& name, std::int64_t steps, double valid = 3) {
    std::string text;
    for (std::int64_t step = 1; step <= steps; ++step) {
      const double loss = 10 - static_cast<double>(step) / 10;
      text +=
          MetricsLine(
              StepReport{
                  .step = step, .loss_nats = loss, .learning_rate = 1e-3, .tokens = 100, .tokens_per_s = 50})
              .json() +
          "\n";
      if (step % 10 == 0) text += MetricsLine(ValidReport{step, valid, {}}).json() + "\n";
    }
    write_file(t / name / kMetricsFile, text);
    return t / name;
  }
  static const LineChart& chart(const Plot& plot, std::size_t i) {
    return std::get<LineChart>(plot.charts.at(i));
  }
  TemporaryFolder t;
};

TEST_F(PlotTest, LossesShareAChartAndOtherSeriesHaveTheirOwn) {
  const Plot plot = plot_runs({run("a", 50)}, {.series = {"loss_nats", "learning_rate", "valid_loss_nats"}});
  ASSERT_EQ(plot.charts.size(), 2u);
  EXPECT_EQ(plot.title, "a");
  EXPECT_EQ(chart(plot, 0).title, "a");
  EXPECT_EQ(chart(plot, 0).y_label, "loss_nats");
  ASSERT_EQ(chart(plot, 0).series.size(), 2u);
  EXPECT_EQ(chart(plot, 0).series[1].name, "valid_loss_nats");
  EXPECT_EQ(chart(plot, 0).series[1].x, (std::vector<double>{10, 20, 30, 40, 50}));
  EXPECT_EQ(chart(plot, 1).y_label, "learning_rate");
}

TEST_F(PlotTest, RunsAreNamedByTheirFoldersAndHaveAColourEach) {
  const Plot plot = plot_runs({run("a", 50), run("b", 50) / kMetricsFile}, {});
  const auto& series = chart(plot, 0).series;
  ASSERT_EQ(series.size(), 4u);
  EXPECT_EQ(series[0].name, "a: loss_nats");
  EXPECT_EQ(series[3].name, "b: valid_loss_nats");
  EXPECT_EQ(series[0].colour, series[1].colour);
  EXPECT_NE(series[0].colour, series[2].colour);
  EXPECT_NE(series[0].dash, series[1].dash);
  EXPECT_EQ(chart(plot_runs({run("a", 50), run("b", 50)}, {.series = {"loss_nats"}}), 0).series[1].name, "b");
  const Plot same = plot_runs({run("x/a", 3), run("y/a", 3)}, {});
  EXPECT_EQ(chart(same, 0).series[0].name, (t / "x/a").string()) << "two runs of one name";
  EXPECT_EQ(plot_runs({(t / "x/a").string() + "/"}, {}).title, "a");
}

TEST_F(PlotTest, CurvesOverTokensAndSeconds) {
  const Paths runs{run("a", 20)};
  const auto last_x = [&](PlotOptions::Across what) {
    return chart(plot_runs(runs, {.across = what}), 0).series[1].x.back();
  };
  EXPECT_EQ(last_x(PlotOptions::Across::kStep), 20);
  EXPECT_EQ(last_x(PlotOptions::Across::kTokens), 2000);
  EXPECT_EQ(last_x(PlotOptions::Across::kSeconds), 40);
  write_file(t / "b" / kMetricsFile, "{\"step\":1,\"loss_nats\":2}\n");
  expect_error(Errc::kData, "run 'b' does not say 'tokens'",
               [&] { plot_runs({t / "b"}, {.across = PlotOptions::Across::kTokens}); });
  expect_error(Errc::kData, "'tokens_per_s'",
               [&] { plot_runs({t / "b"}, {.across = PlotOptions::Across::kSeconds}); });
}

TEST_F(PlotTest, SummariesHoldTheLastTheLowestAndTheHighest) {
  std::string text;
  const double losses[] = {5, 2, std::nan(""), 3, std::nan("")};
  for (std::int64_t i = 0; i < 5; ++i)
    text += MetricsLine(i + 1).number("loss_nats", losses[i]).number("bad", std::nan("")).json() + "\n";
  write_file(t / "a" / kMetricsFile, text);
  const Plot plot = plot_runs({t / "a"}, {.series = {"loss_nats", "bad"}});
  ASSERT_EQ(plot.summaries.size(), 2u);
  const SeriesSummary& s = plot.summaries[0];
  EXPECT_EQ(std::tuple(s.values, s.last, s.lowest, s.highest), std::tuple(3, 3.0, 2.0, 5.0));
  EXPECT_EQ(std::tuple(s.last_step, s.lowest_step, s.highest_step), std::tuple(4, 2, 1));
  EXPECT_EQ(plot.summaries[1].values, 0);
  const std::string html = plot_page(plot);
  EXPECT_NE(html.find("<td class=\"number\">2</td>"), std::string::npos);
  EXPECT_EQ(html.find("NaN"), std::string::npos);
}

TEST_F(PlotTest, SmoothingKeepsRawValuesFaintAndLeavesShortSeries) {
  const auto series = chart(plot_runs({run("a", 60)}, {.smooth = 0.9}), 0).series;
  ASSERT_EQ(series.size(), 3u);
  EXPECT_TRUE(series[0].is_faint);
  EXPECT_EQ(series[0].name, "");
  EXPECT_EQ(series[1].name, "loss_nats (smoothed)");
  EXPECT_EQ(series[1].colour, series[0].colour);
  EXPECT_EQ(series[2].name, "valid_loss_nats");
  EXPECT_EQ(series[2].y, std::vector<double>(6, 3.0));
  expect_error(Errc::kUsage, "found smoothing 1", [&] { plot_runs({t / "a"}, {.smooth = 1}); });
}

TEST_F(PlotTest, ARunningMeanHasNoBiasTowardsZeroAndPassesOverGaps) {
  const std::vector<double> same = running_mean({4, 4, 4}, 0.9);
  for (const double value : same) EXPECT_NEAR(value, 4, 1e-14);  // a few roundings
  const std::vector<double> gap = running_mean({1, std::nan(""), 2}, 0.5);
  EXPECT_EQ(gap[0], 1);
  EXPECT_TRUE(std::isnan(gap[1]));
  EXPECT_NEAR(gap[2], (0.25 * 1 + 0.5 * 2) / 0.75, 1e-15);
  EXPECT_EQ(running_mean({1, 5}, 0), (std::vector<double>{1, 5}));
}

TEST_F(PlotTest, ASeriesThatIsNotThereIsRefusedWithThoseThatAre) {
  run("a", 3);
  expect_error(Errc::kData,
               "found no series 'accuracy', expected one of: gradient_norm, learning_rate, loss_nats, "
               "tokens, tokens_per_s",
               [&] { plot_runs({t / "a"}, {.series = {"accuracy"}}); });
  write_file(t / "b" / kMetricsFile, "{\"step\":1,\"reward\":2}\n{\"ste");
  expect_error(Errc::kData, "only the series: reward. Fix: --series", [&] { plot_runs({t / "b"}, {}); });
  write_file(t / "c" / kMetricsFile, "");
  expect_error(Errc::kData, "only the series: none", [&] { plot_runs({t / "c"}, {}); });
  expect_error(Errc::kIo, "metrics.jsonl", [&] { plot_runs({t.path()}, {}); });
  EXPECT_EQ(chart(plot_runs({t / "a", t / "b"}, {.series = {"reward"}}), 0).series.size(), 1u)
      << "some runs have it";
}

}  // namespace
}  // namespace lyceum
