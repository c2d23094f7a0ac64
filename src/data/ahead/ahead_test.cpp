#include "data/ahead/ahead.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>

namespace lyceum {
namespace {

using Work = Ahead<int, int>;

// The squares of 0 ... count - 1, of which some take their time.
Work squares(const AheadOptions& options, int& taken, int count) {
  return Work(
      options, [&taken, count](int& in) { return (in = taken++) < count; },
      [](int& in, int& out) {
        if (in % 7 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
        out = in * in;
      });
}

TEST(Ahead, ResultsComeInOrderWhateverTheThreads) {
  for (const int threads : {0, 1, 2, 3, 8}) {
    int taken = 0;
    Work work = squares({.threads = threads, .items = 5}, taken, 300);
    int out = 0;
    for (int i = 0; i < 300; ++i) {
      ASSERT_TRUE(work.next(out));
      ASSERT_EQ(out, i * i) << threads;
    }
    EXPECT_FALSE(work.next(out));
    EXPECT_FALSE(work.next(out));
  }
}

TEST(Ahead, NoMoreThanTheLimitsAreAhead) {
  for (const auto& [items, bytes, most] :
       {std::tuple<std::size_t, std::size_t, int>{4, 1 << 20, 4}, {100, 30, 3}, {100, 1, 1}}) {
    std::atomic<int> taken{0};
    Work work(
        {.threads = 3, .items = items, .bytes = bytes}, [&](int& in) { return (in = taken++) < 1000; },
        [](int& in, int& out) { out = in; }, [](const int&) { return std::size_t{10}; });
    int out = 0;
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(work.next(out));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      EXPECT_LE(taken, i + 1 + most);
    }
  }
}

TEST(Ahead, AnErrorOfMakingComesInThePlaceOfItsItem) {
  for (const int threads : {0, 1, 3}) {
    int taken = 0, out = 0;
    Work work(
        {.threads = threads}, [&](int& in) { return (in = taken++) < 10; },
        [](int& in, int& result) {
          if (in == 4) throw std::runtime_error("four");
          result = in;
        });
    for (int i = 0; i < 10; ++i) {
      if (i == 4) {
        EXPECT_THROW(work.next(out), std::runtime_error);
        continue;
      }
      ASSERT_TRUE(work.next(out));
      EXPECT_EQ(out, i) << threads;
    }
    EXPECT_FALSE(work.next(out));
  }
}

TEST(Ahead, AnErrorOfTakingComesBehindWhatWasTakenBefore) {
  for (const int threads : {1, 3}) {
    int taken = 0, out = 0;
    Work work(
        {.threads = threads},
        [&](int& in) {
          if (taken == 6) throw std::runtime_error("six");
          in = taken++;
          return true;
        },
        [](int& in, int& result) { result = in; });
    for (int i = 0; i < 6; ++i) ASSERT_TRUE(work.next(out));
    EXPECT_THROW(work.next(out), std::runtime_error);
    EXPECT_FALSE(work.next(out));
    taken = 7;
    work.stop();
    ASSERT_TRUE(work.next(out));
    EXPECT_EQ(out, 7);
  }
}

TEST(Ahead, StoppingForgetsAndDestructionNeedsNoReader) {
  for (int trial = 0; trial < 50; ++trial) {
    int taken = 0, out = 0;
    Work work = squares({.threads = 3, .items = 4}, taken, 1 << 30);
    for (int i = 0; i < trial % 5; ++i) ASSERT_TRUE(work.next(out));
    work.stop();
    taken = 100;
    ASSERT_TRUE(work.next(out));
    EXPECT_EQ(out, 10000);
  }
}

}  // namespace
}  // namespace lyceum
