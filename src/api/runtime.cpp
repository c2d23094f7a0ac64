#include "lyceum/runtime.h"

#include "base/log.h"
#include "base/parallel.h"
#include "kernels/isa.h"

namespace lyceum {

std::string version() { return LYCEUM_VERSION; }
void set_threads(int threads) { set_thread_count(threads); }
int threads() { return thread_count(); }
std::string instruction_set() { return isa_name(current_isa()); }

void on_message(std::function<void(std::string_view)> sink) {
  set_log_sink(sink ? LogSink([sink = std::move(sink)](LogLevel, std::string_view line) { sink(line); })
                    : LogSink());
}

}  // namespace lyceum
