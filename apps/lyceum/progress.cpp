#include "apps/lyceum/progress.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "apps/lyceum/app.h"
#include "apps/lyceum/texts.h"
#include "base/utf8.h"

namespace lyceum::app {
namespace {

int terminal_columns() {
  winsize size{};
  return ::ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

int characters_of(std::string_view text) {
  int count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(static_cast<std::size_t>(decode_utf8(text).bytes));
  return count;
}

}  // namespace

std::string progress_line(const ProgressState& state, int columns) {
  constexpr int kShortestBar = 10, kLongestBar = 30;
  const auto amount = [&](double value) {
    return state.unit == ProgressUnit::kBytes ? byte_text(static_cast<std::uint64_t>(std::max(0.0, value)))
                                              : fmt::format("{:.0f}", value);
  };
  std::string head = fmt::format("{} {}", state.what, amount(static_cast<double>(state.done)));
  if (state.total > 0)
    head += (state.unit == ProgressUnit::kBytes ? " of " : "/") + amount(static_cast<double>(state.total));
  std::string tail =
      state.note.empty() ? fmt::format(" ({}/s", amount(state.per_s)) : fmt::format(" ({}", state.note);
  if (state.total <= 0 && state.share >= 0) tail += fmt::format(", {:.0f} %", 100 * state.share);
  if (state.seconds_left >= 0) tail += fmt::format(", {} left", duration_text(state.seconds_left));
  tail += ")";
  if (columns <= 0) return head + tail;
  const int room = columns - 1 - characters_of(head) - characters_of(tail) - 3;
  const double share =
      state.total > 0 ? static_cast<double>(state.done) / static_cast<double>(state.total) : state.share;
  if (share >= 0 && room >= kShortestBar) {
    const int cells = std::min(room, kLongestBar);
    const auto full = static_cast<std::size_t>(std::min(1.0, share) * cells);
    return head + " [" + std::string(full, '=') + std::string(static_cast<std::size_t>(cells) - full, ' ') +
           "]" + tail;
  }
  return shortened(head + tail, static_cast<std::size_t>(columns - 1));
}

Progress::Progress(std::string what, std::int64_t total, const Common& common, Unit unit)
    : what_(std::move(what)),
      total_(total),
      unit_(unit),
      quiet_(common.quiet),
      terminal_(::isatty(2) != 0),
      begin_(Clock::now()),
      last_shown_(begin_) {}

Progress::~Progress() {
  if (shown_) show(true);
}

void Progress::update(std::int64_t done, double share) {
  if (first_ < 0) first_ = done, first_share_ = share;
  done_ = done;
  share_ = share;
  const auto now = Clock::now();
  const double since = std::chrono::duration<double>(now - last_shown_).count();
  if (quiet_ || since < (terminal_ ? 0.2 : 10.0)) return;
  last_shown_ = now;
  show(false);
}

void Progress::say(std::string_view line) {
  if (quiet_) return;
  std::fprintf(stderr, "%s%.*s\n", terminal_ && shown_ ? "\r\033[K" : "", static_cast<int>(line.size()),
               line.data());
  if (terminal_ && shown_) show(false);
}

void Progress::show(bool last) {
  shown_ = true;
  const double seconds = std::max(1e-3, std::chrono::duration<double>(Clock::now() - begin_).count());
  ProgressState state{
      .what = what_, .done = done_, .total = total_, .share = share_, .note = note_, .unit = unit_};
  state.per_s = static_cast<double>(done_ - std::max<std::int64_t>(0, first_)) / seconds;
  if (last)
    state.share = -1;
  else if (total_ > 0 && state.per_s > 0)
    state.seconds_left = static_cast<double>(total_ - done_) / state.per_s;
  else if (share_ > first_share_)
    state.seconds_left = seconds * (1 - share_) / (share_ - first_share_);
  const std::string text = progress_line(state, terminal_ ? terminal_columns() : 0);
  std::fprintf(stderr, terminal_ ? "\r%s\033[K%s" : "%s%s", text.c_str(), terminal_ && !last ? "" : "\n");
  std::fflush(stderr);
}

}  // namespace lyceum::app
