// The look of charts (lyceum/chart.h).
#pragma once

#include <string>

#include "lyceum/chart.h"  // IWYU pragma: export

namespace lyceum {

// Rules for the classes of chart_svg(), on white, and in `dark` pages.
std::string chart_css();
std::string dark_chart_css();

inline constexpr int kChartColours = 8, kChartDashes = 4;

}  // namespace lyceum
