#include "train/report/metrics.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <clocale>
#include <cmath>
#include <csignal>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "check/expect_error.h"
#include "check/temporary_folder.h"

namespace lyceum {
namespace {

using check::expect_error;
using check::TemporaryFolder;
using check::write_file;

StepReport step_report(std::int64_t step, double loss = 5.54) {
  return {.step = step,
          .loss_nats = loss,
          .learning_rate = 3e-4,
          .gradient_norm = 1.2,
          .tokens = 4096,
          .tokens_per_s = 1024};
}

std::string lines_of_steps(std::int64_t first, std::int64_t last) {
  std::string out;
  for (std::int64_t step = first; step <= last; ++step) out += MetricsLine(step_report(step)).json() + "\n";
  return out;
}

class Metrics : public testing::Test {
 protected:
  std::filesystem::path file() const { return t / kMetricsFile; }
  std::vector<MetricsPoint> series(const std::string& name) const {
    return read_metrics(t.path(), std::vector<std::string>{name}).series[name];
  }
  TemporaryFolder t;
};

TEST_F(Metrics, ALineOfAStepHasTheFieldsOfTheInterfaceInTheirOrder) {
  StepReport report = step_report(1);
  report.others = {{"accuracy", 0.5}};
  EXPECT_EQ(MetricsLine(report).json(),
            R"({"step":1,"loss_nats":5.54,"learning_rate":0.0003,"gradient_norm":1.2,"tokens":4096,)"
            R"("tokens_per_s":1024,"accuracy":0.5})");
  EXPECT_EQ(MetricsLine(ValidReport{200, 3.5, {{"valid_accuracy", 1}}}).json(),
            R"({"step":200,"valid_loss_nats":3.5,"valid_accuracy":1})");
  EXPECT_EQ(MetricsLine(TextReport{7, "sample", "a \"b\"\n\xff"}).json(),
            "{\"step\":7,\"sample\":\"a \\\"b\\\"\\n\xEF\xBF\xBD\"}");
}

TEST_F(Metrics, NumbersReadBackAsTheSameDoubleWhateverTheLocale) {
  const char* const before = std::setlocale(LC_ALL, nullptr);
  const std::string restore = before != nullptr ? before : "C";
  for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8"})
    if (std::setlocale(LC_ALL, name) != nullptr) break;
  const double values[] = {
      0.1, 1.0 / 3, 5e-324, 1.7976931348623157e308, -0.0, 0, 1e21, 123456789012345680.0, -2.5e-7};
  MetricsLog log(t.path());
  for (const double value : values) log.append(MetricsLine(1).number("value", value));
  std::setlocale(LC_ALL, restore.c_str());
  const std::vector<MetricsPoint> read = series("value");
  ASSERT_EQ(read.size(), std::size(values));
  for (std::size_t i = 0; i < read.size(); ++i)
    EXPECT_EQ(std::memcmp(&read[i].value, &values[i], sizeof(double)), 0) << values[i];
}

TEST_F(Metrics, WhatIsNoNumberIsNullAndReadsAsNaN) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::string json =
      MetricsLine(1).number("a", std::nan("")).number("b", infinity).number("c", -infinity).json();
  EXPECT_EQ(json, R"({"step":1,"a":null,"b":null,"c":null})");
  write_file(file(), json + "\n");
  EXPECT_TRUE(std::isnan(series("a").at(0).value));
}

TEST_F(Metrics, ANameThatStandsTwiceIsRefused) {
  expect_error(Errc::kUsage, "'loss_nats' stands twice",
               [] { MetricsLine(step_report(1)).number("loss_nats", 1); });
  expect_error(Errc::kUsage, "'step' stands twice", [] { MetricsLine(1).number("step", 1); });
}

TEST_F(Metrics, AResumedRunReadsAsOneRun) {
  {
    MetricsLog log(t.path());
    for (std::int64_t step = 1; step <= 7; ++step) log.append(MetricsLine(step_report(step, 10)));
    log.append(MetricsLine(ValidReport{7, 1, {}}));
  }
  write_file(file(), read_text(file()) + "{\"step\":8,\"loss_n");  // killed
  MetricsLog log(t.path(), 4);
  EXPECT_EQ(read_text(file()), [] {
    std::string kept;
    for (std::int64_t step = 1; step <= 4; ++step) kept += MetricsLine(step_report(step, 10)).json() + "\n";
    return kept;
  }());
  log.append(MetricsLine(step_report(5, 20)));
  const auto read = series("loss_nats");
  ASSERT_EQ(read.size(), 5u);
  EXPECT_EQ(read[4].value, 20);
  EXPECT_EQ(series("valid_loss_nats").size(), 0u);
}

TEST_F(Metrics, ResumingKeepsAllBytesOfAFileThatNeedsNoCut) {
  const std::string whole = lines_of_steps(1, 5);
  write_file(file(), whole);
  const auto before = std::filesystem::last_write_time(file());
  { MetricsLog log(t.path(), 5); }
  EXPECT_EQ(read_text(file()), whole);
  EXPECT_EQ(std::filesystem::last_write_time(file()), before);
  { MetricsLog log(t.path(), 0); }
  EXPECT_EQ(read_text(file()), "");
  write_file(file(), whole);
  { MetricsLog log(t.path()); }
  EXPECT_EQ(read_text(file()), "") << "a run that begins anew";
}

// Cut behind any byte, the file resumes with the lines that are whole.
TEST_F(Metrics, AKillAtAnyByteLosesAtMostTheLastLine) {
  const std::string line = MetricsLine(1).number("loss_nats", 0.5).json() + "\n", whole = line + line;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    write_file(file(), whole.substr(0, size));
    const std::size_t lines = (size + 1) / line.size();  // one that lacks its LF only is whole
    EXPECT_EQ(series("loss_nats").size(), lines) << size;
    { MetricsLog log(t.path(), 3); }
    EXPECT_EQ(read_text(file()), whole.substr(0, lines * line.size())) << size;
  }
}

TEST_F(Metrics, ASecondWriterIsRefused) {
  MetricsLog log(t.path());
  expect_error(Errc::kIo, "another run is writing to it", [&] { MetricsLog(t.path(), 3); });
  log.append(MetricsLine(step_report(1)));
  {
    TemporaryFolder other;
    write_file(other / kMetricsFile, lines_of_steps(1, 3));
    MetricsLog cut(other.path(), 2);  // holds the lock of the file that took the place of the first
    expect_error(Errc::kIo, "another run is writing to it", [&] { MetricsLog(other.path(), 2); });
  }
}

TEST_F(Metrics, AFullDiskLeavesWholeLines) {
  MetricsLog log(t.path());
  log.append(MetricsLine(step_report(1)));
  const std::string before = read_text(file());
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{before.size() + 20, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  expect_error(Errc::kIo, "write to it", [&] { log.append(MetricsLine(step_report(2))); });
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(read_text(file()), before);
  log.append(MetricsLine(step_report(2)));
  EXPECT_EQ(read_text(file()), lines_of_steps(1, 2));
}

TEST_F(Metrics, DamageIsNamedByItsLine) {
  const auto refuses = [&](const std::string& middle, const std::string& part) {
    write_file(file(), lines_of_steps(1, 2) + middle + "\n" + lines_of_steps(3, 3));
    expect_error(Errc::kFormat, part, [&] { series("loss_nats"); });
    expect_error(Errc::kFormat, part, [&] { MetricsLog(t.path(), 3); });
    EXPECT_EQ(read_text(file()), lines_of_steps(1, 2) + middle + "\n" + lines_of_steps(3, 3))
        << "nothing is lost";
  };
  refuses("{\"step\":3,\"loss", "metrics.jsonl: line 3");
  refuses("{\"loss_nats\":1}", "line 3: key 'step' is missing");
  refuses("[1]", "line 3: found [1], expected a JSON object");
  refuses("{\"step\":-1}", "line 3: 'step': found -1");
  refuses("{\"step\":1.5}", "line 3: 'step': found 1.5");
  refuses("{\"step\":1,\"a\":1,\"a\":2}", "stands twice");
  write_file(file(), "{\"step\":1,\"text\":\"" + std::string(kMetricsLineBytes, 'x') + "\"}\n");
  expect_error(Errc::kLimit, "line 1", [&] { series("loss_nats"); });
}

TEST_F(Metrics, ALineThatIsTooLongIsNotWritten) {
  MetricsLog log(t.path());
  expect_error(Errc::kLimit, "Fix: shorter texts",
               [&] { log.append(MetricsLine(1).text("sample", std::string(kMetricsLineBytes, 'x'))); });
  EXPECT_EQ(read_text(file()), "");
}

TEST_F(Metrics, TokensAndSecondsAreSumsOverTheSteps) {
  write_file(file(),
             lines_of_steps(1, 3) + "{\"step\":3,\"valid_loss_nats\":2}\r\n\n" + lines_of_steps(4, 4));
  const RunMetrics run =
      read_metrics(file(), std::vector<std::string>{"loss_nats", "valid_loss_nats", "none"});
  EXPECT_TRUE(run.has_tokens);
  EXPECT_TRUE(run.has_seconds);
  EXPECT_EQ(run.names, (std::set<std::string>{"gradient_norm", "learning_rate", "loss_nats", "tokens",
                                              "tokens_per_s", "valid_loss_nats"}));
  const auto& loss = run.series.at("loss_nats");
  ASSERT_EQ(loss.size(), 4u);
  EXPECT_EQ(loss[3].tokens, 4 * 4096);
  EXPECT_EQ(loss[3].seconds, 4 * 4);
  EXPECT_EQ(run.series.at("valid_loss_nats").at(0).tokens, 3 * 4096);
  EXPECT_EQ(run.series.size(), 2u);
}

TEST_F(Metrics, AnInterruptStopsReading) {
  write_file(file(), lines_of_steps(1, 3));
  request_interrupt();
  EXPECT_THROW(series("loss_nats"), Error);
  clear_interrupt();
  EXPECT_EQ(series("loss_nats").size(), 3u);
}

TEST_F(Metrics, TextsAreReadAndOtherValuesPassedOver) {
  const std::string bytes = R"({"step":3,"a":true,"b":[1],"c":{"d":1},"sample":"x","e":2})";
  MetricsReader reader(bytes, "input");
  MetricsRecord record;
  ASSERT_TRUE(reader.next(record));
  EXPECT_EQ(record.step, 3);
  ASSERT_EQ(record.numbers.size(), 1u);
  EXPECT_EQ(record.numbers[0].name, "e");
  EXPECT_EQ(record.texts, (std::vector<std::pair<std::string, std::string>>{{"sample", "x"}}));
  EXPECT_FALSE(reader.next(record));
}

}  // namespace
}  // namespace lyceum
