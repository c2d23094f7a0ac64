#include "base/interrupt.h"

#include <atomic>

#include "base/error.h"

namespace lyceum {
namespace {
std::atomic<bool> g_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);
}  // namespace

void request_interrupt() noexcept { g_interrupted.store(true, std::memory_order_relaxed); }
bool interrupted() noexcept { return g_interrupted.load(std::memory_order_relaxed); }
void clear_interrupt() noexcept { g_interrupted.store(false, std::memory_order_relaxed); }
void check_interrupt() {
  if (interrupted()) fail(Errc::kInterrupted, "interrupted");
}

}  // namespace lyceum
