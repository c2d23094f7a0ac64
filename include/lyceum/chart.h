// Line and bar charts as SVG: for runs' curves and for reports. Text stays text, no font is embedded; colours
// are those of Okabe and Ito (2008), which colour-blind readers can tell apart. A chart in a page follows the
// reader's light or dark setting.
#pragma once

#include <span>
#include <string>
#include <variant>
#include <vector>

namespace lyceum {

struct LineSeries {
  std::string name;               // in the legend; empty: not there
  std::vector<double> x, y;       // joined in the order of x; where Axis::has_place says no there is a gap
  std::vector<double> low, high;  // a band around y, such as a deviation over seeds; or empty
  int colour = -1;                // -1: by its place in the chart
  int dash = 0;                   // 0: a solid line
  bool is_faint = false;          // raw values behind their average
};

struct LineChart {
  std::string title, x_label, y_label;
  std::vector<LineSeries> series;
  bool log_x = false, log_y = false;
  int width = 720, height = 400;  // pixels
};

struct BarGroup {  // one colour
  std::string name;
  std::vector<double> values;  // of each category; without a place: no bar
  std::vector<double> errors;  // half the length of the error bar; or empty
};

struct BarChart {
  std::string title, y_label;
  std::vector<std::string> categories;
  std::vector<BarGroup> groups;
  int width = 720, height = 400;
};

using Chart = std::variant<LineChart, BarChart>;

// <svg> ... </svg>, to stand in a page with the rules that Page has for it. Its size does not grow with the
// number of points: of those in half a pixel the first, the last, the lowest and the highest are drawn.
// Throws Errc::kUsage for lists of different lengths.
std::string chart_svg(const Chart& chart);
// A file of its own: the charts below one another.
std::string figure_svg(std::span<const Chart> charts);

}  // namespace lyceum
