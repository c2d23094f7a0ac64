#include "train/report/metrics.h"

#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  fuzz::answer([&] {
    MetricsReader reader(fuzz::text_of(data, size), "input");
    for (MetricsRecord record; reader.next(record);) {
      fuzz::require(record.step >= 0, "steps are counted");
      MetricsLine line(record.step);
      for (const NamedNumber& number : record.numbers) line.number(number.name, number.value);
      for (const auto& [name, text] : record.texts) line.text(name, text);
      const std::string json = line.json();
      MetricsReader again(json, "what was written");
      MetricsRecord read;
      fuzz::require(
          again.next(read) && read.numbers.size() == record.numbers.size() && read.texts == record.texts,
          "what was read is written and read back");
    }
  });
  return 0;
}
