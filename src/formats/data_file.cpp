#include "formats/data_file.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace lyceum {
namespace {

constexpr std::size_t kStep = std::size_t{1} << 16;      // bytes decompressed at a time
constexpr std::size_t kReleased = std::size_t{1} << 24;  // bytes read before their pages are given back
constexpr std::string_view kZstdMagic("\x28\xB5\x2F\xFD", 4), kGzipMagic("\x1F\x8B", 2);
constexpr std::array<std::string_view, 2> kSuffixes = {".zst", ".gz"};

}  // namespace

std::string_view without_compression(std::string_view file_name) {
  for (const std::string_view suffix : kSuffixes)
    if (file_name.ends_with(suffix)) return file_name.substr(0, file_name.size() - suffix.size());
  return file_name;
}

std::optional<std::filesystem::path> find_data_file(const std::filesystem::path& folder,
                                                    const std::string& name) {
  std::error_code error;
  if (std::filesystem::exists(folder / name, error)) return folder / name;
  for (const std::string_view suffix : kSuffixes)
    if (auto path = folder / (name + std::string(suffix)); std::filesystem::exists(path, error)) return path;
  return std::nullopt;
}

// The three kinds behind one question: more bytes, or none at the end.
struct DataLines::Source {
  explicit Source(const std::filesystem::path& path) : file(MappedFile::open(path)) {
    const auto bytes = file->bytes();
    rest = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    const std::string name = path.filename().string();
    if (rest.starts_with(kZstdMagic)) {
      zstd = ZSTD_createDStream();
      if (zstd == nullptr) throw std::bad_alloc();
    } else if (rest.starts_with(kGzipMagic)) {
      if (inflateInit2(&gzip, 15 + 16) != Z_OK)
        throw std::bad_alloc();  // 15: any window; 16: with gzip's frame
      is_gzip = true;
    } else if (!rest.empty() && (name.ends_with(".zst") || name.ends_with(".gz"))) {
      fail(Errc::kFormat, "{}: found neither zstd nor gzip data, expected one of them by its name",
           path.string());
    }
  }
  ~Source() {
    ZSTD_freeDStream(zstd);
    if (is_gzip) inflateEnd(&gzip);
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // Appends up to kStep bytes to `out`. Returns what is wrong, or null.
  const char* read(std::string& out) {
    const std::size_t before = out.size();
    if (const std::size_t done = file->bytes().size() - rest.size(); done >= released + kReleased) {
      file->release_pages(released, done);
      released = done;
    }
    if (zstd == nullptr && !is_gzip) {
      const std::string_view piece = rest.substr(0, kStep);
      out.append(piece);
      rest.remove_prefix(piece.size());
      return nullptr;
    }
    out.resize(before + kStep);
    const char* trouble = zstd != nullptr ? read_zstd(out, before) : read_gzip(out, before);
    if (trouble != nullptr) out.resize(before);
    return trouble;
  }

  const char* read_zstd(std::string& out, std::size_t before) {
    ZSTD_outBuffer to{out.data() + before, kStep, 0};
    ZSTD_inBuffer from{rest.data(), rest.size(), 0};
    while (to.pos == 0 && (from.pos < from.size || inside)) {
      const std::size_t in = from.pos, hint = ZSTD_decompressStream(zstd, &to, &from);
      if (ZSTD_isError(hint)) return ZSTD_getErrorName(hint);
      inside = hint != 0;
      if (inside && to.pos == 0 && from.pos == in) return "the data ends too early";
    }
    rest.remove_prefix(from.pos);
    out.resize(before + to.pos);
    return nullptr;
  }

  const char* read_gzip(std::string& out, std::size_t before) {
    gzip.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    gzip.avail_out = static_cast<uInt>(kStep);
    while (gzip.avail_out == kStep && (!rest.empty() || inside)) {
      if (!inside && !rest.starts_with(kGzipMagic))
        return "found other bytes behind the end of the compressed data";
      inside = true;
      const std::size_t give =
          std::min<std::size_t>(rest.size(), std::size_t{1} << 30);  // avail_in has 32 bits
      gzip.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest.data()));
      gzip.avail_in = static_cast<uInt>(give);
      const int status = inflate(&gzip, Z_NO_FLUSH);
      rest.remove_prefix(give - gzip.avail_in);
      if (status == Z_STREAM_END) {
        inside = false;
        inflateReset(&gzip);  // a further member may follow
      } else if (status == Z_BUF_ERROR && rest.empty()) {
        return "the data ends too early";
      } else if (status != Z_OK) {
        return gzip.msg != nullptr ? gzip.msg : "damaged data";
      }
    }
    out.resize(before + kStep - gzip.avail_out);
    return nullptr;
  }

  std::shared_ptr<const MappedFile> file;
  std::string_view rest;
  std::size_t released = 0;  // bytes at the front that were given back
  ZSTD_DStream* zstd = nullptr;
  z_stream gzip{};
  bool is_gzip = false, inside = false;  // inside: a frame or member is open
};

DataLines::DataLines(const std::filesystem::path& path, DataLimits limits)
    : source_(std::make_unique<Source>(path)), path_(path), limits_(limits) {}
DataLines::~DataLines() = default;
DataLines::DataLines(DataLines&&) noexcept = default;

std::string DataLines::where() const { return fmt::format("{}: line {}", path_.string(), number_); }

void DataLines::fail_length() const {
  fail(Errc::kLimit, "{}: longer than {} bytes", where(), limits_.line_bytes);
}

bool DataLines::read_more() {
  const std::size_t before = buffer_.size();
  if (const char* trouble = source_->read(buffer_))
    fail(Errc::kFormat, "{}: {}. Fix: the file is damaged or cut short; copy it again.", where(), trouble);
  total_ += buffer_.size() - before;
  if (total_ > limits_.total_bytes)
    fail(Errc::kLimit, "{}: the file has more than {} bytes when decompressed", where(), limits_.total_bytes);
  return buffer_.size() > before;
}

bool DataLines::next(std::string& line) {
  std::size_t searched = begin_;
  ++number_;
  while (true) {
    const std::size_t end = buffer_.find('\n', searched);
    const bool found = end != std::string::npos;
    const std::size_t length = (found ? end : buffer_.size()) - begin_;
    if (length > limits_.line_bytes) fail_length();
    if (found) {
      line.assign(buffer_, begin_, length);
      begin_ = end + 1;
      break;
    }
    buffer_.erase(0, begin_);
    begin_ = 0;
    searched = buffer_.size();
    if (!read_more()) {
      if (buffer_.empty()) {
        --number_;
        return false;
      }
      line = std::move(buffer_);
      buffer_.clear();
      break;
    }
  }
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return true;
}

bool DataLines::rest(std::string& text) {
  buffer_.erase(0, begin_);
  begin_ = 0;
  ++number_;
  while (read_more()) {
  }
  text = std::move(buffer_);
  buffer_.clear();
  if (text.empty()) --number_;
  return !text.empty();
}

bool DataLines::next_block(std::string& lines, std::size_t bytes) {
  buffer_.erase(0, begin_);
  begin_ = 0;
  std::size_t line = 0, searched = 0;  // where the line that is being read begins; what was looked at
  ++number_;                           // of that line
  while (true) {
    for (std::size_t end; (end = buffer_.find('\n', searched)) != std::string::npos; ++number_) {
      if (end - line > limits_.line_bytes) fail_length();
      line = searched = end + 1;
    }
    searched = buffer_.size();
    if (searched - line > limits_.line_bytes) fail_length();
    if (line > 0 && searched >= bytes) break;
    if (!read_more()) {
      if (line < searched) ++number_;
      line = searched;
      break;
    }
  }
  --number_;  // of the last whole line
  lines.assign(buffer_, 0, line);
  begin_ = line;
  return line > 0;
}

}  // namespace lyceum
