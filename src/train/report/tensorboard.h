// TensorBoard's event files: TFRecords of `Event` messages (tensorflow/core/util/event.proto,
// framework/summary.proto), written by hand, since a run needs three forms of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/file.h"
#include "train/report/observer.h"

namespace lyceum {

// CRC-32C (Castagnoli, RFC 3720 B.4) as TFRecords carry it: rotated right by 15 bits, plus 0xA282EAD8.
std::uint32_t masked_crc32c(std::string_view bytes) noexcept;
// u64 length, its masked CRC, the bytes, their masked CRC; all little-endian.
std::string tf_record(std::string_view bytes);

// Events, as bytes of the message. Times are seconds since 1970.
std::string version_event(double wall_time);  // "brain.Event:2", the first of a file
// SessionLog START: what earlier files say of this step and later ones no longer counts.
std::string session_start_event(double wall_time, std::int64_t step);
std::string scalars_event(double wall_time, std::int64_t step, std::span<const NamedNumber> scalars);  // f32
std::string text_event(double wall_time, std::int64_t step, std::string_view tag, std::string_view text);

// FOLDER/events.out.tfevents.SECONDS.HOST.PID: a new one for each start of a run, since TensorBoard follows
// them in the order of their names; SECONDS is later than that of every event file in the folder. One write()
// a record: a reader waits behind one that was cut.
class EventFile {
 public:
  // What event files already in the folder say of steps behind `resume_step`, or without one of any step, is
  // declared void.
  explicit EventFile(const std::filesystem::path& folder, std::optional<std::int64_t> resume_step = {});
  const std::filesystem::path& path() const noexcept { return path_; }
  // Errc::kIo ends with a file that is whole up to the event before.
  void append(std::string_view event);

 private:
  std::filesystem::path path_;
  Descriptor descriptor_;
};

double wall_time_now();

}  // namespace lyceum
