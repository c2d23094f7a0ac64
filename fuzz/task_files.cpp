// A file of evaluation data, plain or compressed: the first byte says what it is read as.
#include <filesystem>

#include "base/json.h"
#include "check/temporary_folder.h"
#include "formats/data_file.h"
#include "fuzz/fuzz.h"
#include "tasks/evaluate/task_records.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  if (size == 0) return 0;
  static const check::TemporaryFolder folder;
  const std::filesystem::path file = folder / "data";
  check::write_file(file, std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  switch (data[0] % 5) {
    case 0:
      fuzz::answer([&] {
        DataLines lines(file, {.line_bytes = 1 << 16, .total_bytes = 1 << 22});
        std::string line;
        for (std::int64_t n = 1; lines.next(line); ++n) {
          fuzz::require(line.size() <= (1 << 16), "a line is within its limit");
          fuzz::require(line.find('\n') == std::string::npos, "a line has no line feed");
          fuzz::require(lines.number() == n, "lines are counted");
        }
      });
      break;
    case 1:
      fuzz::answer([&] {
        for_each_record(file, [](const JsonFields& record) {
          fuzz::answer([&] { pair_score(record); });
          fuzz::answer([&] { label_text(record); });
          fuzz::answer([&] { document_id(record); });
          fuzz::answer([&] { titled_text(record); });
          fuzz::answer([&] { binary_label(record); });
          fuzz::answer([&] {
            const LabelledWords words = labelled_words(record);
            fuzz::require(words.words.size() == words.labels.size(), "every word has a label");
          });
        });
      });
      break;
    case 2:
      fuzz::answer([&] {
        for (const Judgement& j : read_judgements(file))
          fuzz::require(j.line > 0, "a judgement knows its line");
      });
      break;
    case 3:
      fuzz::answer([&] {
        for (const Candidates& c : read_candidates(file))
          fuzz::require(c.passages.size() == c.is_relevant.size(), "every passage is judged");
      });
      break;
    default:
      fuzz::answer([&] { read_questions(file); });
      fuzz::answer([&] {
        const std::filesystem::path squad = folder / "data.json";
        check::write_file(squad, std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
        read_questions(squad);
      });
  }
  return 0;
}
