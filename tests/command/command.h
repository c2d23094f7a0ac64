// The conventions of the command line, on the program itself.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "check/run_command.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"

namespace lyceum {

namespace fs = std::filesystem;
using check::RunResult;
using check::TemporaryFolder;
using check::write_file;
using check::write_tiny_bert;
using nlohmann::json;

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::string> lines_of(const std::string& text);

class Command : public testing::Test {
 protected:
  Command() { write_tiny_bert(t / "model", {.sentence = true}); }

  RunResult run(const std::vector<std::string>& arguments, const std::string& input = "") const;
  // A line of bash: $lyceum the program, $m the model's folder, the working directory a folder of the test's
  // own.
  RunResult shell(const std::string& script, const std::string& input = "") const;
  std::string model() const { return (t / "model").string(); }
  // One JSON object a line and nothing else on standard output.
  static std::vector<json> objects(const RunResult& r);
  static void expect_failure(const RunResult& r, int status, const std::string& part);
  TemporaryFolder t;
};

}  // namespace lyceum
