// How far the work is, on standard error.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace lyceum::app {

struct Common;

enum class ProgressUnit { kCount, kBytes };

struct ProgressState {
  std::string_view what;
  std::int64_t done = 0, total = 0;  // total 0: unknown
  double share = -1;                 // of the whole work, from 0 to 1; negative: unknown
  double per_s = 0;                  // of what `done` counts
  double seconds_left = -1;          // negative: unknown
  std::string_view note;             // what else is worth a look, instead of per_s
  ProgressUnit unit = ProgressUnit::kCount;
};
// One line; in a terminal with so many columns with a bar where there is room for one, and never wider. 0: no
// terminal.
std::string progress_line(const ProgressState& state, int columns);

// A bar with rate and remaining time on a terminal, a line now and then elsewhere; nothing with --quiet.
class Progress {
 public:
  using Unit = ProgressUnit;
  Progress(std::string what, std::int64_t total, const Common& common,  // total 0: unknown
           Unit unit = Unit::kCount);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();
  void set_total(std::int64_t total) noexcept { total_ = total; }
  // Stands in place of the rate from the next update on: "loss 3.21, 41,000 tokens/s".
  void set_note(std::string note) { note_ = std::move(note); }
  void update(std::int64_t done, double share = -1);  // share: of the whole work, where the total is unknown
  // A line of its own above the bar; nothing with --quiet.
  void say(std::string_view line);

 private:
  void show(bool last);
  using Clock = std::chrono::steady_clock;
  std::string what_, note_;
  std::int64_t total_, done_ = 0, first_ = -1;
  double share_ = -1, first_share_ = -1;
  Unit unit_;
  bool quiet_, terminal_, shown_ = false;
  Clock::time_point begin_, last_shown_;
};

}  // namespace lyceum::app
