// What holds for the whole process.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace lyceum {

std::string version();

// Threads that every call may use; 0: what the affinity mask and the cgroup quota allow (the default).
// Results do not depend on it. Throws Errc::kUsage below 0 or above 1024.
void set_threads(int threads);
int threads();

// The instruction set that the kernels use: "avx2", "avx512", "amx" or "neon". Results in f32 and int8 do not
// depend on it. The
// environment variable LYCEUM_ISA, read on first use, holds them to one.
std::string instruction_set();

// While it lives, calls made by this thread use so many threads, whatever set_threads says; 0 changes
// nothing. Throws Errc::kUsage as set_threads does.
class ThreadLimit {
 public:
  explicit ThreadLimit(int threads);
  ~ThreadLimit();
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
  int before_;  // -1: nothing was changed
};

// Messages for people (what was repaired, cut or left out); nobody hears them by default. The library itself
// never prints.
void on_message(std::function<void(std::string_view)> sink);

}  // namespace lyceum
