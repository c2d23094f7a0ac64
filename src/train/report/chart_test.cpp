#include "train/report/chart.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "check/expect_error.h"
#include "train/report/axis.h"

namespace lyceum {
namespace {

using check::expect_error;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// Elements are closed in order, and attributes have quotes: what an XML reader asks for first.
void expect_well_formed(const std::string& xml) {
  std::vector<std::string> open;
  for (std::size_t at = xml.find('<'); at != std::string::npos; at = xml.find('<', at + 1)) {
    const std::size_t end = xml.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = xml.substr(at + 1, end - at - 1);
    ASSERT_EQ(tag.find('<'), std::string::npos) << tag;
    ASSERT_EQ(count(tag, "\"") % 2, 0u) << tag;
    if (tag.starts_with("/")) {
      ASSERT_FALSE(open.empty());
      ASSERT_EQ(tag.substr(1), open.back());
      open.pop_back();
    } else if (!tag.ends_with("/")) {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
  }
  EXPECT_TRUE(open.empty());
  EXPECT_EQ(xml.find("nan"), std::string::npos);
  EXPECT_EQ(xml.find("inf"), std::string::npos);
}

std::string lines(std::vector<double> y, LineChart chart = {}) {
  LineSeries s{.name = "loss"};
  for (std::size_t i = 0; i < y.size(); ++i) s.x.push_back(static_cast<double>(i + 1));
  s.y = std::move(y);
  chart.series.push_back(s);
  std::string svg = chart_svg(chart);
  expect_well_formed(svg);
  return svg;
}

// Of the only series.
std::string path_of(const std::string& svg) {
  const std::size_t group = svg.find("<g class=\"series\""), begin = svg.find("d=\"", group) + 3;
  return svg.substr(begin, svg.find('"', begin) - begin);
}

TEST(Chart, GapsPartALineAndPointsAloneAreDots) {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(count(path_of(lines({1, 2, 3})), "M"), 1u);
  EXPECT_EQ(count(path_of(lines({1, 2, nan, 4, 5})), "M"), 2u);
  EXPECT_EQ(count(path_of(lines({1, infinity, 3, 1e301, 5})), "M"), 3u);
  EXPECT_EQ(count(path_of(lines({1, 0, 3}, {.log_y = true})), "M"), 2u);
  std::vector<double> many(100, 1.0);
  many[50] = 2, many[49] = many[51] = nan;
  EXPECT_EQ(count(lines(many), "<circle"), 1u);
  EXPECT_EQ(count(lines({1}), "<circle"), 1u);
}

TEST(Chart, NothingAndValuesThatAreEqualAreCharts) {
  EXPECT_EQ(count(lines({}), "no data"), 1u);
  EXPECT_EQ(count(lines({std::nan(""), std::nan("")}), "no data"), 1u);
  EXPECT_EQ(count(lines({-1, -2}, {.log_y = true}), "no data"), 1u);
  EXPECT_EQ(count(lines({2, 2, 2}), "no data"), 0u);
  EXPECT_EQ(count(lines({0}), "no data"), 0u);
  expect_well_formed(chart_svg(LineChart{}));
  lines({-1e300, 1e300});
  lines({1e-300, 1e300}, {.log_y = true});
  lines({1, 2}, {.width = 1, .height = -5});
}

// The extremes of every half pixel are drawn, whatever the number of points.
TEST(Chart, AMillionPointsStayAPictureAndKeepTheirExtremes) {
  std::vector<double> y(1000000);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = std::sin(static_cast<double>(i) * 0.7) + 1;
  y[567890] = 9;
  y[123456] = -7;
  const std::string svg = lines(y);
  EXPECT_LT(svg.size(), 150'000u);
  // the highest lies at the upper margin, 4 % of the axis' 16 * 1.08
  LineChart small;
  std::vector<double> extremes = {1, 9, -7};
  const std::string with_extremes = path_of(lines(extremes, small));
  const auto lowest_y = [](const std::string& path) {
    double least = 1e9, most = 0;
    for (std::size_t at = path.find(' '); at != std::string::npos; at = path.find(' ', at + 1)) {
      const double value = std::stod(path.substr(at + 1));
      least = std::min(least, value), most = std::max(most, value);
    }
    return std::pair(least, most);
  };
  EXPECT_EQ(lowest_y(path_of(svg)), lowest_y(with_extremes));
  for (std::size_t i = 0; i < y.size(); i += 2) y[i] = std::nan("");
  EXPECT_LT(lines(y).size(), 150'000u);
}

TEST(Chart, PointsAreJoinedInTheOrderOfX) {
  const LineChart there{.series = {{.x = {1, 2, 3}, .y = {1, 5, 2}}}},
      back{.series = {{.x = {3, 1, 2}, .y = {2, 1, 5}}}};
  EXPECT_EQ(chart_svg(there), chart_svg(back));
}

TEST(Chart, HostileNamesStayText) {
  const std::string name = "</svg><script>alert(1)</script>\"'&\x01\xff";
  const LineChart line{
      .title = name, .x_label = name, .y_label = name, .series = {{.name = name, .x = {1}, .y = {1}}}};
  const BarChart bars{
      .title = name, .y_label = name, .categories = {name}, .groups = {{.name = name, .values = {1}}}};
  for (const Chart& chart : {Chart(line), Chart(bars)}) {
    const std::string svg = chart_svg(chart);
    expect_well_formed(svg);
    EXPECT_EQ(count(svg, "<script"), 0u);
    EXPECT_EQ(count(svg, "</svg>"), 1u);
    EXPECT_EQ(svg.find('\x01'), std::string::npos);
    EXPECT_EQ(svg.find('\xff'), std::string::npos);
  }
  LineChart long_names;
  for (int i = 0; i < 1000; ++i)
    long_names.series.push_back({.name = std::string(10000, 'x'), .x = {1}, .y = {1}});
  const std::string svg = chart_svg(long_names);
  EXPECT_EQ(count(svg, "and 976 more"), 1u);
  EXPECT_LT(svg.size(), 1'000'000u);
}

TEST(Chart, ABandIsClosedAroundEachStretch) {
  const double nan = std::nan("");
  const LineChart chart{.series = {{.x = {1, 2, 3, 4, 5},
                                    .y = {1, 2, nan, 2, 1},
                                    .low = {0, 1, nan, 1, 0},
                                    .high = {2, 3, nan, 3, 2}}}};
  const std::string svg = chart_svg(chart);
  expect_well_formed(svg);
  EXPECT_EQ(count(svg, "class=\"band"), 1u);
  EXPECT_EQ(count(svg, "Z\""), 1u);
  EXPECT_EQ(count(svg.substr(0, svg.find("class=\"band")), "ZM"), 1u);
}

TEST(Chart, BarsStandOnZeroWithTheirErrors) {
  const BarChart chart{.categories = {"a", "b"},
                       .groups = {{.name = "x", .values = {2, -1}, .errors = {0.5, 0}},
                                  {.name = "y", .values = {1, std::nan("")}}}};
  const std::string svg = chart_svg(chart);
  expect_well_formed(svg);
  EXPECT_EQ(count(svg, "<title>"), 3u);
  EXPECT_EQ(count(svg, "class=\"error\""), 3u) << "a line and two ends";
  EXPECT_EQ(count(svg, "a, x: 2 \u00b1 0.5"), 1u);
}

TEST(Chart, BarsBeginAtZeroAlsoWhenAllAreHigh) {
  const std::string svg = chart_svg(BarChart{.categories = {"a", "b"}, .groups = {{.values = {70, 80}}}});
  EXPECT_EQ(count(svg, ">0</text>"), 1u);
}

TEST(Chart, NamesOfBarsBreakAtABlankBeforeTheyAreCut) {
  BarChart chart{.categories = std::vector<std::string>(9, "b"),
                 .groups = {{.values = std::vector<double>(9, 1)}}};
  chart.categories[0] = "STS-B, cross-encoder";
  chart.categories[1] = std::string(300, 'x');
  chart.categories[2] = "two " + std::string(300, 'y');
  const std::string svg = chart_svg(chart);
  expect_well_formed(svg);
  EXPECT_EQ(count(svg, ">STS-B,</text>"), 1u);
  EXPECT_EQ(count(svg, ">cross-enco"), 1u);
  EXPECT_EQ(count(svg, ">two</text>"), 1u);
  for (const char letter : {'x', 'y'}) EXPECT_EQ(count(svg, std::string(30, letter) + "\u2026</text>"), 0u);
}

// One point high up among many at one place: 1, 9, 1 and no further turn.
TEST(Chart, PointsThatShareAPixelAreDrawnOnce) {
  const LineChart chart{
      .series = {{.x = {0, 500, 500.001, 500.002, 500.003, 1000}, .y = {1, 1, 1, 1, 9, 1}}}};
  EXPECT_EQ(count(path_of(chart_svg(chart)), "L"), 3u);
}

TEST(Chart, ListsOfDifferentLengthsAreRefused) {
  expect_error(Errc::kUsage, "found lists of 2 x, 1 y", [] {
    chart_svg(LineChart{.series = {{.x = {1, 2}, .y = {1}}}});
  });
  expect_error(Errc::kUsage, "1 low and 0 high",
               [] { chart_svg(LineChart{.series = {{.x = {1}, .y = {1}, .low = {1}}}}); });
  expect_error(Errc::kUsage, "found 2 values", [] {
    chart_svg(BarChart{.categories = {"a"}, .groups = {{.values = {1, 2}}}});
  });
}

TEST(Chart, AFigureIsOneFileThatNeedsNoOther) {
  const Chart charts[] = {LineChart{.title = "one"}, BarChart{.title = "two"}};
  const std::string svg = figure_svg(charts);
  expect_well_formed(svg);
  EXPECT_EQ(count(svg, "http"), count(svg, "http://www.w3.org/2000/svg"));
  EXPECT_EQ(count(svg, "<svg"), 3u);
}

}  // namespace
}  // namespace lyceum
