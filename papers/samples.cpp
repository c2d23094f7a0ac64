#include "papers/samples.h"

#include <algorithm>
#include <fstream>
#include <random>
#include <string_view>
#include <vector>

#include "lyceum/data_lines.h"
#include "lyceum/error.h"

namespace lyceum::papers {
namespace {

void write_lines(const std::string& to, const std::vector<std::string>& lines) {
  std::ofstream out(to, std::ios::binary);
  for (const std::string& line : lines) out << line << '\n';
  out.flush();
  if (!out) throw Error(Errc::kIo, to + ": cannot be written");
}

}  // namespace

void write_sample(const std::string& from, const std::string& to, std::int64_t count, std::uint64_t seed,
                  const std::function<bool(const std::string& line)>& wanted) {
  std::vector<std::string> lines = data_lines(from);
  std::erase_if(lines, [&](const std::string& line) { return line.empty() || (wanted && !wanted(line)); });
  if (lines.empty()) throw Error(Errc::kData, from + ": found no line to draw from");
  // Fisher and Yates, by hand: std::shuffle is another one in every library.
  std::mt19937_64 random(seed);
  const std::size_t drawn = std::min(lines.size(), static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < drawn; ++i) std::swap(lines[i], lines[i + random() % (lines.size() - i)]);
  lines.resize(drawn);
  write_lines(to, lines);
}

void write_passages(const std::string& from, const std::string& to, std::int64_t bytes) {
  constexpr std::size_t kPassage = 2000;
  std::vector<std::string> passages;
  std::string passage;
  std::size_t all = 0;
  const auto end_passage = [&] {
    if (!passage.empty()) all += passage.size(), passages.push_back(std::move(passage));
    passage.clear();
  };
  for (std::string& line : data_lines(from)) {
    const bool ends_book = line.ends_with('\f');
    if (ends_book) line.pop_back();
    if (!line.empty()) passage += line + "\n";
    if (ends_book || passage.size() >= kPassage) end_passage();
  }
  end_passage();
  if (passages.empty()) throw Error(Errc::kData, from + ": found no text");
  const double share = std::min(1.0, static_cast<double>(bytes) / static_cast<double>(all));
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < passages.size(); ++i)
    if (static_cast<std::size_t>(static_cast<double>(i + 1) * share) >
        static_cast<std::size_t>(static_cast<double>(i) * share))
      kept.push_back(passages[i] + "\f");
  write_lines(to, kept.empty() ? std::vector<std::string>{passages[0] + "\f"} : kept);
}

void write_reviews(const std::string& from, const std::string& to) {
  constexpr std::string_view kBreak = "<br />";
  std::vector<std::string> reviews;
  for (const std::string& line : data_lines(from)) {
    std::string review;
    for (std::size_t begin = 0; begin < line.size();) {
      const std::size_t end = std::min(line.find(kBreak, begin), line.size());
      if (end > begin) review += line.substr(begin, end - begin) + "\n";
      begin = end + kBreak.size();
    }
    if (!review.empty()) reviews.push_back(review + "\f");
  }
  if (reviews.empty()) throw Error(Errc::kData, from + ": found no text");
  write_lines(to, reviews);
}

}  // namespace lyceum::papers
