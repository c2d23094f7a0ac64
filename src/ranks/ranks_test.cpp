#include "ranks/ranks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "base/interrupt.h"
#include "base/log.h"
#include "base/random.h"
#include "check/expect_error.h"
#include "check/setting.h"
#include "ranks/array_mail.h"
#include "ranks/message.h"
#include "ranks/ranks_test_threads.h"
#include "ranks/shared_work.h"
#include "ranks/thread_share.h"

namespace lyceum {
namespace {

using check::expect_error;
using check::Setting;

TEST(Launcher, TheEnvironmentTellsRankAndSize) {
  EXPECT_TRUE(launch_from_environment().is_alone());
  for (const auto& [rank, size] : {std::pair("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
                                   {"PMI_RANK", "PMI_SIZE"},
                                   {"MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"},
                                   {"PMIX_RANK", "SLURM_STEP_NUM_TASKS"}}) {
    const Setting third(rank, "2"), of_four(size, "4");
    const Launch launch = launch_from_environment();
    EXPECT_EQ(launch.rank, 2) << rank;
    EXPECT_EQ(launch.size, 4) << rank;
    EXPECT_FALSE(launch.is_alone());
  }
  {
    const Setting one("OMPI_COMM_WORLD_RANK", "0"), alone("OMPI_COMM_WORLD_SIZE", "1");
    EXPECT_TRUE(launch_from_environment().is_alone());
  }
  const Setting batch_script("SLURM_NTASKS", "8");
  EXPECT_TRUE(launch_from_environment().is_alone()) << "a batch script is one process";
  {
    const Setting step("PMIX_RANK", "1");
    EXPECT_TRUE(launch_from_environment().is_size_unknown);
    EXPECT_FALSE(launch_from_environment().is_alone());
  }
  for (const auto& [rank, size] : {std::pair("x", "2"), {"0", "2x"}, {"2", "2"}, {"-1", "2"}, {"", ""}}) {
    const Setting bad_rank("PMI_RANK", rank), bad_size("PMI_SIZE", size);
    EXPECT_TRUE(launch_from_environment().is_alone()) << rank << " of " << size;
  }
}

TEST(Message, ValuesComeBackAsTheyWere) {
  using Value = std::vector<std::pair<std::string, std::pair<std::vector<float>, std::uint8_t>>>;
  const Value value{{"a\0b", {{1.5f, -0.0f}, 3}}, {"", {{}, 0}}};
  const std::string bytes = packed(value);
  EXPECT_EQ(unpacked<Value>(bytes), value);
  for (std::size_t n = 0; n < bytes.size(); ++n)
    expect_error(Errc::kInternal, "message", [&] { unpacked<Value>(std::string_view(bytes).substr(0, n)); });
  expect_error(Errc::kInternal, "expected its end", [&] { unpacked<Value>(bytes + "x"); });
  expect_error(Errc::kInternal, "elements",
               [] { unpacked<std::vector<float>>(packed(std::uint64_t{1} << 62)); });
}

TEST(Ranks, AloneEverythingIsOnesOwn) {
  Ranks ranks = Ranks::connect({});
  EXPECT_TRUE(ranks.is_root() && ranks.is_alone());
  EXPECT_EQ(ranks.gather("a"), std::vector<std::string>{"a"});
  EXPECT_EQ(ranks.broadcast("b"), "b");
  ranks.barrier();
  ranks.give_up(Errc::kData, "nobody hears it");
  ranks.finish();
}

TEST(Ranks, CollectiveCallsGiveEverybodyTheSame) {
  for (const int size : {1, 2, 5})
    on_ranks(size, [&](Ranks& ranks) {
      for (int round = 0; round < 20; ++round) {
        const std::string own = std::to_string(round * 100 + ranks.rank());
        const std::vector<std::string> gathered = ranks.gather(own);
        EXPECT_EQ(gathered.size(), ranks.is_root() ? static_cast<std::size_t>(size) : 0);
        EXPECT_EQ(ranks.broadcast(ranks.is_root() ? own : "not ours"), std::to_string(round * 100));
        const auto all = ranks.gather_everywhere(own);
        for (int r = 0; r < size; ++r)
          EXPECT_EQ(all[static_cast<std::size_t>(r)], std::to_string(round * 100 + r));
        ranks.barrier();
      }
      ranks.finish();
      EXPECT_TRUE(ranks.is_alone());
    });
}

TEST(Ranks, OneWhoDiffersIsNamed) {
  on_ranks(3, [](Ranks& ranks) {
    expect_same(ranks, "recipe", "a");
    const std::string own = ranks.rank() == 2 ? "b" : "a";
    if (ranks.is_root()) {
      expect_error(Errc::kData, "process 2 of 3 has another recipe",
                   [&] { expect_same(ranks, "recipe", own); });
    } else {
      expect_same(ranks, "recipe", own);
    }
    ranks.finish();
  });
}

TEST(Ranks, MessagesBetweenOthersAreTakenBeforeAnyoneLeaves) {
  for (int round = 0; round < 20; ++round)
    on_ranks(4, [](Ranks& ranks) {
      for (int to = 0; to < ranks.size(); ++to)
        for (int i = 0; to != ranks.rank() && i < 5; ++i) ranks.send(to, Ranks::Message::kGradient, "unread");
      ranks.finish();
    });
}

TEST(Ranks, WhatWasSentBeforeTheEndArrivesWheneverOneLooked) {
  std::atomic<bool> has_looked{false};
  on_ranks(2, [&](Ranks& ranks) {
    std::string bytes;
    int from = 0;
    if (ranks.is_root()) {
      while (!has_looked) std::this_thread::yield();
      ranks.send(1, Ranks::Message::kState, "the last");
    } else {
      EXPECT_FALSE(ranks.receive(Ranks::Message::kState, bytes, from));
      has_looked = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));  // message and end are here now
      EXPECT_TRUE(ranks.wait());
      EXPECT_TRUE(ranks.receive(Ranks::Message::kState, bytes, from));
      EXPECT_EQ(bytes, "the last");
      EXPECT_FALSE(ranks.wait());
    }
    ranks.finish();
  });
}

TEST(Ranks, SteadyRanksGoOnAfterAnInterruptAndWarnWhenNobodyAnswers) {
  std::atomic<int> warnings{0};
  set_log_sink([&](LogLevel, std::string_view line) { warnings += line == "gone" ? 1 : 0; });
  on_ranks(2, [](Ranks& ranks) {
    {
      const Ranks::Steady steady(ranks, "gone");
      if (ranks.is_root()) {
        request_interrupt();
        std::this_thread::sleep_for(std::chrono::milliseconds(800));
      }
      ranks.barrier();
    }
    ranks.broadcast("the interrupt is over");
    clear_interrupt();
    ranks.finish();
  });
  set_log_sink({});
  EXPECT_EQ(warnings, 1) << "rank 1 waited for rank 0";
}

std::vector<std::byte> random_bytes(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::byte> out(count);
  for (std::byte& b : out) b = static_cast<std::byte>(random.bits());
  return out;
}

TEST(ArrayMail, ArraysOfAnySizeArriveWhole) {
  // smaller than a message, just as large, larger than several
  const std::vector<std::size_t> sizes{
      0, 1, 100, kMailBytes - 200, 3 * kMailBytes + 7, 0, kMailBytes - 32, kMailBytes - 31, kMailBytes, 5};
  on_ranks(3, [&](Ranks& ranks) {
    ArrayMail mail(ranks, Ranks::Message::kGradient);
    for (std::uint32_t i = 0; i < sizes.size(); ++i)
      for (int to = 0; to < ranks.size(); ++to)
        if (to != ranks.rank()) {
          mail.send(to, i, random_bytes(sizes[i], i * 10 + static_cast<std::uint64_t>(ranks.rank())));
          if (i == 2) mail.send_absence(to, 77);
        }
    mail.flush();
    std::map<std::pair<int, std::uint32_t>, std::vector<std::byte>> rooms;
    std::size_t done = 0, absent = 0;
    while (done + absent < (sizes.size() + 1) * 2) {
      const bool has_come = mail.receive(
          [&](int from, std::uint32_t number, std::uint64_t bytes) {
            EXPECT_EQ(bytes, sizes.at(number));
            std::vector<std::byte>& room = rooms[{from, number}];
            room.resize(bytes);
            return room.data();
          },
          [&](int from, std::uint32_t number, bool is_there) {
            EXPECT_EQ(is_there, number != 77);
            if (!is_there) return void(++absent);
            ++done;
            EXPECT_EQ((rooms[{from, number}]),
                      random_bytes(sizes[number], number * 10 + static_cast<std::uint64_t>(from)));
          });
      if (!has_come) ranks.wait();
    }
    EXPECT_EQ(absent, 2u);
    ranks.finish();
  });
}

TEST(ArrayMail, OtherBytesAreRefused) {
  on_ranks(2, [](Ranks& ranks) {
    if (ranks.is_root()) {
      ranks.send(1, Ranks::Message::kState, "short");
      ranks.send(1, Ranks::Message::kState, std::string(40, '\xff'));
    } else {
      ArrayMail mail(ranks, Ranks::Message::kState);
      for (int i = 0; i < 2; ++i)
        expect_error(Errc::kInternal, "no piece of an array", [&] {
          while (!mail.receive([](int, std::uint32_t, std::uint64_t) { return nullptr; },
                               [](int, std::uint32_t, bool) {}))
            ranks.wait();
        });
    }
    ranks.finish();
  });
}

TEST(Ranks, WhoGivesUpIsNamedAtRankZero) {
  on_ranks(3, [](Ranks& ranks) {
    if (ranks.rank() == 1) ranks.give_up(Errc::kIo, "the model is not here");
    if (ranks.is_root()) expect_error(Errc::kIo, "process 1 of 3, on ", [&] { ranks.barrier(); });
    if (ranks.rank() == 2) expect_error(Errc::kInterrupted, "process 0 has ended", [&] { ranks.barrier(); });
    ranks.finish();
  });
}

// Jobs of very different cost, numbered; a result tells its job and who did it.
struct Squares {
  int jobs = 200;
  int next_job = 0;
  std::vector<std::string> results;
  std::set<std::string> owners;

  void share(Ranks& ranks, const std::function<void(int job)>& before = {}) {
    share_work(
        ranks,
        [&](std::string& job) {
          job = std::to_string(next_job);
          return next_job++ < jobs;
        },
        work(ranks, before),
        [&](const std::string& result) {
          results.push_back(result.substr(0, result.find(' ')));
          owners.insert(result.substr(result.find(' ')));
        });
  }
  static std::function<std::string(std::string_view)> work(Ranks& ranks,
                                                           const std::function<void(int)>& before = {}) {
    return [&ranks, before](std::string_view job) {
      const int n = std::stoi(std::string(job));
      if (before) before(n);
      if (n % 7 == ranks.rank()) std::this_thread::sleep_for(std::chrono::milliseconds(n % 3));
      return std::to_string(n * n) + " " + std::to_string(ranks.rank());
    };
  }
};

TEST(SharedWork, ResultsComeInTheOrderOfTheJobsFromEveryRank) {
  for (const int size : {1, 2, 4})
    for (const int jobs : {0, 1, 2, 200})
      on_ranks(size, [&](Ranks& ranks) {
        if (ranks.is_root()) {
          for (int again = 0; again < 2; ++again) {
            Squares squares{.jobs = jobs};
            squares.share(ranks);
            ASSERT_EQ(squares.results.size(), static_cast<std::size_t>(jobs));
            for (int i = 0; i < jobs; ++i)
              EXPECT_EQ(squares.results[static_cast<std::size_t>(i)], std::to_string(i * i));
            if (jobs == 200) {
              EXPECT_EQ(squares.owners.size(), static_cast<std::size_t>(size));
            }
          }
        } else {
          serve(ranks, Squares::work(ranks));
        }
        ranks.finish();
      });
}

TEST(SharedWork, AnErrorIsThrownInItsPlaceWhoeverMetIt) {
  for (const int bad : {0, 1, 2, 77})
    on_ranks(3, [&](Ranks& ranks) {
      const auto refuse = [&](int job) {
        if (job >= bad) throw Error(Errc::kLimit, "job " + std::to_string(job));
      };
      if (ranks.is_root()) {
        Squares squares;
        expect_error(Errc::kLimit, "job " + std::to_string(bad), [&] { squares.share(ranks, refuse); });
        EXPECT_EQ(squares.results.size(), static_cast<std::size_t>(bad)) << "what was before it was used";
      } else {
        serve(ranks, Squares::work(ranks, refuse));
      }
      ranks.finish();
    });
}

TEST(SharedWork, ASlowRankDoesNotFillTheMemoryOfRankZero) {
  std::atomic<int> in_memory{0}, most{0};
  on_ranks(2, [&](Ranks& ranks) {
    const auto work = [&](std::string_view job) {
      if (!ranks.is_root()) std::this_thread::sleep_for(std::chrono::milliseconds(30));
      return std::string(job);
    };
    if (ranks.is_root()) {
      int job = 0;
      share_work(
          ranks,
          [&](std::string& text) {
            text = std::to_string(job);
            most = std::max(most.load(), ++in_memory);
            return job++ < 40;
          },
          work, [&](const std::string&) { --in_memory; });
    } else {
      serve(ranks, work);
    }
    ranks.finish();
  });
  EXPECT_LE(most, 9);  // 4 for each rank, and the one that is being read
}

TEST(SharedWork, AnInterruptEndsEveryRank) {
  std::atomic<int> done{0};
  on_ranks(2, [&](Ranks& ranks) {
    const auto stop = [&](int) {
      if (++done == 20) request_interrupt();
      check_interrupt();
    };
    if (ranks.is_root()) {
      Squares squares;
      expect_error(Errc::kInterrupted, "", [&] { squares.share(ranks, stop); });
      EXPECT_LT(squares.results.size(), 40u);
    } else {
      expect_error(Errc::kInterrupted, "", [&] { serve(ranks, Squares::work(ranks, stop)); });
    }
  });
  clear_interrupt();
}

RankPlace place(const std::string& host, std::uint64_t processors, int quota = 0) {
  return {host, {processors}, quota};
}

TEST(ThreadShare, BoundProcessesKeepTheirProcessorsAndOthersDivideThem) {
  const std::vector<RankPlace> bound{place("a", 0b0011), place("a", 0b1100), place("b", 0b1)};
  EXPECT_EQ(thread_share(bound, 0), 2);
  EXPECT_EQ(thread_share(bound, 1), 2);
  EXPECT_EQ(thread_share(bound, 2), 1);
  const std::vector<RankPlace> shared{place("a", 0b11111), place("b", 0b111), place("a", 0b11111)};
  EXPECT_EQ(thread_share(shared, 0), 3);
  EXPECT_EQ(thread_share(shared, 1), 3);
  EXPECT_EQ(thread_share(shared, 2), 2);
  const std::vector<RankPlace> quota{place("a", 0xFF, 4), place("a", 0xFF, 4)};
  EXPECT_EQ(thread_share(quota, 0), 2);
  const std::vector<RankPlace> bound_quota{place("a", 0b1, 8), place("a", 0xFFFE, 8)};
  EXPECT_EQ(thread_share(bound_quota, 0), 1);
  EXPECT_EQ(thread_share(bound_quota, 1), 4);
  const std::vector<RankPlace> crowd(5, place("a", 0b11));
  EXPECT_EQ(thread_share(crowd, 4), 1);
  EXPECT_GE(thread_share(std::vector{own_place()}, 0), 1);
}

}  // namespace
}  // namespace lyceum
