#include "ranks/shared_work.h"

#include <deque>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/interrupt.h"
#include "ranks/message.h"

namespace lyceum {
namespace {

// The result, or the error, as a message.
std::string answer(FunctionRef<std::string(std::string_view)> work, std::string_view job) {
  try {
    return packed(std::pair(std::pair(true, Errc::kInternal), work(job)));
  } catch (const Error& error) {
    if (error.code() == Errc::kInterrupted) throw;
    return packed(std::pair(std::pair(false, error.code()), std::string(error.what())));
  } catch (const std::bad_alloc&) {
    return packed(std::pair(std::pair(false, Errc::kLimit),
                            std::string("there is not enough memory. Fix: fewer processes on one machine.")));
  }
}

std::string result_of(std::string_view message) {
  auto [state, text] = unpacked<std::pair<std::pair<bool, Errc>, std::string>>(message);
  if (!state.first) throw Error(state.second, text);
  return std::move(text);
}

struct Slot {
  int owner = 0;
  std::optional<std::string> answer;
};

}  // namespace

void share_work(Ranks& ranks, FunctionRef<bool(std::string&)> next,
                FunctionRef<std::string(std::string_view)> work, FunctionRef<void(std::string)> use) {
  constexpr std::size_t kAhead = 2;  // jobs that another rank has: one that it is at, one that waits there
  const auto size = static_cast<std::size_t>(ranks.size());
  const std::size_t most_slots = 4 * size;
  std::deque<Slot> slots;  // in the order of the jobs
  std::vector<std::size_t> given(size, 0);
  bool is_more = true;
  std::string job, message;
  const auto take_job = [&] { return is_more && slots.size() < most_slots && (is_more = next(job)); };
  while (is_more || !slots.empty()) {
    check_interrupt();
    bool is_idle = true;
    for (int from = 0; ranks.receive(Ranks::Message::kResult, message, from); is_idle = false) {
      --given[static_cast<std::size_t>(from)];
      // a rank answers in the order of its jobs
      for (Slot& slot : slots)
        if (slot.owner == from && !slot.answer) {
          slot.answer = std::move(message);
          break;
        }
    }
    for (; !slots.empty() && slots.front().answer; slots.pop_front()) use(result_of(*slots.front().answer));
    for (std::size_t ahead = 1; ahead <= kAhead; ++ahead)
      for (std::size_t other = 1; other < size; ++other)
        if (given[other] < ahead && take_job()) {
          ranks.send(static_cast<int>(other), Ranks::Message::kJob, job);
          slots.push_back({static_cast<int>(other), std::nullopt});
          ++given[other];
          is_idle = false;
        }
    if (take_job()) {
      slots.push_back({0, answer(work, job)});
    } else if (is_idle && !slots.empty()) {
      ranks.wait();
    }
  }
}

void serve(Ranks& ranks, FunctionRef<std::string(std::string_view)> work) {
  std::string job;
  int from = 0;
  do {
    while (ranks.receive(Ranks::Message::kJob, job, from))
      ranks.send(0, Ranks::Message::kResult, answer(work, job));
  } while (ranks.wait());
}

}  // namespace lyceum
