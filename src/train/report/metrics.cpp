#include "train/report/metrics.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/json.h"

namespace lyceum {
namespace {

constexpr std::size_t kNames = 10000;  // of one file's series

std::string quoted(std::string_view text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

[[noreturn]] void fail_errno(const std::filesystem::path& path, const char* doing) {
  const int error = errno;
  fail(Errc::kIo, "{}: cannot {}: {}", path.string(), doing, std::strerror(error));
}

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

MetricsRecord parse_line(std::string_view line, const std::string& where) {
  const Json json = parse_json(line, where, {.depth = 16, .bytes = kMetricsLineBytes});
  MetricsRecord record;
  record.step = JsonFields(json, where).integer("step", 0, std::numeric_limits<std::int64_t>::max());
  for (const auto& [name, value] : json.items()) {
    if (name == "step") continue;
    if (value.is_string()) record.texts.emplace_back(name, value.get<std::string>());
    if (value.is_null()) record.numbers.push_back({name, std::nan("")});
    if (value.is_number()) record.numbers.push_back({name, value.get<double>()});
  }
  return record;
}

}  // namespace

MetricsLine::MetricsLine(std::int64_t step) { count("step", step); }

MetricsLine::MetricsLine(const StepReport& report) : MetricsLine(report.step) {
  number("loss_nats", report.loss_nats);
  number("learning_rate", report.learning_rate);
  number("gradient_norm", report.gradient_norm);
  count("tokens", report.tokens);
  number("tokens_per_s", report.tokens_per_s);
  add(report.others);
}

MetricsLine::MetricsLine(const ValidReport& report) : MetricsLine(report.step) {
  number("valid_loss_nats", report.loss_nats);
  add(report.others);
}

MetricsLine::MetricsLine(const TextReport& report) : MetricsLine(report.step) {
  text(report.name, report.text);
}

void MetricsLine::add(const std::vector<NamedNumber>& numbers) {
  for (const NamedNumber& other : numbers) number(other.name, other.value);
}

std::string& MetricsLine::begin(std::string_view name) {
  if (!names_.emplace(name).second)
    fail(Errc::kUsage, "metrics: the name '{}' stands twice in one line", name);
  json_ += json_.empty() ? '{' : ',';
  return json_.append(quoted(name)).append(":");
}

MetricsLine& MetricsLine::number(std::string_view name, double value) {
  std::string& json = begin(name);
  if (!std::isfinite(value))
    json += "null";
  else if (value == 0 && std::signbit(value))
    json += "-0.0";  // "-0" is a whole number to JSON readers, and loses its sign
  else
    json += fmt::format("{}", value);
  return *this;
}

MetricsLine& MetricsLine::count(std::string_view name, std::int64_t value) {
  begin(name) += fmt::format("{}", value);
  return *this;
}

MetricsLine& MetricsLine::text(std::string_view name, std::string_view value) {
  begin(name) += quoted(value);
  return *this;
}

MetricsLog::MetricsLog(const std::filesystem::path& folder, std::optional<std::int64_t> resume_step)
    : path_(folder / kMetricsFile) {
  open();
  cut(resume_step);
}

// The lock of a file that is replaced is held until its successor's is.
void MetricsLog::open() {
  Descriptor file{::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666)};
  if (file.value < 0) fail_errno(path_, "open it for writing");
  struct stat info {};
  if (::fstat(file.value, &info) != 0) fail_errno(path_, "read its size");
  if (!S_ISREG(info.st_mode)) fail(Errc::kIo, "{}: found no regular file", path_.string());
  if (::flock(file.value, LOCK_EX | LOCK_NB) != 0)
    fail(Errc::kIo, "{}: another run is writing to it. Fix: wait for its end, or choose another directory.",
         path_.string());
  std::swap(descriptor_.value, file.value);
}

void MetricsLog::cut(std::optional<std::int64_t> resume_step) {
  const auto file = MappedFile::open(path_);
  const std::string_view bytes = text_of(*file);
  std::vector<std::string_view> kept;  // pieces of the file, as long as possible
  if (resume_step) {
    MetricsReader reader(bytes, path_.string());
    for (MetricsRecord record; reader.next(record);) {
      const std::string_view line = reader.line();
      if (record.step > *resume_step) continue;
      if (!kept.empty() && kept.back().data() + kept.back().size() == line.data())
        kept.back() = {kept.back().data(), kept.back().size() + line.size()};
      else
        kept.push_back(line);
    }
  }
  const bool is_whole = kept.size() == 1 && kept[0].size() == bytes.size() && bytes.ends_with('\n');
  if (bytes.empty() || is_whole) return;
  AtomicFile shorter(path_);
  for (const std::string_view piece : kept) {
    shorter.write(piece);
    if (!piece.ends_with('\n')) shorter.write("\n");
  }
  shorter.commit();
  open();
}

void MetricsLog::append(const MetricsLine& line) {
  const std::string text = line.json() + "\n";
  if (text.size() > kMetricsLineBytes)
    fail(Errc::kLimit, "{}: found a line of {} bytes, expected at most {}. Fix: shorter texts.",
         path_.string(), text.size(), kMetricsLineBytes);
  append_whole(descriptor_, path_, text);
}

bool MetricsReader::next(MetricsRecord& record) {
  while (!rest_.empty()) {
    const std::size_t end = rest_.find('\n');
    const bool has_end = end != std::string_view::npos;
    line_ = rest_.substr(0, has_end ? end + 1 : rest_.size());
    rest_.remove_prefix(line_.size());
    ++number_;
    if (line_.find_first_not_of(" \t\r\n") == std::string_view::npos) continue;
    try {
      record = parse_line(line_, fmt::format("{}: line {}", what_, number_));
      return true;
    } catch (const Error&) {
      if (has_end) throw;
    }
  }
  return false;
}

RunMetrics read_metrics(const std::filesystem::path& run, std::span<const std::string> names) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::is_directory(run, error) ? run / kMetricsFile : run;
  const auto file = MappedFile::open(path);
  MetricsReader reader(text_of(*file), path.string());
  RunMetrics out;
  double tokens = 0, seconds = 0;
  std::size_t points = 0;
  for (MetricsRecord record; reader.next(record);) {
    check_interrupt();
    const auto number_of = [&](const char* name) {
      for (const NamedNumber& number : record.numbers)
        if (number.name == name && number.value > 0 && std::isfinite(number.value)) return number.value;
      return 0.0;
    };
    const double step_tokens = number_of("tokens"), rate = number_of("tokens_per_s");
    tokens += step_tokens;
    out.has_tokens |= step_tokens > 0;
    if (rate > 0) seconds += step_tokens / rate;
    out.has_seconds |= step_tokens > 0 && rate > 0;
    for (const NamedNumber& number : record.numbers) {
      out.names.insert(number.name);
      if (out.names.size() > kNames)
        fail(Errc::kLimit, "{}: found more than {} names of series", path.string(), kNames);
      if (std::find(names.begin(), names.end(), number.name) == names.end()) continue;
      if (++points > kMetricsPoints)
        fail(Errc::kLimit, "{}: found more than {} values. Fix: ask for fewer series.", path.string(),
             kMetricsPoints);
      out.series[number.name].push_back({record.step, tokens, seconds, number.value});
    }
  }
  return out;
}

}  // namespace lyceum
