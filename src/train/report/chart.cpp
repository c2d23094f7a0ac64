#include "train/report/chart.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "train/report/axis.h"
#include "train/report/markup.h"

namespace lyceum {
namespace {

constexpr double kTextSize = 12, kTitleSize = 15;
constexpr double kLegendLine = 18, kLegendSample = 24;
constexpr std::size_t kLegendEntries = 24;     // of more, a count is shown
constexpr std::size_t kLegendCharacters = 60;  // of one name
constexpr std::size_t kMarkedPoints = 40;      // of a series with no more, each has a dot
constexpr double kBottom = 46;                 // below the plot: numbers and the axis' name

// Okabe and Ito's eight colours; black is the colour of the text, so that it shows on a dark page. The last
// line: their blue and black, lighter on dark.
constexpr const char* kColours[kChartColours] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                 "#e69f00", "#56b4e9", "#333333", "#b8a900"};
constexpr const char* kDarkColours[kChartColours] = {"#3f9fe0", "#e8701a", "#1fb88c", "#d98fba",
                                                     "#e69f00", "#8fd0f5", "#dddddd", "#f0e442"};
constexpr const char* kDashes[kChartDashes] = {"none", "6 4", "1.5 3.5", "9 3 2 3"};

// Two digits behind the point, as few as are needed.
std::string coordinate(double value) {
  std::string text = fmt::format("{:.2f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text == "-0" ? "0" : text;
}

// About what Helvetica takes; wide scripts take a whole em.
double text_width(std::string_view text, double size = kTextSize) {
  double ems = 0;
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    text.remove_prefix(static_cast<std::size_t>(c.bytes));
    ems += c.code >= 0x1100 ? 1.0
           : c.code < 0x80 && std::string_view("iljt.,:;'|!()[] ").find(static_cast<char>(c.code)) !=
                                  std::string_view::npos
               ? 0.3
               : 0.57;
  }
  return ems * size;
}

std::string cut_name(std::string_view name, std::size_t characters) {
  std::string out;
  for (; characters > 0 && !name.empty(); --characters) {
    const Utf8Char c = decode_utf8(name);
    append_utf8(out, c.code);
    name.remove_prefix(static_cast<std::size_t>(c.bytes));
  }
  return name.empty() ? out : out + "\u2026";
}

// A name in a column of this width: broken at the last blank where it still fits, and cut where a line does
// not.
std::pair<std::string, std::string> two_lines(const std::string& name, double width) {
  const std::size_t fits = std::max<std::size_t>(3, static_cast<std::size_t>(width / (0.57 * kTextSize)));
  if (text_width(name) <= width) return {name, ""};
  std::size_t end = std::string::npos;
  for (std::size_t at = name.find(' '); at != std::string::npos; at = name.find(' ', at + 1)) {
    if (text_width(std::string_view(name).substr(0, at)) > width) break;
    end = at;
  }
  if (end == std::string::npos) return {cut_name(name, fits), ""};
  return {name.substr(0, end), cut_name(std::string_view(name).substr(end + 1), fits)};
}

std::string text_at(double x, double y, std::string_view css_class, std::string_view text,
                    std::string_view more = "") {
  return fmt::format("<text x=\"{}\" y=\"{}\" class=\"{}\"{}>{}</text>\n", coordinate(x), coordinate(y),
                     css_class, more, markup_text(text));
}

std::string line_at(double x1, double y1, double x2, double y2, std::string_view css_class) {
  return fmt::format("<path d=\"M{} {}L{} {}\" class=\"{}\"/>\n", coordinate(x1), coordinate(y1),
                     coordinate(x2), coordinate(y2), css_class);
}

struct LegendEntry {
  std::string name;
  int colour = 0, dash = 0;
  bool is_bar = false;
};

// The plot's rectangle and what stands around it; charts draw inside.
class Canvas {
 public:
  Canvas(const std::string& title, int width, int height, double least_left,
         const std::vector<LegendEntry>& legend)
      : width_(std::max(width, 200)), height_(std::max(height, 150)), left_(least_left) {
    double y = 8;
    if (!title.empty()) {
      y += kTitleSize + 1;
      out_ += text_at(width_ / 2, y, "title", cut_name(title, 100));
      y += 8;
    }
    title_ = title;
    top_ = add_legend(legend, y) + 10;
    bottom_ = std::max(top_ + 60, height_ - kBottom);
    height_ = bottom_ + kBottom;
  }

  double left() const noexcept { return left_; }
  double top() const noexcept { return top_; }
  double right() const noexcept { return width_ - 28; }
  double bottom() const noexcept { return bottom_; }
  double x(const Axis& axis, double value) const { return left_ + axis.share(value) * (right() - left_); }
  double y(const Axis& axis, double value) const { return bottom_ - axis.share(value) * (bottom_ - top_); }
  int ticks_down() const { return std::clamp(static_cast<int>((bottom_ - top_) / 45), 2, 8); }
  int ticks_across() const { return std::clamp(static_cast<int>((right() - left_) / 80), 2, 12); }

  void add(const std::string& part) { out_ += part; }
  // Lines across, numbers on the left, the axis' name beside them. Settles left().
  void add_y_axis(const Axis& axis, const std::string& label) {
    double widest = 0;
    for (const Tick& tick : axis.ticks()) widest = std::max(widest, label_width(tick));
    left_ = std::max(left_, 14 + (label.empty() ? 0 : 20) + widest + 8);
    for (const Tick& tick : axis.ticks())
      out_ += line_at(left_, y(axis, tick.value), right(), y(axis, tick.value),
                      tick.label.empty() ? "minor" : "grid");
    for (const Tick& tick : axis.ticks())
      if (!tick.label.empty()) add_label(left_ - 8, y(axis, tick.value) + 4, "end", tick);
    if (!label.empty())
      out_ += text_at(
          0, 0, "mid", cut_name(label, kLegendCharacters),
          fmt::format(" transform=\"translate(18 {}) rotate(-90)\"", coordinate((top_ + bottom_) / 2)));
  }
  void add_x_axis(const Axis& axis, const std::string& label) {
    for (const Tick& tick : axis.ticks())
      out_ += line_at(x(axis, tick.value), top_, x(axis, tick.value), bottom_,
                      tick.label.empty() ? "minor" : "grid");
    for (const Tick& tick : axis.ticks())
      if (!tick.label.empty()) add_label(x(axis, tick.value), bottom_ + 18, "mid", tick);
    if (!label.empty())
      out_ += text_at((left_ + right()) / 2, bottom_ + 38, "mid", cut_name(label, kLegendCharacters));
  }
  void add_frame() {
    out_ += fmt::format("<path d=\"M{} {}V{}H{}\" class=\"frame\"/>\n", coordinate(left_), coordinate(top_),
                        coordinate(bottom_), coordinate(right()));
  }
  void add_no_data() { out_ += text_at((left_ + right()) / 2, (top_ + bottom_) / 2, "mid", "no data"); }

  double width() const noexcept { return width_; }
  double height() const noexcept { return height_; }
  // `data`: attributes that a script reads.
  std::string finish(const std::string& data) const {
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
        "height=\"{1}\" role=\"img\" aria-label=\"{2}\" data-plot=\"{3} {4} {5} {6}\"{7}>\n{8}</svg>\n",
        coordinate(width_), coordinate(height_), markup_text(title_), coordinate(left_), coordinate(top_),
        coordinate(right() - left_), coordinate(bottom_ - top_), data, out_);
  }

 private:
  static double label_width(const Tick& tick) {
    return text_width(tick.label) + (tick.power != 0 ? text_width(std::to_string(tick.power), 9) : 0);
  }
  void add_label(double at, double y, std::string_view css_class, const Tick& tick) {
    if (tick.label != "10" || tick.power == 0) {
      out_ += text_at(at, y, css_class, tick.label);
      return;
    }
    out_ += fmt::format(
        "<text x=\"{}\" y=\"{}\" class=\"{}\">10<tspan class=\"power\" dy=\"-5\">{}{}</tspan></text>\n",
        coordinate(at), coordinate(y), css_class, tick.power < 0 ? "\u2212" : "", std::abs(tick.power));
  }
  // Entries in rows, each row in the middle. Returns where they end.
  double add_legend(const std::vector<LegendEntry>& all, double y) {
    std::vector<LegendEntry> entries(
        all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), kLegendEntries)));
    const double most = width_ - 40;
    const std::size_t characters = std::min(kLegendCharacters, static_cast<std::size_t>(most / 8));
    const auto entry_width = [&](const LegendEntry& entry) {
      return kLegendSample + 6 + text_width(cut_name(entry.name, characters)) + 18;
    };
    for (std::size_t begin = 0, end; begin < entries.size(); begin = end) {
      double row = 0;
      for (end = begin; end < entries.size(); ++end) {
        if (end > begin && row + entry_width(entries[end]) > most) break;
        row += entry_width(entries[end]);
      }
      y += kLegendLine;
      double x = std::max(20.0, (width_ - row + 18) / 2);
      for (std::size_t i = begin; i < end; ++i) {
        const LegendEntry& entry = entries[i];
        if (entry.is_bar)
          out_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" class=\"bar c{}\"/>\n",
                              coordinate(x + 10), coordinate(y - 10), entry.colour);
        else
          out_ += line_at(x, y - 4, x + kLegendSample, y - 4,
                          fmt::format("line c{} d{}", entry.colour, entry.dash));
        out_ += text_at(x + kLegendSample + 6, y, "start", cut_name(entry.name, characters));
        x += entry_width(entry);
      }
    }
    if (all.size() > entries.size()) {
      y += kLegendLine;
      out_ += text_at(width_ / 2, y, "mid", fmt::format("and {} more", all.size() - entries.size()));
    }
    return y;
  }

  std::string title_, out_;
  double width_, height_, left_, top_ = 0, bottom_ = 0;
};

// ---- lines

// Pixels of one series; NaN in y: a gap.
struct Path {
  std::vector<double> x, y;
};

// Calls use(begin, end) for all points in turn, those that share half a pixel across at once. place(i): the x
// in pixels.
template <class Place, class Use>
void for_each_column(std::size_t count, Place place, Use use) {
  const auto column = [&](std::size_t i) { return std::floor(2 * place(i)); };
  for (std::size_t begin = 0, end; begin < count; begin = end) {
    for (end = begin + 1; end < count && column(end) == column(begin); ++end) {
    }
    use(begin, end);
  }
}

// The points that matter to the eye (M4: Jugel et al. 2014).
Path reduced(const Path& all) {
  Path out;
  const auto keep = [&](std::size_t i) { out.x.push_back(all.x[i]), out.y.push_back(all.y[i]); };
  for_each_column(
      all.x.size(), [&](std::size_t i) { return all.x[i]; },
      [&](std::size_t begin, std::size_t end) {
        std::optional<std::size_t> first, lowest, highest, last;
        for (std::size_t i = begin; i < end; ++i) {
          if (std::isnan(all.y[i])) continue;
          if (!first) first = lowest = highest = i;
          if (all.y[i] < all.y[*lowest]) lowest = i;
          if (all.y[i] > all.y[*highest]) highest = i;
          last = i;
        }
        if (!first) return keep(begin);
        std::size_t kept[] = {*first, std::min(*lowest, *highest), std::max(*lowest, *highest), *last};
        const std::size_t* const end_of_kept = std::unique(kept, kept + 4);
        for (const std::size_t* i = kept; i != end_of_kept; ++i) keep(*i);
      });
  return out;
}

std::string path_data(const Path& path) {
  std::string out;
  bool is_open = false;
  for (std::size_t i = 0; i < path.x.size(); ++i) {
    if (std::isnan(path.y[i])) {
      is_open = false;
      continue;
    }
    out += (is_open ? "L" : "M") + coordinate(path.x[i]) + " " + coordinate(path.y[i]);
    is_open = true;
  }
  return out;
}

// A dot for each point of a series with few, and for each that has no neighbour to be joined with.
std::string dots(const Path& path, bool all, int colour) {
  std::string out;
  for (std::size_t i = 0; i < path.x.size(); ++i) {
    if (std::isnan(path.y[i])) continue;
    const bool joined =
        (i > 0 && !std::isnan(path.y[i - 1])) || (i + 1 < path.x.size() && !std::isnan(path.y[i + 1]));
    if (all || !joined)
      out += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"2.3\" class=\"dot c{}\"/>\n", coordinate(path.x[i]),
                         coordinate(path.y[i]), colour);
  }
  return out;
}

void check_lengths(const LineSeries& s) {
  if (s.y.size() != s.x.size() || s.low.size() != s.high.size() ||
      (!s.low.empty() && s.low.size() != s.x.size()))
    fail(Errc::kUsage, "chart: series '{}': found lists of {} x, {} y, {} low and {} high, expected as many",
         s.name, s.x.size(), s.y.size(), s.low.size(), s.high.size());
}

// In the order of x; values without a place become NaN.
LineSeries in_order(const LineSeries& s, bool log_x, bool log_y) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < s.x.size(); ++i)
    if (Axis::has_place(s.x[i], log_x)) order.push_back(i);
  if (!std::is_sorted(order.begin(), order.end(), [&](auto a, auto b) { return s.x[a] < s.x[b]; }))
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return s.x[a] < s.x[b]; });
  LineSeries out{.name = s.name, .colour = s.colour, .dash = s.dash, .is_faint = s.is_faint};
  const auto placed = [log_y](double value) { return Axis::has_place(value, log_y) ? value : std::nan(""); };
  for (const std::size_t i : order) {
    out.x.push_back(s.x[i]);
    out.y.push_back(placed(s.y[i]));
    if (s.low.empty()) continue;
    out.low.push_back(placed(s.low[i]));
    out.high.push_back(placed(s.high[i]));
  }
  return out;
}

// The band of one series, closed around each stretch without a gap.
std::string band(const LineSeries& s, const Canvas& canvas, const Axis& x, const Axis& y) {
  std::string out, back;
  const auto close = [&] {
    if (!out.empty() && !back.empty()) out += back + "Z";
    back.clear();
  };
  for_each_column(
      s.low.size(), [&](std::size_t i) { return canvas.x(x, s.x[i]); },
      [&](std::size_t begin, std::size_t end) {
        ValueRange range;
        for (std::size_t i = begin; i < end; ++i) {
          if (std::isnan(s.low[i]) || std::isnan(s.high[i])) continue;
          range.add(s.low[i]);
          range.add(s.high[i]);
        }
        if (range.is_empty()) return close();
        const std::string at = coordinate(canvas.x(x, s.x[begin]));
        out += (back.empty() ? "M" : "L") + at + " " + coordinate(canvas.y(y, range.high));
        back = "L" + at + " " + coordinate(canvas.y(y, range.low)) + back;
      });
  close();
  return out.empty() ? "" : fmt::format("<path d=\"{}\" class=\"band c{}\"/>\n", out, s.colour);
}

std::string axis_data(const char* name, const Axis& axis) {
  return fmt::format(" data-{}=\"{} {} {}\"", name, axis.low(), axis.high(), axis.is_log() ? 1 : 0);
}

Canvas draw(const LineChart& chart, double least_left, std::string& data) {
  std::vector<LineSeries> series;
  std::vector<LegendEntry> legend;
  ValueRange x_range, y_range;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    check_lengths(chart.series[i]);
    LineSeries s = in_order(chart.series[i], chart.log_x, chart.log_y);
    s.colour = (s.colour < 0 ? static_cast<int>(i) : s.colour) % kChartColours;
    s.dash = std::max(0, s.dash) % kChartDashes;
    if (!s.name.empty()) legend.push_back({s.name, s.colour, s.dash});
    for (const double value : s.x) x_range.add(value);
    for (const std::vector<double>* values : {&s.y, &s.low, &s.high})
      for (const double value : *values)
        if (!std::isnan(value)) y_range.add(value);
    series.push_back(std::move(s));
  }
  Canvas canvas(chart.title, chart.width, chart.height, least_left, legend);
  const Axis y(y_range, chart.log_y, Axis::Margin::kSome, canvas.ticks_down());
  canvas.add_y_axis(y, chart.y_label);
  const Axis x(x_range, chart.log_x, Axis::Margin::kNone, canvas.ticks_across());
  canvas.add_x_axis(x, chart.x_label);
  canvas.add_frame();
  if (y_range.is_empty()) canvas.add_no_data();
  for (const LineSeries& s : series) canvas.add(band(s, canvas, x, y));
  for (const bool is_faint : {true, false})
    for (const LineSeries& s : series) {
      if (s.is_faint != is_faint) continue;
      Path path;
      for (std::size_t i = 0; i < s.x.size(); ++i) {
        path.x.push_back(canvas.x(x, s.x[i]));
        path.y.push_back(std::isnan(s.y[i]) ? s.y[i] : canvas.y(y, s.y[i]));
      }
      path = reduced(path);
      const std::string name =
          s.name.empty() ? ""
                         : fmt::format(" data-name=\"{}\"", markup_text(cut_name(s.name, kLegendCharacters)));
      canvas.add(fmt::format("<g class=\"series\"{}>\n<path d=\"{}\" class=\"line c{} d{}{}\"/>\n{}</g>\n",
                             name, path_data(path), s.colour, s.dash, is_faint ? " faint" : "",
                             is_faint ? "" : dots(path, s.x.size() <= kMarkedPoints, s.colour)));
    }
  data =
      axis_data("x", x) + axis_data("y", y) + fmt::format(" data-across=\"{}\"", markup_text(chart.x_label));
  return canvas;
}

// ---- bars

Canvas draw(const BarChart& chart, double least_left, std::string& data) {
  std::vector<LegendEntry> legend;
  ValueRange range;
  range.add(0);
  const auto error_of = [](const BarGroup& group, std::size_t i) {
    return group.errors.empty() || !Axis::has_place(group.errors[i], false) ? 0 : std::abs(group.errors[i]);
  };
  bool has_values = false;
  for (std::size_t g = 0; g < chart.groups.size(); ++g) {
    const BarGroup& group = chart.groups[g];
    if (group.values.size() != chart.categories.size() ||
        (!group.errors.empty() && group.errors.size() != group.values.size()))
      fail(Errc::kUsage, "chart: bars '{}': found {} values and {} errors, expected {} of each", group.name,
           group.values.size(), group.errors.size(), chart.categories.size());
    if (!group.name.empty()) legend.push_back({group.name, static_cast<int>(g) % kChartColours, 0, true});
    for (std::size_t i = 0; i < group.values.size(); ++i) {
      if (!Axis::has_place(group.values[i], false)) continue;
      has_values = true;
      range.add(group.values[i] - error_of(group, i));
      range.add(group.values[i] + error_of(group, i));
    }
  }
  Canvas canvas(chart.title, chart.width, chart.height, least_left, legend);
  const Axis y(range, false, Axis::Margin::kSome, canvas.ticks_down());
  canvas.add_y_axis(y, chart.y_label);
  const double slot = (canvas.right() - canvas.left()) /
                      static_cast<double>(std::max<std::size_t>(1, chart.categories.size()));
  const double bar = 0.76 * slot / static_cast<double>(std::max<std::size_t>(1, chart.groups.size()));
  const double zero = canvas.y(y, 0);
  for (std::size_t i = 0; i < chart.categories.size(); ++i) {
    const double middle = canvas.left() + (static_cast<double>(i) + 0.5) * slot;
    for (std::size_t g = 0; g < chart.groups.size(); ++g) {
      const BarGroup& group = chart.groups[g];
      const double value = group.values[i];
      if (!Axis::has_place(value, false)) continue;
      const double at =
          middle + (static_cast<double>(g) - static_cast<double>(chart.groups.size()) / 2) * bar;
      const double end = canvas.y(y, value), error = error_of(group, i);
      canvas.add(fmt::format(
          "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" class=\"bar c{}\"><title>{}</title></rect>\n",
          coordinate(at + 0.04 * bar), coordinate(std::min(end, zero)), coordinate(0.92 * bar),
          coordinate(std::abs(end - zero)), static_cast<int>(g) % kChartColours,
          markup_text(fmt::format("{}{}{}: {}{}", cut_name(chart.categories[i], kLegendCharacters),
                                  group.name.empty() ? "" : ", ", cut_name(group.name, kLegendCharacters),
                                  number_text(value), error > 0 ? " \u00b1 " + number_text(error) : ""))));
      if (error <= 0) continue;
      const double x = at + bar / 2, cap = std::min(5.0, bar / 4);
      const double high = canvas.y(y, value + error), low = canvas.y(y, value - error);
      canvas.add(line_at(x, low, x, high, "error"));
      canvas.add(line_at(x - cap, low, x + cap, low, "error"));
      canvas.add(line_at(x - cap, high, x + cap, high, "error"));
    }
    const auto [first, second] = two_lines(chart.categories[i], slot);
    canvas.add(text_at(middle, canvas.bottom() + 18, "mid", first));
    if (!second.empty()) canvas.add(text_at(middle, canvas.bottom() + 32, "mid", second));
  }
  canvas.add(line_at(canvas.left(), zero, canvas.right(), zero, "frame"));
  canvas.add(line_at(canvas.left(), canvas.top(), canvas.left(), canvas.bottom(), "frame"));
  if (!has_values) canvas.add_no_data();
  data.clear();
  return canvas;
}

struct Drawn {
  double width, height, left;
  std::string svg;
};

Drawn drawn(const Chart& chart, double least_left = 0) {
  return std::visit(
      [&](const auto& c) {
        std::string data;
        const Canvas canvas = draw(c, least_left, data);
        return Drawn{canvas.width(), canvas.height(), canvas.left(), canvas.finish(data)};
      },
      chart);
}

std::string colour_css(const char* const (&colours)[kChartColours]) {
  std::string css;
  for (int i = 0; i < kChartColours; ++i) css += fmt::format(".chart .c{}{{color:{}}}\n", i, colours[i]);
  return css;
}

}  // namespace

std::string chart_css() {
  std::string css = fmt::format(
      ".chart text{{font:{}px Helvetica,Arial,\"Liberation Sans\",sans-serif;fill:#333}}\n"
      ".chart text.title{{font-size:{}px;font-weight:bold;text-anchor:middle;fill:#111}}\n"
      ".chart .mid{{text-anchor:middle}}\n.chart .end{{text-anchor:end}}\n.chart .power{{font-size:9px}}\n"
      ".chart .grid{{stroke:#e2e2e2;fill:none}}\n.chart .minor{{stroke:#f0f0f0;fill:none}}\n"
      ".chart .frame,.chart .error{{stroke:#333;fill:none;stroke-width:1.1}}\n"
      ".chart .line{{stroke:currentColor;fill:none;stroke-width:1.7;stroke-linejoin:round;"
      "stroke-linecap:round}}\n"
      ".chart .faint{{opacity:.3;stroke-width:1}}\n.chart .band{{fill:currentColor;opacity:.18}}\n"
      ".chart .dot,.chart .bar{{fill:currentColor}}\n",
      kTextSize, kTitleSize);
  for (int i = 1; i < kChartDashes; ++i)
    css += fmt::format(".chart .d{}{{stroke-dasharray:{}}}\n", i, kDashes[i]);
  return css + colour_css(kColours);
}

std::string dark_chart_css() {
  return ".chart text{fill:#ccc}\n.chart text.title{fill:#eee}\n.chart .grid{stroke:#333}\n"
         ".chart .minor{stroke:#272727}\n.chart .frame,.chart .error{stroke:#bbb}\n" +
         colour_css(kDarkColours);
}

std::string chart_svg(const Chart& chart) { return drawn(chart).svg; }

std::string figure_svg(std::span<const Chart> charts) {
  double width = 0, height = 0, left = 0;
  for (const Chart& chart : charts) left = std::max(left, drawn(chart).left);
  std::string panels;
  for (const Chart& chart : charts) {
    const Drawn panel = drawn(chart, left);  // axes stand above one another
    panels += fmt::format("<g transform=\"translate(0 {})\">\n{}</g>\n", coordinate(height), panel.svg);
    width = std::max(width, panel.width);
    height += panel.height;
  }
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\">\n"
      "<style>\n{2}</style>\n<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n{3}</svg>\n",
      coordinate(width), coordinate(height), chart_css(), panels);
}

}  // namespace lyceum
