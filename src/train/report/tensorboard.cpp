#include "train/report/tensorboard.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>

#include "base/error.h"
#include "base/utf8.h"

namespace lyceum {
namespace {

constexpr std::string_view kPrefix = "events.out.tfevents.";

// A byte a time suffices for some hundred bytes a step.
constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
    table[byte] = crc;
  }
  return table;
}();

template <class T>
void append_little_endian(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof value; ++i) out += static_cast<char>(value >> (8 * i));
}

// A protocol buffer message: fields are a tag, which is the field's number and its wire type, and a value.
class Message {
 public:
  Message& varint(std::uint32_t field, std::uint64_t value) {
    tag(field, 0);
    append_varint(value);
    return *this;
  }
  Message& fixed64(std::uint32_t field, double value) {
    tag(field, 1);
    append_little_endian(bytes_, std::bit_cast<std::uint64_t>(value));
    return *this;
  }
  Message& fixed32(std::uint32_t field, float value) {
    tag(field, 5);
    append_little_endian(bytes_, std::bit_cast<std::uint32_t>(value));
    return *this;
  }
  Message& bytes(std::uint32_t field, std::string_view value) {
    tag(field, 2);
    append_varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(std::uint32_t field, const Message& value) { return bytes(field, value.bytes_); }
  // protobuf refuses strings that are not UTF-8
  Message& text(std::uint32_t field, std::string_view value) {
    std::string valid(value);
    repair_utf8(valid);
    return bytes(field, valid);
  }
  std::string take() { return std::move(bytes_); }

 private:
  void tag(std::uint32_t field, std::uint32_t wire_type) { append_varint(field << 3 | wire_type); }
  void append_varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>((value & 0x7F) | 0x80);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

// Event: wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7
Message event(double wall_time, std::int64_t step) {
  Message out;
  out.fixed64(1, wall_time);
  if (step != 0) out.varint(2, static_cast<std::uint64_t>(step));
  return out;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  std::string out(name.data());
  std::replace(out.begin(), out.end(), '/', '_');
  return out;
}

// Of the event files of a folder; 0: there is none.
std::int64_t latest_seconds(const std::filesystem::path& folder) {
  constexpr std::int64_t kTenDigits = 9'999'999'999;  // as many as names are sorted with
  std::int64_t latest = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    std::int64_t seconds = 0;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), seconds);
    if (seconds < kTenDigits) latest = std::max(latest, seconds);
  }
  return latest;
}

}  // namespace

std::uint32_t masked_crc32c(std::string_view bytes) noexcept {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const char c : bytes) crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<unsigned char>(c)) & 0xFF];
  return std::rotr(~crc, 15) + 0xA282EAD8u;
}

std::string tf_record(std::string_view bytes) {
  std::string out;
  append_little_endian(out, static_cast<std::uint64_t>(bytes.size()));
  append_little_endian(out, masked_crc32c(out));
  out += bytes;
  append_little_endian(out, masked_crc32c(bytes));
  return out;
}

std::string version_event(double wall_time) { return event(wall_time, 0).text(3, "brain.Event:2").take(); }

std::string session_start_event(double wall_time, std::int64_t step) {
  constexpr std::uint64_t kStart = 1;
  return event(wall_time, step).message(7, Message().varint(1, kStart)).take();
}

// Summary: repeated Value value = 1; Value: tag = 1, simple_value = 2, tensor = 8, metadata = 9
std::string scalars_event(double wall_time, std::int64_t step, std::span<const NamedNumber> scalars) {
  Message summary;
  for (const NamedNumber& scalar : scalars)
    summary.message(1, Message().text(1, scalar.name).fixed32(2, static_cast<float>(scalar.value)));
  return event(wall_time, step).message(5, summary).take();
}

// TensorProto: dtype = 1, tensor_shape = 2 (repeated Dim dim = 2; Dim: size = 1), string_val = 8.
// SummaryMetadata: plugin_data = 1 (PluginData: plugin_name = 1).
std::string text_event(double wall_time, std::int64_t step, std::string_view tag, std::string_view text) {
  constexpr std::uint64_t kString = 7;  // DT_STRING
  std::string valid(text);
  repair_utf8(valid);
  const Message shape = Message().message(2, Message().varint(1, 1));
  const Message tensor = Message().varint(1, kString).message(2, shape).bytes(8, valid);
  const Message metadata = Message().message(1, Message().text(1, "text"));
  const Message value = Message().text(1, tag).message(8, tensor).message(9, metadata);
  return event(wall_time, step).message(5, Message().message(1, value)).take();
}

double wall_time_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

EventFile::EventFile(const std::filesystem::path& folder, std::optional<std::int64_t> resume_step) {
  const double now = wall_time_now();
  const std::int64_t latest = latest_seconds(folder);
  std::int64_t seconds = std::max(static_cast<std::int64_t>(now), latest + 1);
  do {
    path_ = folder / fmt::format("{}{:010d}.{}.{}", kPrefix, seconds++, host_name(), ::getpid());
    descriptor_.value = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
  } while (descriptor_.value < 0 && errno == EEXIST);
  if (descriptor_.value < 0)
    fail(Errc::kIo, "{}: cannot create it: {}", path_.string(), std::strerror(errno));
  append(version_event(now));
  if (latest > 0) append(session_start_event(now, resume_step ? *resume_step + 1 : 0));
}

void EventFile::append(std::string_view event) { append_whole(descriptor_, path_, tf_record(event)); }

}  // namespace lyceum
