// The gradients of one step, added up over the processes of a run while they are still being computed.
//
// Every parameter belongs to one rank, whole (ZeRO-1: Rajbhandari et al. 2020). A gradient leaves for its
// owner as soon as it is complete, by a thread of its own; the owner adds up what the ranks have in their
// order, ((g_0 + g_1) + g_2) + ..., one chain for each element. So the sums depend neither on who owns what
// nor on when a message arrives.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "ranks/array_mail.h"
#include "ranks/ranks.h"
#include "tensor/tensor.h"

namespace lyceum {

// The owner of each parameter: the largest first, to whoever has least so far. The same everywhere.
std::vector<int> owners_of(std::span<const Shape> shapes, int ranks);

class GradientExchange {
 public:
  // Of parameters of these shapes; the arguments must outlive it. From the first add() to the end of finish()
  // nobody else may use the ranks.
  GradientExchange(Ranks& ranks, std::span<const Shape> shapes, std::span<const int> owners);
  ~GradientExchange();
  GradientExchange(const GradientExchange&) = delete;
  GradientExchange& operator=(const GradientExchange&) = delete;

  // What this rank's examples gave for parameter i: F32, contiguous, in its shape, not written to any more;
  // not defined() where they gave nothing. Once for each i, in any order. Returns at once. Throws what the
  // thread met: an error of another rank, the end of the run.
  void add(std::size_t i, Tensor gradient);
  bool has(std::size_t i) const { return is_added_[i]; }

  // When everything was added: waits for the other ranks. The sums of the parameters that this rank owns, not
  // defined() where no rank has one, and for all other parameters.
  std::vector<Tensor> finish();

 private:
  struct Sum {                    // of a parameter that is ours
    std::vector<Tensor> waiting;  // of each rank; some of them incomplete
    std::vector<bool> is_here;    // complete, or known to be none
    std::size_t next = 0;         // the rank that is added next
    Tensor total;
    bool is_ours_to_write = false;  // total shares its bytes with nobody
  };
  void run();
  void exchange();
  void post(std::size_t i, const Tensor& gradient);
  void arrived(std::size_t i, int from);
  void join();

  Ranks& ranks_;
  std::span<const Shape> shapes_;
  std::span<const int> owners_;
  std::vector<bool> is_added_;
  std::size_t added_ = 0;
  std::thread thread_;

  std::mutex mutex_;  // of the two below
  std::vector<std::pair<std::size_t, Tensor>> queue_;
  bool is_all_ = false;
  std::atomic<bool> is_given_up_ = false, has_failed_ = false;

  // The thread's, until it is joined.
  ArrayMail mail_;
  std::vector<Sum> sums_;
  std::size_t open_sums_ = 0;
  std::exception_ptr error_;
};

}  // namespace lyceum
