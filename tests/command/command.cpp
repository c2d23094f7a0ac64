#include "tests/command/command.h"

#include <sstream>

namespace lyceum {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

RunResult Command::run(const std::vector<std::string>& arguments, const std::string& input) const {
  return check::run_command(LYCEUM_COMMAND, arguments, {.input = input});
}

RunResult Command::shell(const std::string& script, const std::string& input) const {
  const std::string all =
      "set -u; lyceum='" LYCEUM_COMMAND "'; cd '" + t.path().string() + "'; m=model; " + script;
  return check::run_command("/bin/bash", {"-c", all}, {.input = input});
}

std::vector<json> Command::objects(const RunResult& r) {
  EXPECT_EQ(r.status, 0) << r.text();
  std::vector<json> out;
  for (const std::string& line : lines_of(r.out)) {
    out.push_back(json::parse(line, nullptr, false));
    EXPECT_TRUE(out.back().is_object()) << "not a JSON object: " << line;
  }
  return out;
}

void Command::expect_failure(const RunResult& r, int status, const std::string& part) {
  EXPECT_EQ(r.status, status) << r.text();
  EXPECT_EQ(r.out, "") << "messages belong on standard error";
  EXPECT_TRUE(contains(r.err, part)) << "expected '" << part << "'\n" << r.text();
}

}  // namespace lyceum
