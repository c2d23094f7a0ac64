// Messages for people. The library never prints: it hands a line to the sink that the program installed.
#pragma once

#include <fmt/core.h>

#include <functional>
#include <string_view>

namespace lyceum {

enum class LogLevel { kDebug, kInfo, kWarning };

using LogSink = std::function<void(LogLevel, std::string_view)>;
void set_log_sink(
    LogSink sink);  // empty: messages are dropped (the default). Called from one thread at a time.
void set_log_level(LogLevel lowest);
bool log_enabled(LogLevel level) noexcept;
void log_line(LogLevel level, fmt::string_view format, fmt::format_args args);

template <class... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(level)) log_line(level, format, fmt::make_format_args(args...));
}

}  // namespace lyceum
