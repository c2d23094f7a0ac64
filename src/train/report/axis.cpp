#include "train/report/axis.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string_view>

namespace lyceum {
namespace {

constexpr double kLargest = 1e300;    // twice as much is still a number
constexpr double kSmallest = 1e-300;  // nearer to zero is zero, or its steps would be
// Closer values are one: ticks between them could not be told apart.
constexpr double kEqual = 1e-9;
constexpr const char* kMinus = "\u2212";

std::string with_minus(std::string text) {
  for (std::size_t at = text.find('-'); at != std::string::npos; at = text.find('-', at))
    text.replace(at, 1, kMinus);
  return text;
}

// 12345.5 -> 12,345.5
std::string with_commas(std::string text) {
  const std::size_t begin = text.starts_with('-') ? 1 : 0, end = std::min(text.find('.'), text.size());
  for (std::size_t at = end; at > begin + 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

// 1.5e-05 -> 1.5e-5
std::string short_exponent(std::string text) {
  const std::size_t e = text.find('e');
  if (e == std::string::npos) return text;
  std::size_t digits = e + 2;
  while (digits + 1 < text.size() && text[digits] == '0') text.erase(digits, 1);
  if (text[e + 1] == '+') text.erase(e + 1, 1);
  return text;
}

// The digits behind the point that `step` has.
int decimals_of(double step) {
  int decimals = 0;
  for (; decimals < 15 && std::abs(step - std::round(step)) > 1e-6 * step; ++decimals) step *= 10;
  return decimals;
}

// Labels of ticks at multiples of `step` up to `largest`.
class TickFormat {
 public:
  TickFormat(double step, double largest) {
    if (largest >= 1e15 || largest < 1e-3) {  // one power of ten for all
      const int power = static_cast<int>(std::floor(std::log10(largest) + kEqual));
      unit_ = std::pow(10.0, power);
      suffix_ = fmt::format("e{}", power);
    }
    for (const Unit unit : {Unit{1e6, "M"}, Unit{1e9, "B"}, Unit{1e12, "T"}})
      if (largest >= unit.size && largest < 1e15) unit_ = unit.size, suffix_ = unit.suffix;
    decimals_ = decimals_of(step / unit_);
  }
  std::string operator()(double value) const {
    if (value == 0) return "0";
    const std::string digits = fmt::format("{:.{}f}", value / unit_, decimals_);
    return with_minus(with_commas(digits) + suffix_);
  }

 private:
  struct Unit {
    double size;
    const char* suffix;
  };
  double unit_ = 1;
  std::string suffix_;
  int decimals_ = 0;
};

// The smallest of 1, 2, 2.5 and 5 times a power of ten that is at least `least`.
double nice_step(double least) {
  const double power = std::pow(10.0, std::floor(std::log10(least)));
  for (const double times : {1.0, 2.0, 2.5, 5.0})
    if (times * power >= least * (1 - kEqual)) return times * power;
  return 10 * power;
}

}  // namespace

void ValueRange::add(double value) noexcept {
  const bool first = is_empty();
  low = first ? value : std::min(low, value);
  high = first ? value : std::max(high, value);
}

bool Axis::has_place(double value, bool is_log) noexcept {
  return std::abs(value) <= kLargest && (!is_log || value >= kSmallest);
}

double Axis::share(double value) const noexcept {
  if (is_log_)  // a quotient of values could overflow
    return (std::log10(value) - std::log10(low_)) / (std::log10(high_) - std::log10(low_));
  return (value - low_) / (high_ - low_);
}

Axis::Axis(const ValueRange& range, bool is_log, Margin margin, int most)
    : low_(range.low), high_(range.high), is_log_(is_log) {
  constexpr double kMargin = 0.04;  // of the axis, at each end
  if (range.is_empty()) low_ = is_log ? 1 : 0, high_ = is_log ? 10 : 1;
  if (is_log) {
    if (std::log10(high_) - std::log10(low_) < kEqual) low_ /= 2, high_ *= 2;
    if (margin == Margin::kSome) {
      const double by = std::pow(10.0, kMargin * (std::log10(high_) - std::log10(low_)));
      low_ = std::max(kSmallest, low_ / by);
      high_ = std::min(kLargest, high_ * by);
    }
    make_log_ticks(most);
    return;
  }
  const double largest = std::max(std::abs(low_), std::abs(high_));
  if (largest < kSmallest) {
    low_ = -1, high_ = 1;
  } else if (high_ - low_ <= kEqual * largest) {
    low_ -= 0.1 * largest, high_ += 0.1 * largest;
  } else {
    // an axis that nearly begins at zero begins there
    const bool from_zero = low_ >= 0 && low_ <= 0.1 * high_;
    const double by = margin == Margin::kSome ? kMargin * (high_ - low_) : 0;
    low_ = from_zero ? 0 : low_ > 0 ? std::max(0.0, low_ - by) : low_ - by;
    high_ = high_ <= 0 ? std::min(0.0, high_ + by) : high_ + by;
  }
  make_linear_ticks(most);
}

void Axis::make_linear_ticks(int most) {
  const double step = nice_step((high_ - low_) / most), slack = kEqual * (high_ - low_);
  const TickFormat label(step, std::max(std::abs(low_), std::abs(high_)));
  const double first = std::ceil((low_ - slack) / step);
  for (int i = 0; i <= most; ++i) {
    const double value = (first + i) * step;
    if (value > high_ + slack) break;
    ticks_.push_back({value, label(value)});
  }
}

void Axis::make_log_ticks(int most) {
  const int first = static_cast<int>(std::ceil(std::log10(low_) - kEqual));
  const int last = static_cast<int>(std::floor(std::log10(high_) + kEqual));
  if (last - first < 1) {  // less than two powers of ten
    if (high_ / low_ < 3) {
      make_linear_ticks(most);
      return;
    }
    const std::size_t enough = std::min<std::size_t>(4, static_cast<std::size_t>(most));
    std::size_t shown = 0;
    for (const std::string_view labelled : {"125", "12357", "123456789"}) {
      if (shown >= enough) break;
      ticks_.clear();
      shown = 0;
      for (int decade = first - 1; decade <= last; ++decade)
        for (int times = 1; times < 10; ++times) {
          const double value = times * std::pow(10.0, decade);
          if (value < low_ * (1 - kEqual) || value > high_ * (1 + kEqual)) continue;
          const bool is_shown = labelled.find(static_cast<char>('0' + times)) != std::string_view::npos;
          ticks_.push_back({value, is_shown ? TickFormat(value, value)(value) : ""});
          shown += is_shown;
        }
    }
    return;
  }
  const bool is_plain = first >= -3 && last <= 4;
  const int stride = std::max(1, (last - first + most - 1) / most);
  for (int decade = first - 1; decade <= last; ++decade) {
    const double value = std::pow(10.0, decade);
    if (decade >= first && (decade - first) % stride == 0)
      ticks_.push_back(is_plain ? Tick{value, TickFormat(value, value)(value)} : Tick{value, "10", decade});
    if (stride > 1) continue;
    for (int times = 2; times < 10; ++times)
      if (times * value > low_ && times * value < high_) ticks_.push_back({times * value, ""});
  }
}

std::string number_text(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "NaN" : value > 0 ? "infinite" : "\u2212infinite";
  const double size = std::abs(value);
  if (size >= 1e15 || (size < 1e-4 && size > 0))
    return with_minus(short_exponent(fmt::format("{:.4g}", value)));
  if (size >= 1e4) return with_minus(with_commas(fmt::format("{:.0f}", value)));
  return with_minus(fmt::format("{:.4g}", value));
}

}  // namespace lyceum
