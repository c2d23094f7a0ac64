#include "base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "check/message_of.h"

namespace lyceum {
namespace {

class Parallel : public testing::Test {
 protected:
  ~Parallel() override { set_thread_count(0); }
};

TEST_F(Parallel, EveryTaskRunsOnceOnAWorkerThatExists) {
  for (const int threads : {1, 2, 3, 8})
    for (const std::int64_t tasks : {0, 1, 2, 7, 1000}) {
      set_thread_count(threads);
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(tasks));
      std::atomic<bool> outside{false};
      parallel_tasks(tasks, [&](std::int64_t task, int worker) {
        ++runs[static_cast<std::size_t>(task)];
        if (worker < 0 || worker >= threads) outside = true;
      });
      for (std::int64_t task = 0; task < tasks; ++task)
        EXPECT_EQ(runs[static_cast<std::size_t>(task)], 1) << task << " of " << tasks << " with " << threads;
      EXPECT_FALSE(outside);
    }
}

TEST_F(Parallel, BlocksCoverTheRangeOnceWithTheGrainAskedFor) {
  set_thread_count(3);
  for (const std::int64_t count : {0, 1, 9, 10, 11, 100})
    for (const std::int64_t grain : {1, 3, 10, 1000}) {
      std::mutex mutex;
      std::set<std::pair<std::int64_t, std::int64_t>> blocks;
      parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
        const std::lock_guard lock(mutex);
        blocks.insert({begin, end});
      });
      std::int64_t next = 0;
      for (const auto& [begin, end] : blocks) {
        EXPECT_EQ(begin, next);
        EXPECT_EQ(end, std::min(count, begin + grain));
        next = end;
      }
      EXPECT_EQ(next, count) << count << " in blocks of " << grain;
    }
}

TEST_F(Parallel, AThreadsOwnCountGoesBeforeTheProcesss) {
  set_thread_count(3);
  EXPECT_EQ(set_own_thread_count(2), 0);
  EXPECT_EQ(thread_count(), 2);
  std::thread([] { EXPECT_EQ(thread_count(), 3) << "another thread's is not ours"; }).join();
  EXPECT_EQ(set_own_thread_count(0), 2);
  EXPECT_EQ(thread_count(), 3);
  EXPECT_NE(check::message_of(Errc::kUsage, [] { set_own_thread_count(1025); }).find("1025"),
            std::string::npos);
  EXPECT_EQ(thread_count(), 3);
}

TEST_F(Parallel, TwoTasksThatWaitForEachOtherRunAtTheSameTime) {
  set_thread_count(2);
  std::atomic<int> arrived{0};
  parallel_tasks(2, [&](std::int64_t, int) {
    ++arrived;
    while (arrived < 2) std::this_thread::yield();  // hangs (and times out) with one thread
  });
  EXPECT_EQ(arrived, 2);
}

TEST_F(Parallel, TheFirstExceptionReachesTheCallerAndTheNextCallWorks) {
  for (const int threads : {1, 3}) {
    set_thread_count(threads);
    const auto failing = [] {
      parallel_for(100, 1, [](std::int64_t begin, std::int64_t) {
        if (begin == 41) throw Error(Errc::kData, "task 41");
      });
    };
    EXPECT_EQ(check::message_of(Errc::kData, failing), "task 41");
    std::atomic<int> runs{0};
    parallel_tasks(50, [&](std::int64_t, int) { ++runs; });
    EXPECT_EQ(runs, 50);
  }
}

TEST_F(Parallel, ACallInsideACallStaysOnItsThread) {
  set_thread_count(3);
  std::atomic<bool> elsewhere{false};
  std::atomic<int> runs{0};
  parallel_tasks(6, [&](std::int64_t, int) {
    const auto outer = std::this_thread::get_id();
    parallel_tasks(5, [&](std::int64_t, int worker) {
      ++runs;
      if (std::this_thread::get_id() != outer || worker != 0) elsewhere = true;
    });
  });
  EXPECT_EQ(runs, 30);
  EXPECT_FALSE(elsewhere);
}

TEST_F(Parallel, CallersOnSeveralThreadsDoNotDisturbEachOther) {
  set_thread_count(2);
  std::vector<std::int64_t> sums(4, 0);
  std::vector<std::thread> callers;
  for (std::int64_t& sum : sums)
    callers.emplace_back([&sum] {
      for (int round = 0; round < 20; ++round) {
        std::atomic<std::int64_t> total{0};
        parallel_for(100, 7, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t i = begin; i < end; ++i) total += i;
        });
        sum += total;
      }
    });
  for (std::thread& caller : callers) caller.join();
  for (const std::int64_t sum : sums) EXPECT_EQ(sum, 20 * 4950);
}

TEST_F(Parallel, TheThreadCountHasLimitsAndZeroMeansTheMachine) {
  set_thread_count(5);
  EXPECT_EQ(thread_count(), 5);
  set_thread_count(0);
  EXPECT_EQ(thread_count(), available_threads());
  EXPECT_GE(available_threads(), 1);
  EXPECT_EQ(check::message_of(Errc::kUsage, [] { set_thread_count(-1); }),
            "threads: found -1, expected 1 to 1024 (0: what the machine allows)");
  EXPECT_EQ(check::message_of(Errc::kUsage, [] { set_thread_count(1025); }),
            "threads: found 1025, expected 1 to 1024 (0: what the machine allows)");
}

}  // namespace
}  // namespace lyceum
