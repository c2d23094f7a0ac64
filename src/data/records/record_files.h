// The files of a data set and the records in them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/records/record.h"

namespace lyceum {

class TokenCache;

struct RecordOptions {
  // Between the documents of a text file. "": a file is one document, byte for byte. "\n": a line is a
  // document; "\n\n": blank lines stand between them; "\f\n", or any other text. With a separator CRLF counts
  // as LF, and empty lines at both ends belong to no document; one without anything else is none.
  std::string separator;
  bool tsv_has_header = true;
  std::vector<std::string> tsv_columns;                   // their names; may be empty where there is a header
  std::uint64_t document_bytes = std::uint64_t{1} << 28;  // of one document, decompressed
  std::uint64_t line_bytes = std::uint64_t{1} << 24;      // of one line
};

// Records one after another, in little memory.
class RecordReader {
 public:
  virtual ~RecordReader() = default;
  // False at the end of the file. Throws as DataLines::next.
  virtual bool next(Record& record) = 0;
};

// What a file is, its name says (.zst and .gz behind it do not count): .jsonl, .tsv, .tokens (what
// `lyceum prepare` writes); .json, .csv and some more are refused; anything else is text with the one field
// "text". Safe to use from several threads.
class RecordFiles {
 public:
  // Paths, or patterns as glob(7) has them; the files of a pattern stand in the order of their names. Throws
  // Errc::kIo for one that nothing matches, Errc::kUnsupported for a form that is refused, Errc::kUsage for
  // options without sense, Errc::kData for a .tsv file whose header is not usable, and what TokenCache::open
  // throws.
  explicit RecordFiles(const std::vector<std::string>& patterns, RecordOptions options = {});
  ~RecordFiles();

  std::size_t count() const noexcept { return files_.size(); }
  const std::filesystem::path& path(std::size_t file) const { return files_[file].path; }
  std::unique_ptr<RecordReader> open(std::size_t file) const;
  RecordFields parse(const Record& record) const;  // Errc::kData where it is not what its file's form says
  std::string where(const Record& record) const;   // "FILE: line N", or "FILE: record N"
  std::string names() const;                       // of the files, for messages
  // Those that are caches, for checks against a tokenizer.
  std::vector<std::shared_ptr<const TokenCache>> caches() const;

 private:
  enum class Form { kText, kJsonl, kTsv, kTokens };
  struct File {
    std::filesystem::path path;
    Form form = Form::kText;
    std::vector<std::string> columns;
    std::shared_ptr<const TokenCache> cache;
  };
  void read_header(File& file) const;
  RecordOptions options_;
  std::vector<File> files_;
};

}  // namespace lyceum
