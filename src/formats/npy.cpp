#include "formats/npy.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/file.h"

namespace lyceum {
namespace {

constexpr std::size_t kHeaderBytes = 128;  // of the files that we write: room for any number of rows
constexpr std::string_view kMagic("\x93NUMPY", 6);

struct TypeName {
  std::string_view code;
  DType type;
};
constexpr TypeName kTypes[] = {{"<f4", DType::kF32}, {"<f8", DType::kF64}, {"<f2", DType::kF16}, {"<i8", DType::kI64}, {"<i4", DType::kI32},
                               {"<i2", DType::kI16}, {"|i1", DType::kI8},  {"|u1", DType::kU8},  {"<u2", DType::kU16}, {"<u4", DType::kU32},
                               {"<u8", DType::kU64}, {"|b1", DType::kBool}};

std::string header_text(const std::string& type, const std::string& shape) {
  std::string text(kMagic);
  text += std::string("\x01\x00", 2);
  text += static_cast<char>(kHeaderBytes - 10);
  text += '\0';
  text += "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  text.resize(kHeaderBytes - 1, ' ');
  return text + "\n";
}

[[noreturn]] void fail_errno(const std::filesystem::path& path, const char* doing) {
  const int error = errno;
  fail(Errc::kIo, "{}: cannot {}: {}", path.string(), doing, std::strerror(error));
}

void write_all(int descriptor, const void* data, std::size_t bytes, const std::filesystem::path& path) {
  const char* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t put = ::write(descriptor, from, bytes);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail_errno(path, "write to it");
    from += put;
    bytes -= static_cast<std::size_t>(put);
  }
}

// Takes a dictionary of Python literals apart, as far as the format needs it.
class Literal {
 public:
  Literal(std::string_view text, const std::string& what) : text_(text), what_(what) {}
  void spaces() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n')) text_.remove_prefix(1);
  }
  bool accept(char c) {
    spaces();
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(Errc::kFormat, "{}: the header is no dictionary of a .npy file: expected '{}' before '{}'", what_, c, text_.substr(0, 20));
  }
  std::string string() {
    expect('\'');
    const std::size_t end = text_.find('\'');
    if (end == std::string_view::npos) fail(Errc::kFormat, "{}: the header's string does not end", what_);
    std::string out(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return out;
  }
  bool boolean() {
    spaces();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      return value;
    }
    fail(Errc::kFormat, "{}: 'fortran_order': expected True or False", what_);
  }
  std::int64_t number() {
    spaces();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc() || value < 0) fail(Errc::kFormat, "{}: 'shape': expected whole numbers before '{}'", what_, text_.substr(0, 20));
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return value;
  }
  bool done() {
    spaces();
    return text_.empty();
  }

 private:
  std::string_view text_;
  const std::string& what_;
};

}  // namespace

NpyHeader parse_npy(std::span<const std::byte> bytes, const std::string& what) {
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (all.size() < 10 || !all.starts_with(kMagic)) fail(Errc::kFormat, "{}: this is not a .npy file", what);
  const auto at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(all[i])); };
  const std::size_t version = at(6);
  if (version < 1 || version > 3) fail(Errc::kUnsupported, "{}: found version {} of the format, expected 1 to 3", what, version);
  const std::size_t prefix = version == 1 ? 10 : 12;
  if (all.size() < prefix) fail(Errc::kFormat, "{}: found {} bytes, the header is cut short", what, all.size());
  std::size_t length = at(8) | at(9) << 8;
  if (version > 1) length |= at(10) << 16 | at(11) << 24;
  if (length > all.size() - prefix || length > (1u << 20)) fail(Errc::kFormat, "{}: found a header of {} bytes in a file of {}", what, length, all.size());
  Literal text(all.substr(prefix, length), what);
  NpyHeader header;
  header.data_begin = prefix + length;
  bool has_type = false, has_order = false, has_shape = false;
  text.expect('{');
  while (!text.accept('}')) {
    const std::string key = text.string();
    text.expect(':');
    if (key == "descr" && !has_type) {
      const std::string code = text.string();
      for (const TypeName& t : kTypes)
        if (t.code == code) header.dtype = t.type, has_type = true;
      if (!has_type) fail(Errc::kUnsupported, "{}: 'descr': found '{}', expected a little-endian number type such as '<f4'", what, code);
    } else if (key == "fortran_order" && !has_order) {
      if (text.boolean()) fail(Errc::kUnsupported, "{}: 'fortran_order': found True, expected False", what);
      has_order = true;
    } else if (key == "shape" && !has_shape) {
      std::vector<std::int64_t> sizes;
      text.expect('(');
      while (!text.accept(')')) {
        sizes.push_back(text.number());
        if (!text.accept(',')) {
          text.expect(')');
          break;
        }
        if (sizes.size() > Shape::kMaxDims) fail(Errc::kFormat, "{}: 'shape': more than {} dimensions", what, Shape::kMaxDims);
      }
      try {
        header.shape = Shape(sizes);
      } catch (const Error& error) {
        fail(Errc::kFormat, "{}: {}", what, error.what());
      }
      has_shape = true;
    } else {
      fail(Errc::kFormat, "{}: found the key '{}' (twice?), expected descr, fortran_order and shape", what, key);
    }
    text.accept(',');
  }
  if (!has_type || !has_order || !has_shape || !text.done()) fail(Errc::kFormat, "{}: the header lacks descr, fortran_order or shape", what);
  const auto elements = static_cast<std::uint64_t>(header.shape.elements());
  const std::uint64_t size = static_cast<std::uint64_t>(dtype_bits(header.dtype)) / 8;
  if (elements > (std::uint64_t{1} << 57) || elements * size != all.size() - header.data_begin)
    fail(Errc::kFormat, "{}: found {} bytes of data, expected {} elements of {} bytes", what, all.size() - header.data_begin, elements, size);
  return header;
}

Tensor read_npy(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  const NpyHeader header = parse_npy(file->bytes(), path.string());
  Tensor t = Tensor::empty(header.shape, header.dtype);
  if (t.bytes() > 0) std::memcpy(t.mutable_raw(), file->bytes().data() + header.data_begin, t.bytes());
  return t;
}

void write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  std::string type, shape;
  for (const TypeName& t : kTypes)
    if (t.type == tensor.dtype()) type = t.code;
  if (type.empty()) fail(Errc::kUnsupported, "{}: .npy has no {}", path.string(), dtype_name(tensor.dtype()));
  for (const std::int64_t size : tensor.shape().sizes()) shape += std::to_string(size) + ",";
  const Tensor rows = tensor.contiguous();
  AtomicFile file(path);
  file.write(header_text(type, shape));
  file.write(rows.raw(), rows.bytes());
  file.commit();
}

namespace {

std::uint64_t hash_of(const std::string& text) {
  std::uint64_t h = 0xCBF29CE484222325u;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return h;
}

}  // namespace

// PART: kHeaderBytes with the identity, then rows. The header becomes a .npy header in finish(), just before the rename.
NpyRowWriter::NpyRowWriter(std::filesystem::path path, std::int64_t width, bool resume, const std::string& identity)
    : path_(std::move(path)), part_(path_), width_(width) {
  part_ += ".part";
  std::string head = fmt::format("lyceum rows 1 {} {:016x} {}", width, hash_of(identity), identity);  // long ones are cut
  head.resize(kHeaderBytes - 1, ' ');
  head += "\n";
  descriptor_.value = ::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_.value < 0) fail_errno(part_, "open it");
  if (::flock(descriptor_.value, LOCK_EX | LOCK_NB) != 0)  // gone with the descriptor, also when the process is killed
    fail(Errc::kIo, "{}: another process is writing to it. Fix: wait for it to end.", part_.string());
  struct stat info {};
  if (::fstat(descriptor_.value, &info) != 0) fail_errno(part_, "read its size");
  if (resume && info.st_size >= static_cast<off_t>(kHeaderBytes)) {
    std::string found(kHeaderBytes, '\0');
    if (::pread(descriptor_.value, found.data(), kHeaderBytes, 0) != static_cast<ssize_t>(kHeaderBytes)) fail_errno(part_, "read it");
    const auto row_bytes = static_cast<off_t>(width * 4);
    rows_ = (info.st_size - static_cast<off_t>(kHeaderBytes)) / row_bytes;
    // killed between the last row and the rename: complete, and only the name is missing
    if (found != head && found != header_text("<f4", std::to_string(rows_) + ", " + std::to_string(width)))
      fail(Errc::kData, "{}: was begun with another model or other options ('{}'). Fix: without --resume it is written anew.", part_.string(),
           found.substr(0, found.find_last_not_of(" \n") + 1));
    if (::ftruncate(descriptor_.value, static_cast<off_t>(kHeaderBytes) + rows_ * row_bytes) != 0) fail_errno(part_, "cut it");
    if (::lseek(descriptor_.value, 0, SEEK_END) < 0) fail_errno(part_, "seek in it");
    return;
  }
  if (::ftruncate(descriptor_.value, 0) != 0) fail_errno(part_, "empty it");
  write_all(descriptor_.value, head.data(), head.size(), part_);
}

void NpyRowWriter::append(const float* rows, std::int64_t count) {
  write_all(descriptor_.value, rows, static_cast<std::size_t>(count * width_) * sizeof(float), part_);
  rows_ += count;
}

void NpyRowWriter::flush() {
  if (::fsync(descriptor_.value) != 0) fail_errno(part_, "flush it to the disk");
}

void NpyRowWriter::finish() {
  flush();  // the rows before the header that promises them
  const std::string header = header_text("<f4", std::to_string(rows_) + ", " + std::to_string(width_));
  if (::pwrite(descriptor_.value, header.data(), header.size(), 0) != static_cast<ssize_t>(header.size())) fail_errno(part_, "write its header");
  flush();
  if (::rename(part_.c_str(), path_.c_str()) != 0) fail_errno(path_, "put the finished file in place");
  descriptor_.close();
}

}  // namespace lyceum
