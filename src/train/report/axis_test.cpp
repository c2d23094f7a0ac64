#include "train/report/axis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace lyceum {
namespace {

using Words = std::vector<std::string>;

Words labels(double low, double high, bool is_log = false, int most = 6) {
  const Axis axis({low, high}, is_log, Axis::Margin::kNone, most);
  Words out;
  for (const Tick& tick : axis.ticks())
    if (!tick.label.empty())
      out.push_back(tick.label + (tick.power != 0 ? "^" + std::to_string(tick.power) : ""));
  return out;
}

TEST(Axis, TicksStandAtRoundNumbers) {
  EXPECT_EQ(labels(1, 2000), (Words{"0", "500", "1,000", "1,500", "2,000"}));
  EXPECT_EQ(labels(2.61, 3.38), (Words{"2.8", "3.0", "3.2"}));
  EXPECT_EQ(labels(0, 3e-4), (Words{"0", "0.5e\u22124", "1.0e\u22124", "1.5e\u22124", "2.0e\u22124",
                                    "2.5e\u22124", "3.0e\u22124"}));
  EXPECT_EQ(labels(0, 2.5e9), (Words{"0", "0.5B", "1.0B", "1.5B", "2.0B", "2.5B"}));
  EXPECT_EQ(labels(-2, 2), (Words{"\u22122", "\u22121", "0", "1", "2"}));
}

TEST(Axis, LogarithmicTicksStandAtPowersOfTen) {
  EXPECT_EQ(labels(0.01, 100, true), (Words{"0.01", "0.1", "1", "10", "100"}));
  EXPECT_EQ(labels(1e-6, 1, true), (Words{"10^-6", "10^-5", "10^-4", "10^-3", "10^-2", "10^-1", "10"}));
  EXPECT_EQ(labels(2.1, 11, true), (Words{"3", "5", "7", "10"}));
  EXPECT_EQ(labels(2.5, 9, true), (Words{"3", "4", "5", "6", "7", "8", "9"}));
  EXPECT_EQ(labels(2, 3, true), (Words{"2.0", "2.2", "2.4", "2.6", "2.8", "3.0"}));
}

TEST(Axis, AnyRangeGivesAFewTicksInsideItAndFinitePlaces) {
  const double limits[] = {-1e300, -5e17, -3, -1e-5,     -1e-300, 0,        5e-324, 1e-310, 1e-300,
                           1e-5,   0.1,   1,  1 + 1e-15, 3,       1 + 1e-8, 5e17,   1e299,  1e300};
  for (const bool is_log : {false, true})
    for (const double low : limits)
      for (const double high : limits) {
        if (high < low || !Axis::has_place(low, is_log)) continue;
        for (const int most : {2, 6, 12}) {
          const Axis axis({low, high}, is_log, Axis::Margin::kSome, most);
          SCOPED_TRACE(std::to_string(low) + " " + std::to_string(high) + (is_log ? " log" : ""));
          ASSERT_LT(axis.low(), axis.high());
          for (const double value : {low, high}) {
            EXPECT_GE(axis.share(value), -1e-9);
            EXPECT_LE(axis.share(value), 1 + 1e-9);
          }
          std::size_t shown = 0;
          for (const Tick& tick : axis.ticks()) {
            EXPECT_GE(axis.share(tick.value), -1e-6);
            EXPECT_LE(axis.share(tick.value), 1 + 1e-6);
            shown += !tick.label.empty();
            EXPECT_LT(tick.label.size(), 30u) << tick.label;
          }
          EXPECT_GE(shown, 1u);
          EXPECT_LE(shown, static_cast<std::size_t>(most) + 2);
        }
      }
}

TEST(Axis, NothingToShowIsAnAxisToo) {
  EXPECT_EQ(Axis(ValueRange(), false, Axis::Margin::kSome, 4).low(), 0);
  EXPECT_EQ(Axis(ValueRange(), true, Axis::Margin::kNone, 4).high(), 10);
}

TEST(Axis, ValuesWithoutAPlace) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double value : {infinity, -infinity, std::nan(""), 1e301, -1e301})
    EXPECT_FALSE(Axis::has_place(value, false));
  for (const double value : {0.0, -1.0, infinity, std::nan("")}) EXPECT_FALSE(Axis::has_place(value, true));
  EXPECT_TRUE(Axis::has_place(-1, false));
  EXPECT_TRUE(Axis::has_place(1e-5, true));
}

TEST(Axis, NumbersForPeople) {
  EXPECT_EQ(number_text(3.14159), "3.142");
  EXPECT_EQ(number_text(-0.0003), "\u22120.0003");
  EXPECT_EQ(number_text(0.00003), "3e\u22125");
  EXPECT_EQ(number_text(1234567), "1,234,567");
  EXPECT_EQ(number_text(1e300), "1e300");
  EXPECT_EQ(number_text(0), "0");
  EXPECT_EQ(number_text(std::nan("")), "NaN");
}

}  // namespace
}  // namespace lyceum
