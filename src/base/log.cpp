#include "base/log.h"

#include <atomic>
#include <mutex>
#include <utility>

namespace lyceum {
namespace {
std::mutex g_mutex;
LogSink g_sink;
std::atomic<LogLevel> g_lowest{LogLevel::kInfo};
std::atomic<bool> g_has_sink{false};
}  // namespace

void set_log_sink(LogSink sink) {
  std::lock_guard lock(g_mutex);
  g_has_sink = static_cast<bool>(sink);
  g_sink = std::move(sink);
}

void set_log_level(LogLevel lowest) { g_lowest = lowest; }

bool log_enabled(LogLevel level) noexcept { return g_has_sink && level >= g_lowest.load(); }

void log_line(LogLevel level, fmt::string_view format, fmt::format_args args) {
  const std::string line = fmt::vformat(format, args);
  std::lock_guard lock(g_mutex);
  if (g_sink) g_sink(level, line);
}

}  // namespace lyceum
