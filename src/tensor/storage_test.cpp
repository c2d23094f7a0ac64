#include "tensor/storage.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "check/message_of.h"
#include "tensor/tensor.h"

namespace lyceum {
namespace {

TEST(Storage, AFreedBlockIsUsedAgainForTheSameSizeAndForItsNeighbours) {
  trim_memory();
  const std::byte* first;
  {
    const auto storage = Storage::allocate(100000);
    first = storage->data();
  }
  const std::uint64_t held = memory_use().held_bytes;
  const auto again = Storage::allocate(100000 - 50);  // rounds up to the same block
  EXPECT_EQ(again->data(), first);
  EXPECT_EQ(again->bytes(), 99950u);
  const auto second = Storage::allocate(100000);  // the block is taken: a new one
  EXPECT_NE(second->data(), first);
  EXPECT_GT(memory_use().held_bytes, held);
}

TEST(Storage, TheSteadyStateTakesNothingFromTheSystem) {
  const auto pass = [] {
    const Tensor a = Tensor::empty({100, 300}), b = Tensor::empty({7}), c = Tensor::empty({1000, 1000});
  };
  pass();
  const std::uint64_t held = memory_use().held_bytes;
  for (int i = 0; i < 10; ++i) pass();
  EXPECT_EQ(memory_use().held_bytes, held);
}

// Two phases whose blocks are of other sizes: a pool that kept both would hold 512 MiB.
TEST(Storage, WhatIsKeptStaysNearWhatIsUsed) {
  trim_memory();
  for (int step = 0; step < 3; ++step)
    for (const std::size_t bytes : {std::size_t{2} << 20, std::size_t{5} << 20}) {
      std::vector<std::shared_ptr<Storage>> phase;
      for (std::size_t all = 0; all < std::size_t{256} << 20; all += bytes)
        phase.push_back(Storage::allocate(bytes));
      EXPECT_LE(memory_use().held_bytes, std::uint64_t{(256 + 32 + 64 + 8)} << 20);
    }
}

TEST(Storage, AFreeBlockServesWhatIsAQuarterSmaller) {
  trim_memory();
  const std::byte* first;
  {
    const auto storage = Storage::allocate(12 << 20);
    first = storage->data();
  }
  { EXPECT_EQ(Storage::allocate(10 << 20)->data(), first); }
  { EXPECT_EQ(Storage::allocate(12 << 20)->data(), first); }
  { EXPECT_NE(Storage::allocate(8 << 20)->data(), first); }
}

TEST(Storage, CountsLiveAndPeakBytes) {
  const std::uint64_t before = memory_use().live_bytes;
  reset_peak_memory();
  EXPECT_EQ(memory_use().peak_bytes, before);
  {
    const auto a = Storage::allocate(1 << 20), b = Storage::allocate(1 << 20);
    EXPECT_EQ(memory_use().live_bytes - before, 2u << 20);
  }
  EXPECT_EQ(memory_use().live_bytes, before);
  EXPECT_EQ(memory_use().peak_bytes - before, 2u << 20);
  const auto c = Storage::allocate(1 << 20);
  EXPECT_EQ(memory_use().peak_bytes - before, 2u << 20);  // lower than the peak: it stays
  reset_peak_memory();
  EXPECT_EQ(memory_use().peak_bytes, memory_use().live_bytes);
}

TEST(Storage, TrimGivesKeptBlocksBackAndLeavesLiveOnes) {
  const auto live = Storage::allocate(1 << 16);
  std::memset(live->mutable_data(), 42, 1 << 16);
  { const auto gone = Storage::allocate(1 << 22); }
  EXPECT_GE(memory_use().held_bytes, memory_use().live_bytes + (1u << 22));
  trim_memory();
  EXPECT_EQ(memory_use().held_bytes, memory_use().live_bytes);
  EXPECT_EQ(live->data()[(1 << 16) - 1], std::byte{42});
}

TEST(Storage, BlocksAreAlignedTo64BytesAndWritableToTheirEnd) {
  for (const std::size_t bytes : {0u, 1u, 63u, 64u, 65u, 257u, 1000u, 12345u, 2097152u, 2700000u}) {
    const auto storage = Storage::allocate(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(storage->data()) % 64, 0u) << bytes;
    std::memset(storage->mutable_data(), 1, bytes);
    EXPECT_EQ(storage->bytes(), bytes);
  }
}

TEST(Storage, WhatDoesNotFitIsAnErrorThatLeavesTheCountersAlone) {
  reset_peak_memory();
  const MemoryUse before = memory_use();
  for (const std::uint64_t bytes : {std::uint64_t{1} << 61, ~std::uint64_t{0}})
    EXPECT_EQ(
        check::message_of(Errc::kLimit, [&] { Storage::allocate(bytes); }),
        "memory: found no room for " + std::to_string(bytes) + " bytes. Fix: a smaller batch or model.");
  EXPECT_EQ(memory_use().live_bytes, before.live_bytes);
  EXPECT_EQ(memory_use().held_bytes, before.held_bytes);
  EXPECT_EQ(memory_use().peak_bytes, before.peak_bytes);
}

}  // namespace
}  // namespace lyceum
