// The processes of one run. Rank 0 reads, hands out work and writes; the others work for it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
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

  // Messages of work, for shared_work.h.
  enum class Message { kJob, kResult };
  void send(int to, Message kind, std::string bytes);
  bool receive(Message kind, std::string& bytes, int& from);
  // Rests for a moment when nothing is there. False: rank 0 has ended the run. Throws as gather().
  bool wait();

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
  std::uint64_t expected_ = 0;  // messages of rank 0 to this one before the last
};

}  // namespace lyceum
