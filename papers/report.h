// What a reproduction found: claims with verdicts, tables and charts, as one HTML page and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <variant>
#include <vector>

#include "lyceum/chart.h"
#include "lyceum/page.h"
#include "papers/statistics.h"

namespace lyceum::papers {

struct Claim {
  std::string text;     // "100 labels: pre-training beats training from scratch"
  std::string paper;    // what the paper has: "SST-2 93.5, table 1"
  std::string measure;  // of the gain: "accuracy, points"
  Comparison comparison;
};
struct JudgedClaim {
  Claim claim;
  Judged judged;
};

// Values by row, column and seed. In the report a cell is the mean and, of several seeds, the deviation; the
// JSON has every value.
struct ResultTable {
  std::string caption, corner;       // corner: above the names of the rows
  std::vector<std::string> columns;  // of a curve: numbers, from small to large
  struct Row {
    std::string name;
    std::vector<std::vector<double>> cells;  // [columns][seeds]
  };
  std::vector<Row> rows;
  int digits = 1;  // behind the point
  enum class Chart { kNone, kCurve, kBars } chart = Chart::kNone;
  std::string x_label, y_label;  // of the chart
  bool log_x = false;
};

// What stands above everything else.
struct ReportHead {
  std::string paper, citation, summary, scale, command;
  std::vector<std::string> about;  // paragraphs: how large, how many seeds
};

class Report {
 public:
  void about(std::string text) { about_.push_back(std::move(text)); }
  void heading(std::string text) { parts_.emplace_back(Heading{std::move(text)}); }
  void text(std::string text) { parts_.emplace_back(std::move(text)); }
  void results(ResultTable table) { parts_.emplace_back(std::move(table)); }
  void chart(LineChart chart) { parts_.emplace_back(std::move(chart)); }
  // What is compared appears in the order of the calls, above all parts.
  void claim(Claim claim);

  const std::vector<JudgedClaim>& claims() const noexcept { return claims_; }
  std::string html(const ReportHead& head) const;
  nlohmann::ordered_json json(const ReportHead& head) const;

 private:
  struct Heading {
    std::string text;
  };
  std::vector<std::string> about_;
  std::vector<std::variant<Heading, std::string, ResultTable, LineChart>> parts_;
  std::vector<JudgedClaim> claims_;
};

// As the report shows it.
std::string cell_text(const std::vector<double>& values, int digits);

}  // namespace lyceum::papers
