// plot: curves of training runs.
#include "tasks/plot/plot.h"

#include <unistd.h>

#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "base/error.h"
#include "base/file.h"

namespace lyceum::app {
namespace {

struct PlotArguments {
  std::vector<std::string> runs;
  std::string output, across = "step";
  PlotOptions plot;
};

nlohmann::ordered_json json_of(const SeriesSummary& s) {
  nlohmann::ordered_json object{{"run", s.run}, {"series", s.series}, {"values", s.values}};
  if (s.values == 0) return object;
  object.update({{"last", s.last},
                 {"last_step", s.last_step},
                 {"lowest", s.lowest},
                 {"lowest_step", s.lowest_step},
                 {"highest", s.highest},
                 {"highest_step", s.highest_step}});
  return object;
}

std::string wrong_weight(const std::string& text) {
  double value = -1;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = error == std::errc() && stop == text.data() + text.size();
  return is_number && value >= 0 && value < 1
             ? ""
             : fmt::format("found '{}', expected a number from 0 to below 1", text);
}

void run(const PlotArguments& o, const Common& common) {
  apply(common);
  const bool is_page = o.output.ends_with(".html"), to_file = !o.output.empty() && o.output != "-";
  if (to_file && !is_page && !o.output.ends_with(".svg"))
    fail(Errc::kUsage, "--output: found '{}', expected a name in .svg or .html", o.output);
  if (!to_file && !common.json && ::isatty(1) != 0)
    fail(Errc::kUsage, "plot: standard output is a terminal. Fix: --output FILE.svg or FILE.html");
  PlotOptions options = o.plot;
  if (o.across == "tokens") options.across = PlotOptions::Across::kTokens;
  if (o.across == "seconds") options.across = PlotOptions::Across::kSeconds;
  const Plot plot = plot_runs({o.runs.begin(), o.runs.end()}, options);
  if (to_file) {
    AtomicFile file(o.output);
    file.write(is_page ? plot_page(plot) : figure_svg(plot.charts));
    file.commit();
  }
  if (common.json) {
    for (const SeriesSummary& summary : plot.summaries) print_json(json_of(summary));
  } else if (!to_file) {
    std::string svg = figure_svg(plot.charts);
    svg.pop_back();  // print_line() ends it
    print_line(svg);
  } else {
    const auto counted = [](std::size_t count, const char* what) {
      return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
    };
    print_line(fmt::format("{}: {} in {}", o.output, counted(plot.summaries.size(), "curve"),
                           counted(plot.charts.size(), "chart")));
  }
}

}  // namespace

void add_plot(CLI::App& app) {
  auto o = std::make_shared<PlotArguments>();
  Verb verb(app, "plot", "Curves of training runs, as a figure (SVG) or one HTML page");
  auto common =
      add_common(verb, "lyceum plot runs/small runs/large --smooth 0.9 --x tokens --output loss.html");
  verb.option("run", o->runs, "Run folders, or their metrics.jsonl files").required();
  verb.option("--output,-o", o->output, "FILE.svg or FILE.html (default: SVG on standard output)");
  verb.option("--series", o->plot.series,
              "Names in the files, with commas between (default: loss_nats,valid_loss_nats)")
      .separator(',');
  verb.option("--smooth", o->plot.smooth,
              "A running mean of long series: the weight of what came before, from 0 to below 1")
      .check(wrong_weight, "WEIGHT");
  verb.option("--x", o->across, "What runs across: step, tokens or seconds (those spent in steps)")
      .one_of({"step", "tokens", "seconds"})
      .show_default();
  verb.flag("--log-y", o->plot.log_y, "A logarithmic axis; values that are not positive are left out");
  verb.option("--title", o->plot.title, "Stands above (default: the run's name, if there is one run)");
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
