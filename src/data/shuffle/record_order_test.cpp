#include "data/shuffle/record_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "check/expect_error.h"
#include "check/temporary_folder.h"

namespace lyceum {
namespace {

// Files of numbered lines: 0 ... records - 1.
class Order : public testing::Test {
 protected:
  std::shared_ptr<const RecordFiles> numbered(int records, int files) const {
    for (int f = 0, next = 0; f < files; ++f) {
      std::string text;
      const int end = records * (f + 1) / files;
      for (; next < end; ++next) text += std::to_string(next) + "\n";
      check::write_file(folder_ / ("f" + std::to_string(f) + ".txt"), text);
    }
    return std::make_shared<RecordFiles>(std::vector<std::string>{(folder_ / "f*.txt").string()},
                                         RecordOptions{.separator = "\n"});
  }
  // The rest of the epoch.
  static std::vector<int> epoch(RecordOrder& order) {
    std::vector<int> out;
    for (Record record; order.next(record);) out.push_back(std::stoi(record.bytes));
    return out;
  }
  check::TemporaryFolder folder_;
};

constexpr std::uint64_t kFewRecords = 8 * sizeof(Record);

TEST_F(Order, WithoutShufflingRecordsComeAsTheyLie) {
  RecordOrder order(numbered(100, 3), {.shuffle = false});
  for (int e = 0; e < 2; ++e) {
    const std::vector<int> found = epoch(order);
    ASSERT_EQ(found.size(), 100u);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(found[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(order.position(), (RecordPosition{static_cast<std::uint64_t>(e) + 1, 0}));
  }
}

TEST_F(Order, EveryEpochHasEveryRecordOnceInAnotherOrder) {
  const auto files = numbered(500, 7);
  for (const std::uint64_t bytes : {std::uint64_t{0}, kFewRecords, std::uint64_t{1} << 28}) {
    RecordOrder order(files, {.seed = 4, .shuffle_bytes = bytes}),
        again(files, {.seed = 4, .shuffle_bytes = bytes}), other(files, {.seed = 5, .shuffle_bytes = bytes});
    std::set<std::vector<int>> orders;
    for (int e = 0; e < 3; ++e) {
      std::vector<int> found = epoch(order);
      EXPECT_EQ(found, epoch(again));
      EXPECT_NE(found, epoch(other));
      EXPECT_TRUE(orders.insert(found).second) << e;
      std::sort(found.begin(), found.end());
      for (int i = 0; i < 500; ++i) ASSERT_EQ(found[static_cast<std::size_t>(i)], i);
    }
  }
}

// 24 orders of 4 records in 24000 epochs: each is expected 1000 times with a standard deviation of
// sqrt(1000 * 23/24) = 31; five of them.
TEST_F(Order, WhatFitsIsAUniformPermutation) {
  RecordOrder order(numbered(4, 1), {.seed = 1});
  std::map<std::vector<int>, int> counts;
  for (int e = 0; e < 24000; ++e) ++counts[epoch(order)];
  EXPECT_EQ(counts.size(), 24u);
  for (const auto& [permutation, count] : counts) EXPECT_NEAR(count, 1000, 155);
}

TEST_F(Order, ASmallBufferGivesNoRecordBeforeItIsRead) {
  RecordOrder order(numbered(300, 1), {.seed = 2, .shuffle_bytes = kFewRecords});
  const std::vector<int> found = epoch(order);
  int moved = 0;
  for (int i = 0; i < 300; ++i) {
    EXPECT_LE(found[static_cast<std::size_t>(i)], i + 8);  // 8 records fill the buffer
    moved += found[static_cast<std::size_t>(i)] != i;
  }
  EXPECT_GT(moved, 200);
}

TEST_F(Order, SeekingIsContinuing) {
  const auto files = numbered(120, 5);
  Random random(6);
  for (const std::uint64_t bytes : {kFewRecords, std::uint64_t{1} << 28})
    for (const bool shuffle : {true, false}) {
      const RecordOrderOptions options{.shuffle = shuffle, .seed = 3, .shuffle_bytes = bytes};
      for (int trial = 0; trial < 50; ++trial) {
        RecordOrder straight(files, options), jumped(files, options);
        Record record;
        const std::uint32_t steps = random.below(400);  // three epochs
        for (std::uint32_t i = 0; i < steps; ++i) straight.next(record);
        if (trial % 2 == 0) jumped.next(record);  // also from within an epoch
        jumped.seek(straight.position());
        EXPECT_EQ(jumped.position(), straight.position());
        for (int e = 0; e < 2; ++e) ASSERT_EQ(epoch(jumped), epoch(straight)) << steps;
      }
    }
}

TEST_F(Order, PartsTogetherAreTheWhole) {
  const auto files = numbered(100, 4);
  RecordOrder whole(files, {.seed = 8});
  const std::vector<int> all = epoch(whole);
  for (const std::uint64_t n : {1u, 2u, 3u, 7u, 100u, 101u}) {
    std::vector<int> joined(all.size(), -1);
    for (std::uint64_t r = 0; r < n; ++r) {
      RecordOrder part(files, {.seed = 8, .part = {r, n}});
      std::size_t at = r;
      for (const int record : epoch(part)) joined.at(at) = record, at += n;
    }
    EXPECT_EQ(joined, all) << n;
  }
}

TEST_F(Order, AnotherNumberOfPartsGoesOnFromTheSamePosition) {
  const auto files = numbered(100, 4);
  RecordOrder whole(files, {.seed = 8});
  const std::vector<int> all = epoch(whole);
  for (std::uint64_t r = 0; r < 4; ++r) {
    RecordOrder part(files, {.seed = 8, .part = {r, 4}});
    Record record;
    for (int i = 0; i < 6; ++i) ASSERT_TRUE(part.next(record));
    ASSERT_EQ(part.position(), (RecordPosition{0, 24}));
  }
  std::vector<int> joined(all.begin(), all.begin() + 24);
  joined.resize(100, -1);
  for (std::uint64_t r = 0; r < 3; ++r) {
    RecordOrder part(files, {.seed = 8, .part = {r, 3}});
    part.seek({0, 24});
    std::size_t at = 24 + r;
    for (const int record : epoch(part)) joined.at(at) = record, at += 3;
  }
  EXPECT_EQ(joined, all);
}

TEST_F(Order, NoRecordsAndNoPartsAreErrors) {
  check::write_file(folder_ / "empty.txt", " \n\n");
  const auto files = std::make_shared<RecordFiles>(std::vector<std::string>{(folder_ / "empty.txt").string()},
                                                   RecordOptions{.separator = "\n"});
  RecordOrder order(files, {});
  Record record;
  check::expect_error(Errc::kData, "found no record in", [&] { order.next(record); });
  check::expect_error(Errc::kUsage, "part 3 of 3", [&] { RecordOrder(files, {.part = {3, 3}}); });
  check::expect_error(Errc::kUsage, "part 0 of 0", [&] { RecordOrder(files, {.part = {0, 0}}); });
}

}  // namespace
}  // namespace lyceum
