// Data sets as they lie on disks: lines of a plain, zstd or gzip file, read one after another in little
// memory, or what is left of it as one text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace lyceum {

struct DataLimits {
  std::uint64_t line_bytes = std::uint64_t{1}
                             << 24;  // a longer line is not a record but an accident or an attack
  std::uint64_t total_bytes = std::uint64_t{1} << 37;  // after decompression
};

class DataLines {
 public:
  // What the file is, its first bytes say; a name in .zst or .gz with other bytes is an Error. zstd windows
  // up to 128 MiB, several frames or members one after another.
  explicit DataLines(const std::filesystem::path& path, DataLimits limits = {});
  ~DataLines();
  DataLines(DataLines&&) noexcept;

  // The next line, without its LF or CRLF; the last one may lack it. False at the end. Throws Errc::kFormat
  // for damaged or cut compressed data and Errc::kLimit, both with the line at which it stopped.
  bool next(std::string& line);
  // What no line was made of yet, byte for byte: line ends stay as they are. False where nothing is left.
  // Throws as next(); the limit is that of the whole file.
  bool rest(std::string& text);
  // Whole lines with their ends, about `bytes` of them: as many as there are in so many bytes, at least one,
  // and the last one of the file without an end where it has none. False at the end; throws as next() does.
  bool next_block(std::string& lines, std::size_t bytes);
  std::int64_t number() const noexcept { return number_; }  // of the last line given, counted from 1
  std::string where() const;                                // "PATH: line N"

 private:
  struct Source;
  bool read_more();  // more of the file behind buffer_; false at its end
  [[noreturn]] void fail_length() const;
  std::unique_ptr<Source> source_;
  std::filesystem::path path_;
  DataLimits limits_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of what is not given out yet
  std::uint64_t total_ = 0;
  std::int64_t number_ = 0;
};

// `folder/name`, or the same with .zst or .gz behind it; whichever is there, in this order.
std::optional<std::filesystem::path> find_data_file(const std::filesystem::path& folder,
                                                    const std::string& name);

// "train.jsonl.zst" -> "train.jsonl"
std::string_view without_compression(std::string_view file_name);

}  // namespace lyceum
