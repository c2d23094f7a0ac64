// Threads. Results never depend on how many there are: a task owns what it writes, and sums over tasks run in
// index order afterwards.
#pragma once

#include <cstdint>

#include "base/function_ref.h"

namespace lyceum {

// What the affinity mask and the cgroup quota allow, at least 1.
int available_threads();
// CPU bandwidth of the cgroup (v2 file, then v1), in whole processors, rounded up; 0 where there is no limit.
int cgroup_processors();

// Threads that parallel_* may use. 0 restores available_threads(). Throws Errc::kUsage below 0 or above 1024.
void set_thread_count(int threads);
int thread_count();

// The same for calls made by this thread, before what set_thread_count says; 0: none. Returns what it was.
int set_own_thread_count(int threads);

// body(task, worker) for every task in [0, tasks), in no particular order; worker in [0, thread_count()).
// Called inside another parallel call it runs on the calling thread, as worker 0. The first exception is
// rethrown.
void parallel_tasks(std::int64_t tasks, FunctionRef<void(std::int64_t task, int worker)> body);

// body(begin, end) on consecutive blocks of `grain` indices (the last may be shorter) that cover [0, count).
void parallel_for(std::int64_t count, std::int64_t grain,
                  FunctionRef<void(std::int64_t begin, std::int64_t end)> body);

}  // namespace lyceum
