#include "tasks/plot/plot.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "lyceum/page.h"
#include "train/report/axis.h"
#include "train/report/metrics.h"

namespace lyceum {
namespace {

constexpr std::size_t kShort = 40;                       // values of a series that is not smoothed
constexpr std::string_view kSchedule = "learning_rate";  // has no noise
const char* const kUsual[] = {"loss_nats", "valid_loss_nats"};

struct Run {
  std::string name;
  RunMetrics metrics;
};

// The folder's name; the whole path where several have one.
std::vector<std::string> names_of(const std::vector<std::filesystem::path>& runs) {
  std::vector<std::string> names;
  std::map<std::string, int> count;
  for (const std::filesystem::path& run : runs) {
    std::error_code error;
    std::filesystem::path path = std::filesystem::absolute(run, error).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();  // "runs/a/"
    if (path.filename() == kMetricsFile) path = path.parent_path();
    names.push_back(path.filename().string());
    ++count[names.back()];
  }
  for (std::size_t i = 0; i < runs.size(); ++i)
    if (names[i].empty() || count[names[i]] > 1) names[i] = runs[i].string();
  return names;
}

double across(const MetricsPoint& point, PlotOptions::Across what) {
  switch (what) {
    case PlotOptions::Across::kTokens:
      return point.tokens;
    case PlotOptions::Across::kSeconds:
      return point.seconds;
    default:
      return static_cast<double>(point.step);
  }
}

const char* across_label(PlotOptions::Across what) {
  switch (what) {
    case PlotOptions::Across::kTokens:
      return "tokens";
    case PlotOptions::Across::kSeconds:
      return "seconds of training";
    default:
      return "step";
  }
}

// Those that are drawn; all must be there in one run at least.
std::vector<std::string> chosen_series(const std::vector<Run>& runs, const PlotOptions& options) {
  std::set<std::string> there;
  for (const Run& run : runs) there.insert(run.metrics.names.begin(), run.metrics.names.end());
  constexpr std::size_t kListed = 40;
  const auto listed = [&] {
    std::string list;
    std::size_t left = kListed;
    for (const std::string& name : there) {
      if (left-- == 0) return list + fmt::format(" and {} more", there.size() - kListed);
      list += (list.empty() ? "" : ", ") + name;
    }
    return list.empty() ? std::string("none") : list;
  };
  std::vector<std::string> chosen;
  const auto choose = [&](const std::string& name) {
    if (std::find(chosen.begin(), chosen.end(), name) == chosen.end()) chosen.push_back(name);
  };
  for (const std::string& name : options.series) {
    if (!there.count(name))
      fail(Errc::kData, "plot: found no series '{}', expected one of: {}. Fix: --series NAME,...", name,
           listed());
    choose(name);
  }
  if (options.series.empty()) {
    for (const char* name : kUsual)
      if (there.count(name)) choose(name);
    if (chosen.empty())
      fail(Errc::kData, "plot: found neither '{}' nor '{}', only the series: {}. Fix: --series NAME,...",
           kUsual[0], kUsual[1], listed());
  }
  return chosen;
}

void check_across(const Run& run, PlotOptions::Across what) {
  const bool is_missing = (what == PlotOptions::Across::kTokens && !run.metrics.has_tokens) ||
                          (what == PlotOptions::Across::kSeconds && !run.metrics.has_seconds);
  if (is_missing)
    fail(Errc::kData, "plot: run '{}' does not say {}, which a curve over {} needs. Fix: --x step", run.name,
         what == PlotOptions::Across::kTokens ? "'tokens'" : "'tokens' and 'tokens_per_s'",
         across_label(what));
}

SeriesSummary summary_of(const std::string& run, const std::string& series,
                         const std::vector<MetricsPoint>& points) {
  SeriesSummary s{run, series, 0, std::nan(""), std::nan(""), std::nan("")};
  for (const MetricsPoint& point : points) {
    if (!std::isfinite(point.value)) continue;
    s.last = point.value, s.last_step = point.step;
    if (s.values == 0 || point.value < s.lowest) s.lowest = point.value, s.lowest_step = point.step;
    if (s.values == 0 || point.value > s.highest) s.highest = point.value, s.highest_step = point.step;
    ++s.values;
  }
  return s;
}

// Series that share an axis: NAME with anything_NAME.
std::vector<std::vector<std::string>> panels_of(const std::vector<std::string>& series) {
  std::vector<std::vector<std::string>> panels;
  for (const std::string& name : series) {
    const auto joins = [&](const std::vector<std::string>& panel) {
      return std::any_of(panel.begin(), panel.end(), [&](const std::string& other) {
        return name.ends_with("_" + other) || other.ends_with("_" + name);
      });
    };
    const auto panel = std::find_if(panels.begin(), panels.end(), joins);
    if (panel != panels.end())
      panel->push_back(name);
    else
      panels.push_back({name});
  }
  return panels;
}

LineChart panel_chart(const std::vector<Run>& runs, const std::vector<std::string>& panel,
                      const PlotOptions& options) {
  LineChart chart{.x_label = across_label(options.across), .log_y = options.log_y};
  chart.y_label = *std::min_element(panel.begin(), panel.end(),
                                    [](const auto& a, const auto& b) { return a.size() < b.size(); });
  for (std::size_t r = 0; r < runs.size(); ++r)
    for (std::size_t p = 0; p < panel.size(); ++p) {
      const auto found = runs[r].metrics.series.find(panel[p]);
      if (found == runs[r].metrics.series.end()) continue;
      LineSeries line;
      for (const MetricsPoint& point : found->second) {
        line.x.push_back(across(point, options.across));
        line.y.push_back(point.value);
      }
      // one run: a colour for each series; several: a colour for each run, and a dash for each series
      const bool one_run = runs.size() == 1;
      line.colour = static_cast<int>((one_run ? p : r) % kChartColours);
      line.dash = static_cast<int>(one_run ? 0 : p % kChartDashes);
      line.name = one_run ? panel[p] : panel.size() == 1 ? runs[r].name : runs[r].name + ": " + panel[p];
      if (options.smooth > 0 && line.y.size() > kShort && panel[p] != kSchedule) {
        LineSeries mean = line;
        mean.y = running_mean(line.y, options.smooth);
        mean.name += " (smoothed)";
        line.is_faint = true;
        line.dash = 0;
        line.name.clear();
        chart.series.push_back(std::move(line));
        line = std::move(mean);
      }
      chart.series.push_back(std::move(line));
    }
  return chart;
}

}  // namespace

std::vector<double> running_mean(const std::vector<double>& values, double weight) {
  std::vector<double> out;
  double mean = 0, rest = 1;  // rest: weight^t
  for (const double value : values) {
    if (!std::isfinite(value)) {
      out.push_back(value);
      continue;
    }
    mean = weight * mean + (1 - weight) * value;
    rest *= weight;
    out.push_back(mean / (1 - rest));
  }
  return out;
}

Plot plot_runs(const std::vector<std::filesystem::path>& paths, const PlotOptions& options) {
  if (!(options.smooth >= 0 && options.smooth < 1))
    fail(Errc::kUsage, "plot: found smoothing {}, expected a number from 0 to below 1", options.smooth);
  std::vector<std::string> wanted = options.series;
  if (wanted.empty()) wanted.assign(std::begin(kUsual), std::end(kUsual));
  const std::vector<std::string> names = names_of(paths);
  std::vector<Run> runs;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    runs.push_back({names[i], read_metrics(paths[i], wanted)});
    check_across(runs.back(), options.across);
  }
  const std::vector<std::string> series = chosen_series(runs, options);
  Plot plot;
  plot.title = !options.title.empty() ? options.title : runs.size() == 1 ? runs[0].name : "";
  for (const std::vector<std::string>& panel : panels_of(series))
    plot.charts.emplace_back(panel_chart(runs, panel, options));
  if (!plot.charts.empty()) std::get<LineChart>(plot.charts[0]).title = plot.title;
  for (const Run& run : runs)
    for (const std::string& name : series)
      if (const auto found = run.metrics.series.find(name); found != run.metrics.series.end())
        plot.summaries.push_back(summary_of(run.name, name, found->second));
  return plot;
}

std::string plot_page(const Plot& plot) {
  Page page(plot.title.empty() ? "Training runs" : plot.title);
  for (Chart chart : plot.charts) {
    std::get<LineChart>(chart).title.clear();  // the page's own
    page.chart(chart);
  }
  PageTable table{
      .caption = "Final and best values",
      .header = {"run", "series", "values", "last", "at step", "lowest", "at step", "highest", "at step"}};
  for (const SeriesSummary& s : plot.summaries) {
    std::vector<std::string> row{s.run, s.series, fmt::format("{}", s.values)};
    for (const auto& [value, step] : {std::pair(s.last, s.last_step), std::pair(s.lowest, s.lowest_step),
                                      std::pair(s.highest, s.highest_step)}) {
      row.push_back(s.values > 0 ? number_text(value) : "");
      row.push_back(s.values > 0 ? fmt::format("{}", step) : "");
    }
    table.rows.push_back(std::move(row));
  }
  page.table(table);
  return page.html();
}

}  // namespace lyceum
