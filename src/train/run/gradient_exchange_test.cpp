#include "train/run/gradient_exchange.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

#include "base/random.h"
#include "check/expect_error.h"
#include "ranks/ranks_test_threads.h"

namespace lyceum {
namespace {

using check::expect_error;

const std::vector<Shape> kShapes{{300, 1000}, {7}, {}, {2, 3}, {400, 700}, {1000}, {5, 5}};

constexpr int kMostRanks = 5;

// A copy of what is drawn once.
Tensor random_gradient(std::size_t i, int rank) {
  static const std::vector<std::vector<Tensor>> all = [] {
    std::vector<std::vector<Tensor>> ranks(kMostRanks);
    for (int r = 0; r < kMostRanks; ++r)
      for (std::size_t k = 0; k < kShapes.size(); ++k) {
        Random random(17 + static_cast<std::uint64_t>(r), k);
        std::vector<float> values(static_cast<std::size_t>(kShapes[k].elements()));
        for (float& value : values) value = random.uniform(-1, 1);
        ranks[static_cast<std::size_t>(r)].push_back(Tensor::of<float>(kShapes[k], values));
      }
    return ranks;
  }();
  return all.at(static_cast<std::size_t>(rank)).at(i).clone();
}

// Rank 1 has nothing for parameter 3, no rank for parameter 5.
bool has_gradient(std::size_t i, int rank) { return i != 5 && !(i == 3 && rank == 1); }

// ((g_0 + g_1) + g_2) + ...
Tensor sum_in_order(std::size_t i, int ranks) {
  Tensor total;
  for (int rank = 0; rank < ranks; ++rank) {
    if (!has_gradient(i, rank)) continue;
    const Tensor next = random_gradient(i, rank);
    if (!total.defined()) {
      total = next;
    } else {
      for (std::int64_t k = 0; k < next.elements(); ++k)
        total.mutable_data<float>()[k] += next.data<float>()[k];
    }
  }
  return total;
}

TEST(Owners, AreBalancedAndFixed) {
  for (const int ranks : {1, 2, 3, 10}) {
    const std::vector<int> owners = owners_of(kShapes, ranks);
    std::vector<std::int64_t> load(static_cast<std::size_t>(ranks), 0);
    for (std::size_t i = 0; i < owners.size(); ++i)
      load.at(static_cast<std::size_t>(owners[i])) += kShapes[i].elements();
    const std::int64_t all = std::accumulate(load.begin(), load.end(), std::int64_t{0});
    // the largest first: nobody has more than a fair share and the largest parameter
    EXPECT_LE(*std::max_element(load.begin(), load.end()),
              std::max<std::int64_t>(300'000, all / ranks + 1000));
  }
  EXPECT_EQ(owners_of(kShapes, 2), (std::vector<int>{0, 1, 1, 1, 1, 1, 1}));
}

TEST(GradientExchange, OwnersGetTheSumsInTheOrderOfTheRanks) {
  for (const int size : {1, 2, 3, kMostRanks})
    for (int round = 0; round < 4; ++round)
      on_ranks(size, [&](Ranks& ranks) {
        const std::vector<int> owners = owners_of(kShapes, size);
        std::vector<std::size_t> order(kShapes.size());  // another on each rank
        std::iota(order.begin(), order.end(), std::size_t{0});
        Random random(static_cast<std::uint64_t>(round * 10 + ranks.rank()));
        for (std::size_t i = order.size(); i > 1; --i)
          std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);
        GradientExchange exchange(ranks, kShapes, owners);
        std::vector<Tensor> own(kShapes.size());
        for (const std::size_t i : order) {
          if (has_gradient(i, ranks.rank())) own[i] = random_gradient(i, ranks.rank());
          exchange.add(i, own[i]);
          if (ranks.rank() == round) std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        const std::vector<Tensor> sums = exchange.finish();
        for (std::size_t i = 0; i < kShapes.size(); ++i) {
          const Tensor want = owners[i] == ranks.rank() ? sum_in_order(i, size) : Tensor();
          ASSERT_EQ(sums[i].defined(), want.defined()) << i;
          if (want.defined()) {
            EXPECT_EQ(sums[i].values<float>(), want.values<float>()) << "parameter " << i;
          }
          if (own[i].defined()) {
            EXPECT_EQ(own[i].values<float>(), random_gradient(i, ranks.rank()).values<float>())
                << "what was given is not written to";
          }
        }
        ranks.finish();
      });
}

TEST(GradientExchange, WhatIsCompleteLeavesWhileTheRestIsComputed) {
  const std::vector<Shape> shapes{{1000, 1000}, {8}};
  const std::vector<int> owners{1, 0};
  std::atomic<bool> has_arrived{false};
  on_ranks(2, [&](Ranks& ranks) {
    if (ranks.is_root()) {
      GradientExchange exchange(ranks, shapes, owners);
      exchange.add(0, Tensor::full(shapes[0], 2.0f));
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
      while (!has_arrived && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      EXPECT_TRUE(has_arrived) << "before the other gradient is there";
      exchange.add(1, Tensor::full(shapes[1], 1.0f));
      EXPECT_EQ(exchange.finish()[1].values<float>(), std::vector<float>(8, 2.0f));
    } else {
      ArrayMail mail(ranks, Ranks::Message::kGradient);
      Tensor room = Tensor::empty(shapes[0]), own = Tensor::full(shapes[1], 1.0f);
      bool has_begun = false;
      while (!has_begun) {
        mail.receive(
            [&](int, std::uint32_t number, std::uint64_t) {
              has_begun = number == 0;
              return room.mutable_raw();
            },
            [](int, std::uint32_t, bool) {});
        ranks.wait();
      }
      has_arrived = true;
      mail.send(0, 1, {own.raw(), own.bytes()});
      mail.flush();
    }
    ranks.finish();
  });
}

TEST(GradientExchange, AnErrorOfAnotherRankEndsIt) {
  on_ranks(3, [](Ranks& ranks) {
    const std::vector<int> owners = owners_of(kShapes, 3);
    const auto take_part = [&] {
      GradientExchange exchange(ranks, kShapes, owners);
      for (std::size_t i = 0; i < kShapes.size(); ++i) exchange.add(i, {});
      exchange.finish();
    };
    if (ranks.rank() == 1) ranks.give_up(Errc::kIo, "the disk is gone");
    if (ranks.rank() == 0) expect_error(Errc::kIo, "process 1 of 3", take_part);
    if (ranks.rank() == 2) expect_error(Errc::kInterrupted, "process 0 has ended", take_part);
    ranks.finish();
  });
}

TEST(GradientExchange, OneThatIsGivenUpLeavesItsThreadBehind) {
  on_ranks(2, [](Ranks& ranks) {
    const std::vector<int> owners = owners_of(kShapes, 2);
    {
      GradientExchange exchange(ranks, kShapes, owners);
      exchange.add(0, random_gradient(0, ranks.rank()));
      expect_error(Errc::kInternal, "was added before", [&] { exchange.add(0, {}); });
      expect_error(Errc::kInternal, "found 1 parameters", [&] { exchange.finish(); });
    }
    ranks.finish();
  });
}

}  // namespace
}  // namespace lyceum
