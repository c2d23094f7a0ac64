#include "base/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"

#ifdef LYCEUM_STD_THREADS
#include <condition_variable>
#else
#include <omp.h>
#endif

namespace lyceum {
namespace {

std::atomic<int> g_threads{0};
thread_local bool t_inside = false;
thread_local int t_threads = 0;  // this thread's own choice

#ifdef LYCEUM_STD_THREADS
// The sanitizer builds' back end: they do not know libgomp's barriers. Threads sleep between calls.
class Pool {
 public:
  ~Pool() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  void run(int workers, FunctionRef<void(int)> work) {
    std::lock_guard one_caller(callers_);
    while (static_cast<int>(threads_.size()) < workers - 1)
      threads_.emplace_back([this, id = static_cast<int>(threads_.size()) + 1] { loop(id); });
    {
      std::lock_guard lock(mutex_);
      work_ = &work;
      active_ = workers;
      running_ = workers - 1;
      ++round_;
    }
    wake_.notify_all();
    work(0);
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return running_ == 0; });
  }

 private:
  void loop(int id) {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return stop_ || (round_ != seen && id < active_); });
      if (stop_) return;
      seen = round_;
      const auto* work = work_;
      lock.unlock();
      (*work)(id);
      lock.lock();
      if (--running_ == 0) done_.notify_one();
    }
  }
  std::mutex callers_, mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> threads_;
  const FunctionRef<void(int)>* work_ = nullptr;
  int active_ = 0, running_ = 0;
  std::uint64_t round_ = 0;
  bool stop_ = false;
};

void on_workers(int workers, FunctionRef<void(int)> work) {
  static Pool pool;
  pool.run(workers, work);
}
#else
void on_workers(int workers, FunctionRef<void(int)> work) {
#pragma omp parallel num_threads(workers)
  work(omp_get_thread_num());
}
#endif

void check_count(int threads) {
  if (threads < 0 || threads > 1024)
    fail(Errc::kUsage, "threads: found {}, expected 1 to 1024 (0: what the machine allows)", threads);
}

}  // namespace

int cgroup_processors() {
  const auto divide = [](double quota, double period) {
    return quota > 0 && period > 0 ? std::max(1, static_cast<int>(quota / period + 0.999)) : 0;
  };
  if (std::FILE* file = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
    double quota = 0, period = 0;
    const int read = std::fscanf(file, "%lf %lf", &quota, &period);  // "max 100000" reads as 0 fields
    std::fclose(file);
    return read == 2 ? divide(quota, period) : 0;
  }
  const auto number = [](const char* path) {
    double value = 0;
    if (std::FILE* file = std::fopen(path, "r")) {
      if (std::fscanf(file, "%lf", &value) != 1) value = 0;
      std::fclose(file);
    }
    return value;
  };
  return divide(number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
                number("/sys/fs/cgroup/cpu/cpu.cfs_period_us"));
}

int available_threads() {
  static const int count = [] {
    cpu_set_t set;
    int cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
    if (cpus <= 0) cpus = static_cast<int>(std::thread::hardware_concurrency());
    const int quota = cgroup_processors();
    return std::clamp(quota > 0 ? std::min(cpus, quota) : cpus, 1, 1024);
  }();
  return count;
}

void set_thread_count(int threads) {
  check_count(threads);
  g_threads = threads;
}

int set_own_thread_count(int threads) {
  check_count(threads);
  return std::exchange(t_threads, threads);
}

int thread_count() {
  const int threads = t_threads > 0 ? t_threads : g_threads.load();
  return threads > 0 ? threads : available_threads();
}

void parallel_tasks(std::int64_t tasks, FunctionRef<void(std::int64_t, int)> body) {
  const int workers = static_cast<int>(std::min<std::int64_t>(thread_count(), tasks));
  if (workers <= 1 || t_inside) {
    for (std::int64_t task = 0; task < tasks; ++task) body(task, 0);
    return;
  }
  std::atomic<std::int64_t> next{0};
  std::exception_ptr error;
  std::mutex error_mutex;
  on_workers(workers, [&](int worker) {
    t_inside = true;
    try {
      for (std::int64_t task; (task = next.fetch_add(1, std::memory_order_relaxed)) < tasks;)
        body(task, worker);
    } catch (...) {
      next = tasks;
      std::lock_guard lock(error_mutex);
      if (!error) error = std::current_exception();
    }
    t_inside = false;
  });
  if (error) std::rethrow_exception(error);
}

void parallel_for(std::int64_t count, std::int64_t grain,
                  FunctionRef<void(std::int64_t, std::int64_t)> body) {
  if (count <= 0) return;
  const std::int64_t blocks = (count + grain - 1) / grain;
  parallel_tasks(blocks,
                 [&](std::int64_t block, int) { body(block * grain, std::min(count, (block + 1) * grain)); });
}

}  // namespace lyceum
