#include "tests/hostile/hostile.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.h"

namespace lyceum {
namespace {

constexpr double kSeconds = 10;
constexpr std::uint64_t kAddressBytes = std::uint64_t{2}
                                        << 30;  // a good run of the tiny model maps less than half of it

}  // namespace

RunResult Hostile::run(const Words& arguments, const std::string& input, bool as_nobody) const {
  return check::run_command(
      LYCEUM_COMMAND, arguments,
      {.input = input, .seconds = kSeconds, .address_bytes = kAddressBytes, .as_nobody = as_nobody});
}

void Hostile::expect_refused(const RunResult& r, int status, const Words& says) {
  EXPECT_FALSE(r.timed_out);
  EXPECT_EQ(r.signal, 0);
  EXPECT_EQ(r.status, status);
  EXPECT_TRUE(r.err.starts_with("lyceum: ")) << "the message begins with the program's name";
  EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), 1) << "the message is one line";
  EXPECT_LT(r.err.size(), 2000u) << "the message can be read";
  EXPECT_EQ(r.err.find("json.exception"), std::string::npos) << "the message is ours";
  for (const std::string& part : says)
    EXPECT_NE(r.err.find(part), std::string::npos) << "the message names " << part;
  if (::testing::Test::HasFailure()) ADD_FAILURE() << r.text();
}

void Hostile::expect_all_refused(const std::vector<Case>& cases, const TinyBertOptions& options) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const fs::path path = model(options);
    c.spoil(path);
    expect_refused(run({"embed", path.string(), "the cat"}), c.status, c.says);
    fs::remove_all(path);
    if (HasFailure()) return;
  }
}

void put(const fs::path& file, const std::string& key, const std::string& raw) {
  Json json = Json::parse(read_text(file));
  json[key] = "@@";
  std::string text = json.dump(1);
  text.replace(text.find("\"@@\""), 4, raw);
  write_file(file, text);
}

std::string repeated(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

}  // namespace lyceum
