// The processes of one run. Rank 0 reads, hands out work and writes; the others work for it. One thread at a
// time may use them.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lyceum/error.h"
#include "ranks/launcher.h"
#include "ranks/transport.h"

namespace lyceum {

// The MPI that connect() would meet, or "none" and why. Loads it.
std::string mpi_library();

class Ranks {
 public:
  Ranks() = default;  // one process: rank 0 of 1
  explicit Ranks(std::unique_ptr<RankTransport> transport);
  Ranks(Ranks&&) noexcept;
  Ranks& operator=(Ranks&&) noexcept;
  ~Ranks();

  // What a launcher has started, through the module for MPI. Throws Errc::kUnsupported where that is missing,
  // and when it meets other processes than the launcher speaks of: several that believe to be alone would
  // write one file.
  static Ranks connect(const Launch& launch);

  int rank() const;
  int size() const;
  bool is_alone() const { return size() == 1; }
  bool is_root() const { return rank() == 0; }

  // Every rank makes these calls, in the same order. They throw Errc::kInterrupted after a
  // request_interrupt(), on rank 0 what another rank gave up with, and elsewhere Errc::kInterrupted when rank
  // 0 has ended the run.
  std::vector<std::string> gather(std::string own);  // on rank 0 of each rank, elsewhere empty
  std::string broadcast(std::string bytes);          // gives rank 0's
  std::vector<std::string> gather_everywhere(std::string own);
  void barrier();

  // Messages of work (shared_work.h) and of training. Those of one kind from one rank arrive in the order in
  // which they were sent.
  enum class Message { kJob, kResult, kGradient, kWeight, kState };
  void send(int to, Message kind, std::string bytes);
  bool receive(Message kind, std::string& bytes, int& from);
  // Rests for a moment when nothing is there. False: rank 0 has ended the run, and there was time since to
  // receive what it sent before. Throws as gather().
  bool wait();
  // While it lives nothing of this throws for a request_interrupt(): the ranks agree when they stop. Where
  // they do not, since one of them has died, this warning is logged once; its launcher ends the others.
  class Steady {
   public:
    Steady(Ranks& ranks, std::string warning);
    ~Steady() { ranks_->steady_ = outer_; }
    Steady(const Steady&) = delete;
    Steady& operator=(const Steady&) = delete;

   private:
    friend class Ranks;
    void waits();
    Ranks* ranks_;
    Steady* outer_;
    std::string warning_;
    std::optional<std::chrono::steady_clock::time_point> since_;  // it waits after an interrupt
  };

  // A rank that cannot go on: rank 0 throws this error, naming the rank, where it waits next.
  void give_up(Errc code, const std::string& message);
  // The end, of every rank: rank 0 tells the others, which answer when they have done what they are at.
  // Throws Errc::kInterrupted. Afterwards there is one process.
  void finish();
  // Whether rank 0 has told this rank to end.
  bool is_ended() const noexcept { return is_ended_; }

 private:
  void put(int to, int tag, std::string bytes);
  bool get(int tag, std::string& bytes, int& from);
  std::string next_of(int from);
  std::unique_ptr<RankTransport> transport_;
  std::vector<std::uint64_t> sent_;                  // messages to each rank
  std::vector<std::uint64_t> received_;              // and from each
  std::vector<std::deque<std::string>> collective_;  // of each rank, taken and not looked at yet
  bool is_ended_ = false;
  Steady* steady_ = nullptr;
};

// Throws Errc::kData on rank 0, naming the rank, when `own` is not the same everywhere.
void expect_same(Ranks& ranks, const char* what, const std::string& own);

}  // namespace lyceum
