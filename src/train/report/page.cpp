#include "lyceum/page.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "train/report/chart.h"
#include "train/report/markup.h"

namespace lyceum {
namespace {

constexpr std::string_view kPageCss = R"(:root{color-scheme:light dark}
body{margin:2rem auto;max-width:760px;padding:0 1rem;font:16px/1.5 system-ui,sans-serif;color:#222;background:#fff}
h1{font-size:1.6rem}
h2{font-size:1.2rem;margin-top:2rem}
svg.chart{max-width:100%;height:auto;display:block;margin:1.5rem auto}
.scroll{overflow-x:auto}
table{border-collapse:collapse;margin:1rem 0;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:#666;padding-bottom:.3rem}
th,td{text-align:left;padding:.25rem .8rem .25rem 0;border-bottom:1px solid #ddd;vertical-align:top}
th{border-bottom:1.5px solid #555}
.number{text-align:right}
pre{overflow-x:auto;padding:.6rem .8rem;background:#f4f4f4;border-radius:4px;font-size:.85rem}
#values{position:fixed;display:none;pointer-events:none;padding:.4rem .6rem;font-size:.8rem;line-height:1.35;color:#222;background:#fffd;border:1px solid #bbb;border-radius:4px}
#values b{font-weight:600}
.pointer{stroke:#888;stroke-dasharray:3 3}
)";

constexpr std::string_view kDarkPageCss = R"(body{color:#ddd;background:#16181c}
caption{color:#999}
th,td{border-color:#333}
th{border-color:#999}
pre{background:#22252b}
#values{color:#ddd;background:#22252bee;border-color:#555}
)";

// Values are read back from the drawn paths and the ends of the axes: to about a thousandth of an axis.
constexpr std::string_view kScript = R"('use strict';
const box = document.getElementById('values');
const numbers = text => (text.match(/-?[\d.]+(?:e[+-]?\d+)?/g) || []).map(Number);
const shown = value => String(Number(value.toPrecision(4)));
function valueAt(share, [low, high, isLog]) {
  return isLog ? 10 ** (Math.log10(low) + share * (Math.log10(high) - Math.log10(low))) : low + share * (high - low);
}
for (const chart of document.querySelectorAll('svg.chart[data-x]')) {
  const [left, top, width, height] = numbers(chart.dataset.plot);
  const xAxis = numbers(chart.dataset.x), yAxis = numbers(chart.dataset.y);
  const series = [...chart.querySelectorAll('.series[data-name]')].map(group => {
    const path = group.querySelector('path'), flat = numbers(path.getAttribute('d')), points = [];
    for (let i = 0; i + 1 < flat.length; i += 2) points.push([flat[i], flat[i + 1]]);
    return {name: group.dataset.name, path, points};
  }).filter(s => s.points.length > 0);
  const pointer = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  pointer.setAttribute('class', 'pointer');
  chart.append(pointer);
  const hide = () => { box.style.display = 'none'; pointer.removeAttribute('d'); };
  chart.addEventListener('pointerleave', hide);
  chart.addEventListener('pointermove', event => {
    const frame = chart.getBoundingClientRect(), scale = frame.width / chart.viewBox.baseVal.width;
    const x = (event.clientX - frame.left) / scale, y = (event.clientY - frame.top) / scale;
    if (series.length === 0 || x < left || x > left + width || y < top || y > top + height) return hide();
    const nearest = points => points.reduce((a, b) => Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a);
    const at = nearest(series.map(s => nearest(s.points)))[0];
    pointer.setAttribute('d', `M${at} ${top}V${top + height}`);
    const line = document.createElement('div');
    line.textContent = `${chart.dataset.across} ${shown(valueAt((at - left) / width, xAxis))}`;
    const near = series.map(s => [s, nearest(s.points)]).filter(([, point]) => Math.abs(point[0] - at) < 8);
    box.replaceChildren(line, ...near.map(([s, point]) => {
      const row = document.createElement('div'), value = document.createElement('b');
      row.style.color = getComputedStyle(s.path).color;
      value.textContent = shown(valueAt((top + height - point[1]) / height, yAxis));
      row.append(`${s.name} `, value);
      return row;
    }));
    box.style.display = 'block';
    box.style.top = `${event.clientY + 14}px`;
    box.style.left = `${Math.min(event.clientX + 14, document.documentElement.clientWidth - box.offsetWidth - 4)}px`;
  });
}
)";

// As number_text() and fmt write it.
bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.,+-eE%\u2212 ") == std::string_view::npos;
}

}  // namespace

Page::Page(std::string_view title) : title_(markup_text(title)) {}

void Page::heading(std::string_view text) { body_ += fmt::format("<h2>{}</h2>\n", markup_text(text)); }

void Page::paragraph(std::string_view text) { body_ += fmt::format("<p>{}</p>\n", markup_text(text)); }

void Page::code(std::string_view text) { body_ += fmt::format("<pre>{}</pre>\n", markup_text(text)); }

void Page::table(const PageTable& table) {
  std::vector<bool> is_right(table.header.size(), !table.rows.empty());
  for (const std::vector<std::string>& row : table.rows) {
    if (row.size() != table.header.size())
      fail(Errc::kUsage, "page: table '{}': found a row of {} cells, expected {}", table.caption, row.size(),
           table.header.size());
    for (std::size_t c = 0; c < row.size(); ++c)
      is_right[c] = is_right[c] && (row[c].empty() || is_number(row[c]));
  }
  const auto cell = [&](const char* tag, std::size_t column, const std::string& text) {
    body_ += fmt::format("<{}{}>{}</{}>", tag, is_right[column] ? " class=\"number\"" : "", markup_text(text),
                         tag);
  };
  body_ += "<div class=\"scroll\"><table>\n";
  if (!table.caption.empty()) body_ += fmt::format("<caption>{}</caption>\n", markup_text(table.caption));
  body_ += "<tr>";
  for (std::size_t c = 0; c < table.header.size(); ++c) cell("th", c, table.header[c]);
  body_ += "</tr>\n";
  for (const std::vector<std::string>& row : table.rows) {
    body_ += "<tr>";
    for (std::size_t c = 0; c < row.size(); ++c) cell("td", c, row[c]);
    body_ += "</tr>\n";
  }
  body_ += "</table></div>\n";
}

void Page::chart(const Chart& chart) { body_ += chart_svg(chart); }

std::string Page::html() const {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src 'unsafe-inline'\">\n"
      "<title>{}</title>\n<style>\n{}{}@media (prefers-color-scheme: dark) "
      "{{\n{}{}}}\n</style>\n</head>\n<body>\n"
      "<h1>{}</h1>\n{}<div id=\"values\"></div>\n<script>\n{}</script>\n</body>\n</html>\n",
      title_, kPageCss, chart_css(), kDarkPageCss, dark_chart_css(), title_, body_, kScript);
}

}  // namespace lyceum
