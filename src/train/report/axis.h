// One axis of a chart: where a value lies on it, and the ticks that a reader expects there.
#pragma once

#include <string>
#include <vector>

namespace lyceum {

// The lowest and the highest of what is drawn, in one pass.
struct ValueRange {
  double low = 0, high = -1;  // high < low: nothing yet
  bool is_empty() const noexcept { return high < low; }
  void add(double value) noexcept;
};

struct Tick {
  double value = 0;
  std::string label;  // empty: a line without a label
  int power = 0;      // with the label "10": its exponent
};

class Axis {
 public:
  enum class Margin { kNone, kSome };  // beyond the lowest and highest value
  // Any range gives an axis that is wider than nothing: equal values get room on both sides. About `most`
  // ticks with labels, at 1, 2, 2.5 or 5 times a power of ten, or on a logarithmic axis at powers of ten.
  Axis(const ValueRange& range, bool is_log, Margin margin, int most);

  // NaN, infinities, values beyond 1e300 and, on a logarithmic axis, values that are not positive have no
  // place.
  static bool has_place(double value, bool is_log) noexcept;
  double share(double value) const noexcept;  // 0 at the low end, 1 at the high end
  double low() const noexcept { return low_; }
  double high() const noexcept { return high_; }
  bool is_log() const noexcept { return is_log_; }
  const std::vector<Tick>& ticks() const noexcept { return ticks_; }

 private:
  void make_linear_ticks(int most);
  void make_log_ticks(int most);
  double low_, high_;
  bool is_log_;
  std::vector<Tick> ticks_;
};

// A value for people: four significant digits.
std::string number_text(double value);

}  // namespace lyceum
