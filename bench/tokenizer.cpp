// The tokenizer alone: MB/s over the paragraphs of a text file, ids only and with offsets. One JSON object a line.
//   tokenizer MODEL_FOLDER TEXT [--threads N] [--repeats N]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/parallel.h"
#include "formats/model_folder.h"
#include "text/tokenizer.h"

int main(int argc, char** argv) try {
  using namespace lyceum;
  using Clock = std::chrono::steady_clock;
  if (argc < 3) return std::fprintf(stderr, "usage: tokenizer MODEL_FOLDER TEXT [--threads N] [--repeats N]\n"), 2;
  int repeats = 7;
  for (int i = 3; i + 1 < argc; i += 2) {
    if (!std::strcmp(argv[i], "--threads")) set_thread_count(std::atoi(argv[i + 1]));
    if (!std::strcmp(argv[i], "--repeats")) repeats = std::atoi(argv[i + 1]);
  }
  const auto tokenizer = Tokenizer::from_folder(ModelFolder::find(argv[1]));
  const std::string text = read_text(argv[2]);
  std::vector<std::string_view> paragraphs;
  std::size_t bytes = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find("\n\n", begin), text.size());
    if (end > begin) paragraphs.push_back(std::string_view(text).substr(begin, end - begin)), bytes += end - begin;
    begin = end + 2;
  }
  for (const bool offsets : {false, true}) {
    const auto run = [&] { return tokenizer->encode_batch(paragraphs, {.add_special = false, .with_offsets = offsets}).size(); };
    run();
    std::vector<double> rates;
    for (int r = 0; r < repeats; ++r) {
      const auto begin = Clock::now();
      run();
      rates.push_back(static_cast<double>(bytes) * 1e-6 / std::chrono::duration<double>(Clock::now() - begin).count());
    }
    std::sort(rates.begin(), rates.end());
    std::printf("{\"case\":\"%s\",\"unit\":\"MB/s\",\"median\":%.3f,\"min\":%.3f,\"max\":%.3f,\"repeats\":%d,\"threads\":%d}\n",
                offsets ? "with offsets" : "ids only", rates[rates.size() / 2], rates.front(), rates.back(), repeats, thread_count());
  }
} catch (const lyceum::Error& error) {
  return std::fprintf(stderr, "tokenizer: %s\n", error.what()), 1;
}
