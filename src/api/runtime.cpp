#include "lyceum/runtime.h"

#include "base/log.h"
#include "base/parallel.h"
#include "kernels/isa.h"

namespace lyceum {

std::string version() { return LYCEUM_VERSION; }
void set_threads(int threads) { set_thread_count(threads); }
int threads() { return thread_count(); }
ThreadLimit::ThreadLimit(int threads) : before_(threads == 0 ? -1 : set_own_thread_count(threads)) {}
ThreadLimit::~ThreadLimit() {
  if (before_ >= 0) set_own_thread_count(before_);
}
std::string instruction_set() { return isa_name(current_isa()); }

void on_message(std::function<void(std::string_view)> sink) {
  set_log_sink(sink ? LogSink([sink = std::move(sink)](LogLevel, std::string_view line) { sink(line); })
                    : LogSink());
}

}  // namespace lyceum
