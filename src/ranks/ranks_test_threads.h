// Ranks that are threads of one process, for tests.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "ranks/ranks.h"

namespace lyceum {

class ThreadTransport final : public RankTransport {
 public:
  struct Message {
    int from;
    std::string bytes;
    std::shared_ptr<std::atomic<int>> untaken;
  };
  struct Shared {
    std::mutex mutex;
    std::map<std::pair<int, int>, std::deque<Message>> mail;  // by receiver and tag
  };
  ThreadTransport(std::shared_ptr<Shared> shared, int rank, int size)
      : shared_(std::move(shared)), rank_(rank), size_(size) {}
  ~ThreadTransport() override = default;
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void send(int to, int tag, std::string bytes) override {
    const std::lock_guard lock(shared_->mutex);
    ++*untaken_;
    shared_->mail[{to, tag}].push_back({rank_, std::move(bytes), untaken_});
  }
  bool receive(int tag, std::string& bytes, int& from) override {
    const std::lock_guard lock(shared_->mutex);
    std::deque<Message>& mail = shared_->mail[{rank_, tag}];
    if (mail.empty()) return false;
    bytes = std::move(mail.front().bytes);
    from = mail.front().from;
    --*mail.front().untaken;
    mail.pop_front();
    return true;
  }
  bool is_sent() override { return *untaken_ == 0; }
  void finish() override {}

 private:
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<std::atomic<int>> untaken_ = std::make_shared<std::atomic<int>>(0);
  int rank_, size_;
};

// Runs body on every rank, and looks that no message is left.
inline void on_ranks(int size, const std::function<void(Ranks&)>& body) {
  const auto shared = std::make_shared<ThreadTransport::Shared>();
  std::vector<std::thread> threads;
  std::atomic<bool> is_finished{true};
  for (int rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] {
      Ranks ranks(std::make_unique<ThreadTransport>(shared, rank, size));
      body(ranks);
      if (ranks.size() != 1) is_finished = false;  // one that was interrupted leaves its mail
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& [address, mail] : shared->mail)
    if (is_finished) {
      EXPECT_TRUE(mail.empty()) << "rank " << address.first << ", tag " << address.second;
    }
}

}  // namespace lyceum
