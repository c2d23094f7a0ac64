#include "papers/report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace lyceum::papers {
namespace {

using Json = nlohmann::ordered_json;

std::string number(double value, int digits) {
  if (!std::isfinite(value)) return "";
  std::string text = fmt::format("{:.{}f}", value, digits);
  const bool is_zero = text.find_first_not_of("-0.") == std::string::npos;
  return is_zero && text.starts_with('-') ? text.substr(1) : text;
}

std::string signed_number(double value, int digits) {
  const std::string text = number(value, digits);
  return value > 0 ? "+" + text : text;
}

// As many digits as the gain's interval deserves.
int digits_of(const Interval& gain) {
  const double width = std::isfinite(gain.high) ? gain.high - gain.low : std::fabs(gain.mean);
  return width == 0 ? 2 : std::clamp(2 - static_cast<int>(std::floor(std::log10(width))), 1, 5);
}

std::string gain_text(const Interval& gain) {
  const int digits = digits_of(gain);
  if (!std::isfinite(gain.low)) return signed_number(gain.mean, digits);
  return fmt::format("{} [{}, {}]", signed_number(gain.mean, digits), signed_number(gain.low, digits),
                     signed_number(gain.high, digits));
}

PageTable claims_table(const std::vector<JudgedClaim>& claims) {
  PageTable table{.caption = "Claims, and whether they hold at this scale",
                  .header = {"claim", "the paper", "gain here, 95 % interval", "seeds", "verdict"}};
  for (const auto& [claim, judged] : claims) {
    std::string gain = fmt::format("{} ({}", gain_text(judged.gain), claim.measure);
    if (claim.comparison.margin > 0) gain += fmt::format("; margin {}", claim.comparison.margin);
    table.rows.push_back({claim.text, claim.paper, gain + ")",
                          fmt::format("{}", claim.comparison.left.size()), name_of(judged.verdict)});
  }
  return table;
}

PageTable shown(const ResultTable& results) {
  PageTable table{.caption = results.caption, .header = {results.corner}};
  table.header.insert(table.header.end(), results.columns.begin(), results.columns.end());
  for (const ResultTable::Row& row : results.rows) {
    std::vector<std::string>& cells = table.rows.emplace_back(1, row.name);
    for (const std::vector<double>& values : row.cells) cells.push_back(cell_text(values, results.digits));
    cells.resize(table.header.size());
  }
  return table;
}

Chart chart_of(const ResultTable& results) {
  if (results.chart == ResultTable::Chart::kBars) {
    BarChart chart{.title = results.caption, .y_label = results.y_label, .categories = {}, .groups = {}};
    for (const ResultTable::Row& row : results.rows) chart.categories.push_back(row.name);
    for (std::size_t c = 0; c < results.columns.size(); ++c) {
      BarGroup& group =
          chart.groups.emplace_back(BarGroup{.name = results.columns[c], .values = {}, .errors = {}});
      for (const ResultTable::Row& row : results.rows) {
        const std::vector<double> none, &values = c < row.cells.size() ? row.cells[c] : none;
        group.values.push_back(mean_of(values));
        group.errors.push_back(deviation_of(values));
      }
    }
    return chart;
  }
  LineChart chart{.title = results.caption,
                  .x_label = results.x_label,
                  .y_label = results.y_label,
                  .series = {},
                  .log_x = results.log_x};
  for (const ResultTable::Row& row : results.rows) {
    LineSeries& line = chart.series.emplace_back(LineSeries{.name = row.name});
    for (std::size_t c = 0; c < row.cells.size(); ++c) {
      const double mean = mean_of(row.cells[c]), deviation = deviation_of(row.cells[c]);
      line.x.push_back(std::stod(results.columns[c]));
      line.y.push_back(mean);
      line.low.push_back(mean - deviation);
      line.high.push_back(mean + deviation);
    }
  }
  return chart;
}

Json json_of(const ResultTable& results) {
  Json rows = Json::array();
  for (const ResultTable::Row& row : results.rows) {
    Json cells = Json::object();
    for (std::size_t c = 0; c < row.cells.size(); ++c)
      cells[results.columns[c]] = {{"mean", mean_of(row.cells[c])},
                                   {"deviation", deviation_of(row.cells[c])},
                                   {"values", row.cells[c]},
                                   {"text", cell_text(row.cells[c], results.digits)}};
    rows.push_back({{"name", row.name}, {"cells", std::move(cells)}});
  }
  return {{"caption", results.caption}, {"rows", std::move(rows)}};
}

Json json_of(const JudgedClaim& entry) {
  const auto& [claim, judged] = entry;
  return {{"claim", claim.text},
          {"paper", claim.paper},
          {"measure", claim.measure},
          {"left", claim.comparison.left},
          {"right", claim.comparison.right},
          {"lower_is_better", claim.comparison.lower_is_better},
          {"margin", claim.comparison.margin},
          {"gain", judged.gain.mean},
          {"low", judged.gain.low},  // without a bound: null
          {"high", judged.gain.high},
          {"text", gain_text(judged.gain)},
          {"verdict", name_of(judged.verdict)}};
}

std::string counted(const std::vector<JudgedClaim>& claims) {
  std::int64_t counts[3] = {};
  for (const JudgedClaim& claim : claims) ++counts[static_cast<std::size_t>(claim.judged.verdict)];
  return fmt::format(
      "Of {} claims, {} agree with the paper at this scale, {} disagree, and {} are undecided.",
      claims.size(), counts[static_cast<std::size_t>(Verdict::kAgrees)],
      counts[static_cast<std::size_t>(Verdict::kDisagrees)],
      counts[static_cast<std::size_t>(Verdict::kUndecided)]);
}

}  // namespace

std::string cell_text(const std::vector<double>& values, int digits) {
  const std::string mean = number(mean_of(values), digits);
  if (mean.empty() || values.size() < 2) return mean;
  return fmt::format("{} \u00b1 {}", mean, number(deviation_of(values), digits));
}

void Report::claim(Claim claim) {
  const Judged judged = judge(claim.comparison);
  claims_.push_back({std::move(claim), judged});
}

std::string Report::html(const ReportHead& head) const {
  Page page(fmt::format("{}: {}", head.paper, head.summary));
  page.paragraph(head.citation);
  page.paragraph(counted(claims_));
  for (const std::string& text : head.about) page.paragraph(text);
  for (const std::string& text : about_) page.paragraph(text);
  page.code(head.command);
  page.heading("What agrees with the paper");
  page.table(claims_table(claims_));
  page.paragraph(rule_of_judging());
  for (const auto& part : parts_) {
    if (const auto* heading = std::get_if<Heading>(&part)) {
      page.heading(heading->text);
    } else if (const auto* text = std::get_if<std::string>(&part)) {
      page.paragraph(*text);
    } else if (const auto* line = std::get_if<LineChart>(&part)) {
      page.chart(*line);
    } else {
      const auto& results = std::get<ResultTable>(part);
      if (results.chart != ResultTable::Chart::kNone) page.chart(chart_of(results));
      page.table(shown(results));
    }
  }
  return page.html();
}

Json Report::json(const ReportHead& head) const {
  Json claims = Json::array(), tables = Json::array();
  for (const JudgedClaim& claim : claims_) claims.push_back(json_of(claim));
  for (const auto& part : parts_)
    if (const auto* results = std::get_if<ResultTable>(&part)) tables.push_back(json_of(*results));
  return {{"paper", head.paper},     {"citation", head.citation},   {"scale", head.scale},
          {"command", head.command}, {"claims", std::move(claims)}, {"tables", std::move(tables)}};
}

}  // namespace lyceum::papers
