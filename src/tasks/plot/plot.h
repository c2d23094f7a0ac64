// Curves of training runs: as a figure (SVG), and as a page with a table of what came out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "train/report/chart.h"

namespace lyceum {

struct PlotOptions {
  std::vector<std::string> series;  // empty: loss_nats and valid_loss_nats, as far as they are there
  enum class Across { kStep, kTokens, kSeconds } across = Across::kStep;
  double smooth = 0;  // in [0, 1): weight of what came before in a running mean; 0: none
  bool log_y = false;
  std::string title;
};

// What became of one series of one run. Steps of values that are NaN do not count.
struct SeriesSummary {
  std::string run, series;
  std::int64_t values = 0;  // finite ones; of none the others are NaN and 0
  double last = 0, lowest = 0, highest = 0;
  std::int64_t last_step = 0, lowest_step = 0, highest_step = 0;
};

struct Plot {
  std::string title;
  std::vector<Chart> charts;  // NAME, valid_NAME, ... of all runs in one
  std::vector<SeriesSummary> summaries;
};

// `runs`: run folders or metrics.jsonl files, drawn in their order, named by their folders. With `smooth` the
// values stand faintly behind their mean; series with no more than 40 values, and learning_rate, stay as they
// are. Throws Errc::kData for a series that no run has, naming those there are.
Plot plot_runs(const std::vector<std::filesystem::path>& runs, const PlotOptions& options);

// One HTML file: charts whose values the pointer shows, and the summaries.
std::string plot_page(const Plot& plot);

// s[t] = w s[t-1] + (1-w) y[t], divided by 1 - w^t (Kingma and Ba 2015, section 3: without a bias towards 0
// at the start), as TensorBoard smooths. Values that are not finite stay and leave the mean as it is.
std::vector<double> running_mean(const std::vector<double>& values, double weight);

}  // namespace lyceum
