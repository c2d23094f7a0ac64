#include "train/report/tensorboard.h"

#include <gtest/gtest.h>

#include <limits>

#include "check/temporary_folder.h"
#include "train/report/run_files.h"

namespace lyceum {
namespace {

using check::TemporaryFolder;
using check::write_file;

std::uint32_t unmasked(std::uint32_t crc) {
  crc -= 0xA282EAD8u;
  return crc << 15 | crc >> 17;
}

// The vectors of RFC 3720, B.4, and the check value of the catalogue of CRCs.
TEST(TensorBoard, Crc32cOfKnownVectors) {
  std::string up, down;
  for (int i = 0; i < 32; ++i) up += static_cast<char>(i), down += static_cast<char>(31 - i);
  EXPECT_EQ(unmasked(masked_crc32c(std::string(32, '\0'))), 0x8A9136AAu);
  EXPECT_EQ(unmasked(masked_crc32c(std::string(32, '\xff'))), 0x62A8AB43u);
  EXPECT_EQ(unmasked(masked_crc32c(up)), 0x46DD794Eu);
  EXPECT_EQ(unmasked(masked_crc32c(down)), 0x113FDB5Cu);
  EXPECT_EQ(unmasked(masked_crc32c("123456789")), 0xE3069283u);
  EXPECT_EQ(unmasked(masked_crc32c("")), 0u);
}

TEST(TensorBoard, BytesAreThoseOfItsOwnWriter) {
  const NamedNumber scalars[] = {{"loss_nats", 5.54},
                                 {"learning_rate", 3e-4},
                                 {"gradient_norm", std::numeric_limits<double>::infinity()},
                                 {"tokens_per_s", 0}};
  EXPECT_EQ(
      tf_record(version_event(1700000000.25)) + tf_record(session_start_event(1700000001.5, 301)) +
          tf_record(scalars_event(1700000002, 1, scalars)) +
          tf_record(text_event(1700000003, std::int64_t{1} << 40, "sample", "Once upon a na\u00efve time")),
      read_text(LYCEUM_SOURCE_DIR "/src/train/report/golden/events.bin"));
}

// An event file taken apart, its sums checked.
std::vector<std::string> records_of(const std::filesystem::path& path) {
  const std::string bytes = read_text(path);
  std::vector<std::string> out;
  const auto number = [&](std::size_t at, int size) {
    std::uint64_t value = 0;
    for (int i = size; i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(bytes.at(at + static_cast<std::size_t>(i)));
    return value;
  };
  for (std::size_t at = 0; at < bytes.size();) {
    const auto size = static_cast<std::size_t>(number(at, 8));
    EXPECT_EQ(number(at + 8, 4), masked_crc32c(std::string_view(bytes).substr(at, 8)));
    out.push_back(bytes.substr(at + 12, size));
    EXPECT_EQ(number(at + 12 + size, 4), masked_crc32c(out.back()));
    at += 16 + size;
  }
  return out;
}

std::vector<std::filesystem::path> event_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(TensorBoard, AResumedRunHasANewFileThatDeclaresLaterStepsVoid) {
  TemporaryFolder t;
  {
    RunFiles files(t.path());
    files.on_step({.step = 1, .loss_nats = 5});
    files.on_valid({.step = 1, .loss_nats = 4});
    files.on_text({.step = 1, .name = "sample", .text = "once"});
  }
  { RunFiles files(t.path(), 1); }
  { RunFiles files(t.path()); }
  const auto files = event_files(t.path());
  ASSERT_EQ(files.size(), 3u) << "also within one second";
  const auto first = records_of(files[0]), second = records_of(files[1]), third = records_of(files[2]);
  ASSERT_EQ(first.size(), 4u);
  EXPECT_TRUE(has(first[0], "brain.Event:2"));
  EXPECT_TRUE(has(first[1], "loss_nats") && has(first[1], "tokens_per_s"));
  EXPECT_TRUE(has(first[2], "valid_loss_nats"));
  EXPECT_TRUE(has(first[3], "once"));
  const auto tail = [](const std::string& event) { return event.substr(9); };  // behind the time
  ASSERT_EQ(second.size(), 2u);
  EXPECT_EQ(tail(second[1]), tail(session_start_event(0, 2)));
  ASSERT_EQ(third.size(), 2u);
  EXPECT_EQ(tail(third[1]), tail(session_start_event(0, 0))) << "a run that begins anew";
}

TEST(TensorBoard, ANewFileStandsBehindAllOthersByItsName) {
  TemporaryFolder t;
  for (const char* name : {"events.out.tfevents.4000000000.host.1", "events.out.tfevents.x",
                           "events.out.tfevents.99999999999999999999", "events.out.tfevents.9999999999.host"})
    write_file(t / name, "");
  const EventFile file(t.path());
  EXPECT_TRUE(file.path().filename().string().starts_with("events.out.tfevents.4000000001."));
  EXPECT_EQ(records_of(file.path()).size(), 2u);
}

TEST(TensorBoard, TextsThatAreNotUtf8AreRepaired) {
  EXPECT_EQ(text_event(0, 1, "a\xff", "b\xff"), text_event(0, 1, "a\uFFFD", "b\uFFFD"));
  const NamedNumber bad[] = {{"a\xff", 1}}, good[] = {{"a\uFFFD", 1}};
  EXPECT_EQ(scalars_event(0, 1, bad), scalars_event(0, 1, good));
}

}  // namespace
}  // namespace lyceum
