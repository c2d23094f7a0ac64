#include "apps/lyceum/app.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/utf8.h"
#include "tasks/embed/embedder.h"

namespace lyceum::app {

std::shared_ptr<Common> add_common(Verb& verb, const std::string& example, const std::string& dtype) {
  auto common = std::make_shared<Common>();
  verb.option("--threads", common->threads, "Threads (default: what affinity and the cgroup allow)")
      .range(1, 1024);
  verb.option("--seed", common->seed, "Seed of everything random");
  verb.option("--dtype", common->dtype, dtype);
  verb.flag("--quiet,-q", common->quiet, "No progress and no messages but errors");
  verb.flag("--verbose,-v", common->verbose, "More messages");
  verb.flag("--json", common->json, "One JSON object a line");
  verb.flag("--strict", common->strict, "Refuse what would otherwise be repaired or left out");
  verb.example(example);
  return common;
}

std::optional<Compute> compute_of(const Common& common) {
  if (common.dtype.empty()) return std::nullopt;
  return compute_from_name(common.dtype);
}

Option add_model(Verb& verb, const std::string& names, std::string& model, const std::string& what,
                 const std::shared_ptr<Common>& common) {
  verb.flag("--pull", common->pull, "Fetch the model from the Hugging Face hub when it is not here");
  return verb.option(names, model, what);
}

void add_vector_options(Verb& verb, EmbedderOptions& options) {
  verb.option("--pooling", options.pooling,
              "How tokens become a vector, instead of the model's way: mean, cls, max, mean_sqrt_len, "
              "weightedmean, "
              "lasttoken; several, with commas between: one behind the other")
      .separator(',');
  verb.option("--truncate-dim", options.truncate_dim,
              "Keep the first values of each vector only (Matryoshka)")
      .range(1, 1 << 24);
  verb.flag("--normalize", options.normalize, "Vectors of length 1, after any cut");
  verb.option("--max-tokens", options.max_tokens, "Cut texts to fewer tokens than the model takes")
      .range(2, 1 << 20);
}

void configure(const Common& common) {
  set_thread_count(common.threads);
  set_log_level(common.verbose ? LogLevel::kDebug : LogLevel::kInfo);
  if (common.quiet) set_log_sink({});
  compute_of(common);  // a wrong name is an error of every verb
}

void print_line(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (std::fputc('\n', stdout) == EOF) flush_output();
}

void print_json(const nlohmann::ordered_json& value) {
  print_line(value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

void flush_output() {
  if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return;
  check_interrupt();  // a write that a signal ended
  if (errno == EPIPE) std::_Exit(0);
  fail(Errc::kIo, "standard output: {}", std::strerror(errno));
}

bool use_colour() {
  const char *no_colour = std::getenv("NO_COLOR"), *terminal = std::getenv("TERM");
  if (no_colour != nullptr && *no_colour != '\0') return false;  // no-color.org: set and not empty
  return ::isatty(1) != 0 && terminal != nullptr && std::strcmp(terminal, "dumb") != 0;
}

void report_unused(const std::vector<std::string>& names, const Common& common) {
  if (names.empty() || (!common.strict && !common.verbose)) return;
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  if (common.strict)
    fail(Errc::kData, "{} tensors of the files are not needed: {}. Fix: leave out --strict.", names.size(),
         list);
  log(LogLevel::kDebug, "{} tensors of the files are not needed: {}", names.size(), list);
}

void add_input(Verb& verb, InputOptions& options, const std::string& what) {
  verb.option("text", options.texts, what + " ('-': standard input, one a line)");
  verb.option("--input,-i", options.file, "A file with one text a line, or .jsonl ('-': standard input)");
  verb.option("--field", options.field, "The field of a .jsonl file that holds the text").show_default();
}

void add_pairs(Verb& verb, InputOptions& options, bool& pairs, const std::string& second) {
  verb.flag("--pairs", pairs,
            "Two columns with a tab between them are a pair, or two fields of a .jsonl file");
  verb.option(second, options.second_field, "The field of a .jsonl file that holds the second text")
      .show_default();
}

LineReader::LineReader(const InputOptions& options, const Common& common)
    : texts_(options.texts),
      strict_(common.strict),
      field_(options.field),
      second_field_(options.second_field) {
  std::string file = options.file;
  if (file.empty() && texts_.size() == 1 && texts_[0] == "-") {
    file = "-";
    texts_.clear();
  }
  if (!file.empty() && !texts_.empty())
    fail(Errc::kUsage, "found both texts and --input {}, expected one of them", file);
  if (file.empty() && texts_.empty())
    fail(Errc::kUsage, "found no text. Fix: give texts, --input FILE, or '-' for standard input");
  for (const std::string& text : texts_) bytes_ += static_cast<std::int64_t>(text.size());
  from_stream_ = !file.empty();
  from_stdin_ = file == "-";
  name_ = from_stdin_ ? "standard input" : file.empty() ? "text" : file;
  jsonl_ = file.ends_with(".jsonl");
  if (from_stream_ && !from_stdin_) {
    std::error_code error;
    if (std::filesystem::is_directory(file, error))
      fail(Errc::kIo, "{}: found a folder, expected a file with a text a line", file);
    errno = 0;
    file_.open(file, std::ios::binary);
    if (!file_) fail(Errc::kIo, "{}: cannot open it: {}", file, std::strerror(errno));
    if (std::filesystem::is_regular_file(file, error))
      bytes_ = static_cast<std::int64_t>(std::filesystem::file_size(file, error));
  }
}

bool LineReader::read(std::string& line) {
  if (!from_stream_) {
    if (index_ == texts_.size()) return false;
    line = texts_[index_++];
    bytes_read_ += static_cast<std::int64_t>(line.size());
    return true;
  }
  constexpr std::size_t kLongestLine = std::size_t{1} << 28;  // /dev/zero has no end of line
  std::istream& in = from_stdin_ ? std::cin : file_;
  char part[4096];
  line.clear();
  while (true) {
    in.getline(part, sizeof part);
    const auto got = static_cast<std::size_t>(in.gcount());
    check_interrupt();  // a Ctrl-C while reading looks like the end of the input
    if (in.bad()) fail(Errc::kIo, "{}: cannot read it", name_);
    bytes_read_ += static_cast<std::int64_t>(got);
    const bool ended = !in.eof() && !in.fail();  // gcount() counts the end of line too
    line.append(part, ended ? got - 1 : got);
    if (ended) break;
    if (in.eof() && line.empty()) return false;
    if (in.eof()) break;
    in.clear();  // the line goes on
    if (line.size() > kLongestLine)
      fail(Errc::kLimit, "{}: line {} has more than {} bytes", name_, lines_ + 1, kLongestLine);
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return true;
}

double LineReader::share() const {
  return bytes_ > 0 ? std::min(1.0, static_cast<double>(bytes_read_) / static_cast<double>(bytes_)) : -1;
}

std::int64_t LineReader::bytes_left() const {
  return bytes_ > 0 ? std::max<std::int64_t>(0, bytes_ - bytes_read_) : -1;
}

std::string LineReader::where() const { return fmt::format("{}: line {}", name_, lines_); }

bool LineReader::read_valid(std::string& line) {
  do {
    if (!read(line)) return false;
    ++lines_;
  } while (jsonl_ && line.find_first_not_of(" \t") == std::string::npos);  // such as the last line of a file
  std::string whole;
  if (keeps_bytes_ && !jsonl_ && !is_utf8(line)) whole = line;
  if (const std::size_t bad = repair_utf8(line); bad > 0) {
    if (strict_) fail(Errc::kData, "{} is not UTF-8", where());
    repaired_ += static_cast<std::int64_t>(bad);
    if (!whole.empty()) line = std::move(whole);
  }
  return true;
}

bool LineReader::next(std::string& line) {
  if (!read_valid(line)) return false;
  if (jsonl_) {
    const Json object = parse_json(line, where());
    line = JsonFields(object, where()).text(field_);
  }
  return true;
}

bool LineReader::next(TextPair& pair) {
  std::string line;
  if (!read_valid(line)) return false;
  if (jsonl_) {
    const Json object = parse_json(line, where());
    const JsonFields f(object, where());
    pair = {f.text(field_), f.text(second_field_)};
    return true;
  }
  const std::size_t tab = line.find('\t');
  if (tab == std::string::npos)
    fail(Errc::kData, "{}: found no tab, expected two columns with one between them", where());
  pair = {line.substr(0, tab), line.substr(tab + 1)};
  return true;
}

void LineReader::report() const {
  if (repaired_ > 0)
    log(LogLevel::kWarning, "{}: {} invalid UTF-8 sequences were replaced by U+FFFD", name_, repaired_);
}

void CutTexts::add(bool truncated, std::int64_t max_tokens) {
  ++texts;
  cut += truncated;
  if (truncated && refuse)
    fail(Errc::kData, "text {} has more than {} tokens. Fix: cut it, or leave out --no-truncate", texts,
         max_tokens);
}

void CutTexts::report(std::int64_t max_tokens) const {
  if (cut > 0) log(LogLevel::kWarning, "{} of {} texts were cut to {} tokens", cut, texts, max_tokens);
}

void add_no_truncate(Verb& verb, CutTexts& cuts) {
  verb.flag("--no-truncate", cuts.refuse, "A text that is too long is an error");
}

}  // namespace lyceum::app
