#include "data/records/record_files.h"

#include <glob.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "data/token_cache/token_cache.h"
#include "formats/data_file.h"

namespace lyceum {
namespace fs = std::filesystem;
namespace {

std::vector<fs::path> expand(const std::string& pattern) {
  std::error_code error;
  if (fs::exists(pattern, error)) return {pattern};  // also a name with brackets in it
  glob_t found{};
  const int status = ::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found);
  std::vector<fs::path> out;
  if (status == 0) out.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  if (out.empty())
    fail(Errc::kIo, "data: found no file '{}'. Fix: check the path, which is relative to the current folder",
         pattern);
  std::sort(out.begin(), out.end());
  return out;
}

// Files that people have and that would make strange texts.
constexpr const char* kOtherForms[] = {".json", ".csv", ".parquet", ".arrow", ".zip", ".tar"};

void expect_known_form(const fs::path& path, const std::string& name) {
  for (const char* ending : kOtherForms)
    if (name.ends_with(ending))
      fail(Errc::kUnsupported, "{}: found a name in {}, expected texts, .jsonl, .tsv or .tokens",
           path.string(), ending);
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t") == std::string_view::npos; }

// Lines that are records: all but the blank ones, and the header.
class LineRecords final : public RecordReader {
 public:
  LineRecords(const fs::path& path, const RecordOptions& options, bool skip_first)
      : lines_(path, {.line_bytes = options.line_bytes}) {
    std::string header;
    if (skip_first) lines_.next(header);
  }
  bool next(Record& record) override {
    do {
      if (!lines_.next(record.bytes)) return false;
    } while (is_blank(record.bytes));
    record.line = lines_.number();
    record.number = count_++;
    return true;
  }

 private:
  DataLines lines_;
  std::uint64_t count_ = 0;
};

class WholeFile final : public RecordReader {
 public:
  WholeFile(const fs::path& path, const RecordOptions& options)
      : lines_(path, {.total_bytes = options.document_bytes}) {}
  bool next(Record& record) override {
    if (!lines_.rest(record.bytes)) return false;
    record.line = 1;
    record.number = 0;
    return true;
  }

 private:
  DataLines lines_;
};

class SeparatedDocuments final : public RecordReader {
 public:
  SeparatedDocuments(const fs::path& path, const RecordOptions& options)
      : lines_(path, {.line_bytes = options.line_bytes}), options_(options) {}

  bool next(Record& record) override {
    while (true) {
      const std::size_t end = rest_.find(options_.separator, searched_);
      if (end == std::string::npos) {
        if (is_over_) return last(record);
        read_line();
        continue;
      }
      record.bytes.assign(rest_, 0, end);
      record.line = line_;
      const std::size_t behind = end + options_.separator.size();
      line_ += std::count(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(behind), '\n');
      rest_.erase(0, behind);
      searched_ = 0;
      if (finish(record)) return true;
    }
  }

 private:
  void read_line() {
    const std::size_t before = rest_.size();
    is_over_ = !lines_.next(text_);
    if (is_over_) return;
    rest_ += text_;
    rest_ += '\n';
    if (rest_.size() > options_.document_bytes)
      fail(
          Errc::kLimit,
          "{}: found a document of more than {} bytes, expected the separator before. Fix: another separator",
          lines_.where(), options_.document_bytes);
    searched_ = before - std::min(before, options_.separator.size() - 1);  // it may begin in the line before
  }
  bool last(Record& record) {
    record.bytes = std::move(rest_);
    rest_.clear();
    searched_ = 0;
    record.line = line_;
    return finish(record);
  }
  bool finish(Record& record) {
    const std::size_t begin = record.bytes.find_first_not_of('\n');
    if (record.bytes.find_first_not_of(" \t\n\f") == std::string::npos) return false;
    record.line += static_cast<std::int64_t>(begin);
    record.bytes.erase(record.bytes.find_last_not_of('\n') + 1);
    record.bytes.erase(0, begin);
    record.number = count_++;
    return true;
  }

  DataLines lines_;
  const RecordOptions& options_;  // of the RecordFiles, which outlive their readers
  std::string rest_, text_;
  std::size_t searched_ = 0;
  std::int64_t line_ = 1;  // at which rest_ begins
  std::uint64_t count_ = 0;
  bool is_over_ = false;
};

class CachedRecords final : public RecordReader {
 public:
  explicit CachedRecords(std::shared_ptr<const TokenCache> cache) : cache_(std::move(cache)) {}
  // The number is all that is needed: the tokens are mapped.
  bool next(Record& record) override {
    if (number_ == cache_->documents()) return false;
    record.bytes.clear();
    record.line = 0;
    record.number = number_++;
    return true;
  }

 private:
  std::shared_ptr<const TokenCache> cache_;
  std::uint64_t number_ = 0;
};

}  // namespace

RecordFiles::RecordFiles(const std::vector<std::string>& patterns, RecordOptions options)
    : options_(std::move(options)) {
  if (patterns.empty()) fail(Errc::kUsage, "data: found no files, expected at least one");
  if (options_.document_bytes == 0 || options_.line_bytes == 0)
    fail(Errc::kUsage, "data: found a limit of 0 bytes, expected 1 or more");
  if (!options_.tsv_has_header && options_.tsv_columns.empty()) options_.tsv_columns = {"text"};
  for (const std::string& pattern : patterns)
    for (fs::path& path : expand(pattern)) {
      const std::string name(without_compression(path.filename().string()));
      expect_known_form(path, name);
      File file{.path = std::move(path)};
      if (name.ends_with(".jsonl")) file.form = Form::kJsonl;
      if (name.ends_with(".tsv")) {
        file.form = Form::kTsv;
        read_header(file);
      }
      if (name.ends_with(".tokens")) {
        file.form = Form::kTokens;
        file.cache = TokenCache::open(file.path);
      }
      files_.push_back(std::move(file));
    }
}
RecordFiles::~RecordFiles() = default;

void RecordFiles::read_header(File& file) const {
  file.columns = options_.tsv_columns;
  if (options_.tsv_has_header) {
    DataLines lines(file.path, {.line_bytes = options_.line_bytes});
    std::string header;
    if (!lines.next(header))
      fail(Errc::kData, "{}: found an empty file, expected a line with the names of the columns",
           file.path.string());
    const std::vector<std::string> found = tsv_columns(header);
    if (file.columns.empty()) file.columns = found;
    if (file.columns.size() != found.size())
      fail(Errc::kData, "{}: line 1: found {} columns, expected the {} that were named", file.path.string(),
           found.size(), file.columns.size());
  }
  std::set<std::string> names;
  for (const std::string& name : file.columns)
    if (!names.insert(name).second)
      fail(Errc::kData, "{}: line 1: found two columns '{}', expected different names", file.path.string(),
           name);
}

std::unique_ptr<RecordReader> RecordFiles::open(std::size_t file) const {
  const File& f = files_[file];
  switch (f.form) {
    case Form::kJsonl:
      return std::make_unique<LineRecords>(f.path, options_, false);
    case Form::kTsv:
      return std::make_unique<LineRecords>(f.path, options_, options_.tsv_has_header);
    case Form::kTokens:
      return std::make_unique<CachedRecords>(f.cache);
    case Form::kText:
      break;
  }
  if (options_.separator.empty()) return std::make_unique<WholeFile>(f.path, options_);
  return std::make_unique<SeparatedDocuments>(f.path, options_);
}

RecordFields RecordFiles::parse(const Record& record) const {
  const File& f = files_[record.file];
  switch (f.form) {
    case Form::kJsonl:
      return parse_json_record(record.bytes, where(record));
    case Form::kTsv:
      return parse_tsv_record(record.bytes, f.columns, where(record));
    case Form::kTokens:
      return RecordFields(where(record), f.cache->fields(record.number));
    case Form::kText:
      break;
  }
  return RecordFields(where(record), {{"text", record.bytes}});
}

std::string RecordFiles::where(const Record& record) const {
  const std::string& path = files_[record.file].path.native();
  if (record.line == 0) return fmt::format("{}: record {}", path, record.number);
  return fmt::format("{}: line {}", path, record.line);
}

std::string RecordFiles::names() const {
  std::string out = files_[0].path.string();
  if (files_.size() > 1) out += fmt::format(" and {} more", files_.size() - 1);
  return out;
}

std::vector<std::shared_ptr<const TokenCache>> RecordFiles::caches() const {
  std::vector<std::shared_ptr<const TokenCache>> out;
  for (const File& file : files_)
    if (file.cache != nullptr) out.push_back(file.cache);
  return out;
}

}  // namespace lyceum
