// Work that is done ahead by threads in the background and handed out in order.
//
// take(in) fetches what the next piece of work is about: one thread at a time, so it may be a stream.
// make(in, out) does the work, on several threads at once. next(out) gives the results in the order of the
// takes, so that they do not depend on the number of threads; an exception comes out of next() in the place
// of the result.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace lyceum {

struct AheadOptions {
  int threads = 0;                            // 0: the caller of next() does the work itself
  std::size_t items = 64;                     // that are ahead at most
  std::size_t bytes = std::size_t{64} << 20;  // of what they are made from; one item may be larger
};

template <class In, class Out>
class Ahead {
 public:
  using Take = std::function<bool(In& in)>;  // false: there is no more
  using Make = std::function<void(In& in, Out& out)>;
  using Cost = std::function<std::size_t(const In& in)>;  // bytes

  Ahead(const AheadOptions& options, Take take, Make make, Cost cost = {})
      : options_(options), take_(std::move(take)), make_(std::move(make)), cost_(std::move(cost)) {}
  ~Ahead() { stop(); }
  Ahead(const Ahead&) = delete;
  Ahead& operator=(const Ahead&) = delete;

  // False after the last one. What take() threw ends the work: after stop() it can begin anew. What make()
  // threw stands for that one item only.
  bool next(Out& out) {
    if (options_.threads <= 0) {
      In in;
      if (!take_(in)) return false;
      out = Out{};
      make_(in, out);
      return true;
    }
    std::unique_lock lock(mutex_);
    if (threads_.empty()) start();
    changed_.wait(lock, [&] { return slots_.empty() ? is_over_ && !is_taking_ : slots_.front().is_done; });
    if (slots_.empty()) return false;
    Slot slot = std::move(slots_.front());
    slots_.pop_front();
    bytes_ -= slot.cost;
    changed_.notify_all();
    lock.unlock();
    if (slot.error) std::rethrow_exception(slot.error);
    out = std::move(slot.out);
    return true;
  }

  // Ends the threads and forgets what they did. The next next() takes from where take() then stands.
  void stop() {
    {
      std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    slots_.clear();
    bytes_ = 0;
    is_stopping_ = is_over_ = false;
  }

 private:
  struct Slot {
    In in;
    Out out;
    std::exception_ptr error;
    std::size_t cost = 0;
    bool is_done = false;
  };

  void start() {
    for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { work(); });
  }

  bool has_room() const {
    return slots_.empty() || (slots_.size() < options_.items && bytes_ < options_.bytes);
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return is_stopping_ || is_over_ || (!is_taking_ && has_room()); });
      if (is_stopping_ || is_over_) return;
      is_taking_ = true;
      lock.unlock();
      Slot fresh;
      bool is_there = false;
      try {
        is_there = take_(fresh.in);
        if (is_there && cost_) fresh.cost = cost_(fresh.in);
      } catch (...) {
        fresh.error = std::current_exception();
      }
      lock.lock();
      is_taking_ = false;
      if (!is_there) is_over_ = true;
      if (!is_there && !fresh.error) {
        changed_.notify_all();
        return;
      }
      fresh.is_done = fresh.error != nullptr;
      bytes_ += fresh.cost;
      slots_.push_back(std::move(fresh));
      Slot& slot = slots_.back();  // stays where it is while others come and go at the ends
      changed_.notify_all();
      if (slot.is_done) return;
      lock.unlock();
      try {
        make_(slot.in, slot.out);
      } catch (...) {
        slot.error = std::current_exception();
      }
      lock.lock();
      slot.is_done = true;
      changed_.notify_all();
    }
  }

  AheadOptions options_;
  Take take_;
  Make make_;
  Cost cost_;
  std::mutex mutex_;
  std::condition_variable changed_;  // of anything below
  std::deque<Slot> slots_;           // in the order of the takes
  std::size_t bytes_ = 0;
  bool is_taking_ = false, is_over_ = false, is_stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace lyceum
