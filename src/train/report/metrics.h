// DIRECTORY/metrics.jsonl: what a run measured, one JSON object a line, written as it goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "train/report/observer.h"

namespace lyceum {

inline constexpr const char* kMetricsFile = "metrics.jsonl";
inline constexpr std::size_t kMetricsLineBytes = std::size_t{1} << 20;  // a longer line is no record

// One line. Names stand in the order in which they are added, each once (Errc::kUsage).
class MetricsLine {
 public:
  explicit MetricsLine(std::int64_t step);
  // The fields of INTERFACE: loss_nats, learning_rate, gradient_norm, tokens, tokens_per_s; or
  // valid_loss_nats. Then `others`.
  explicit MetricsLine(const StepReport& report);
  explicit MetricsLine(const ValidReport& report);
  explicit MetricsLine(const TextReport& report);

  // The fewest digits that read back as the same double, whatever the locale. JSON has neither NaN nor
  // infinities: they are null, which pandas, R and JavaScript take for a number that is missing.
  MetricsLine& number(std::string_view name, double value);
  MetricsLine& count(std::string_view name, std::int64_t value);
  MetricsLine& text(std::string_view name, std::string_view value);  // invalid UTF-8 becomes U+FFFD

  std::string json() const { return json_ + "}"; }

 private:
  std::string& begin(std::string_view name);
  void add(const std::vector<NamedNumber>& numbers);
  std::set<std::string, std::less<>> names_;
  std::string json_;
};

// Appends to FOLDER/metrics.jsonl, one write() a line: after kill -9 at most the last line is cut. Two
// writers of one file: Errc::kIo.
class MetricsLog {
 public:
  // With `resume_step` the file goes on behind that step: lines of later steps, and a last line that was cut,
  // leave it first (a new file takes its place, so that a kill meanwhile loses nothing). Without, it begins
  // anew.
  explicit MetricsLog(const std::filesystem::path& folder, std::optional<std::int64_t> resume_step = {});
  MetricsLog(const MetricsLog&) = delete;
  MetricsLog& operator=(const MetricsLog&) = delete;
  // Errc::kIo leaves the file as it was before the line; Errc::kLimit above kMetricsLineBytes.
  void append(const MetricsLine& line);

 private:
  void open();
  void cut(std::optional<std::int64_t> resume_step);
  std::filesystem::path path_;
  Descriptor descriptor_;
};

struct MetricsRecord {
  std::int64_t step = 0;
  std::vector<NamedNumber> numbers;  // null is NaN; true, false, lists and objects are passed over
  std::vector<std::pair<std::string, std::string>> texts;
};

// The lines of such a file, one after another, in the memory of one. `bytes` must outlive it; `what` names
// the file.
class MetricsReader {
 public:
  MetricsReader(std::string_view bytes, std::string what) : rest_(bytes), what_(std::move(what)) {}
  // False at the end. A last line without LF that is no record was cut by a kill: it is left out. Any other
  // line that is none is Errc::kFormat with its number.
  bool next(MetricsRecord& record);
  std::string_view line() const noexcept { return line_; }  // of that record, as it stands, with its LF

 private:
  std::string_view rest_, line_;
  std::string what_;
  std::int64_t number_ = 0;
};

struct MetricsPoint {
  std::int64_t step = 0;
  double tokens = 0, seconds = 0;  // trained so far: sums of `tokens`, and of `tokens` / `tokens_per_s`
  double value = 0;                // may be NaN
};

struct RunMetrics {
  std::map<std::string, std::vector<MetricsPoint>> series;  // of those that were asked for
  std::set<std::string> names;                              // of all series of numbers
  bool has_tokens = false, has_seconds = false;
};

// A run folder's series, or those of the file itself. Throws Errc::kLimit above kMetricsPoints, and
// kInterrupted between two lines.
inline constexpr std::size_t kMetricsPoints = std::size_t{1} << 23;
RunMetrics read_metrics(const std::filesystem::path& run, std::span<const std::string> names);

}  // namespace lyceum
