// Bad files through the command itself. Whatever the file holds, the command ends by itself, soon, within a
// bounded memory, with status 1 to 3 and one line on standard error that names the file and the place in it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "check/run_command.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"

namespace lyceum {

using check::RunResult;
using check::TinyBertOptions;
using check::write_file;
using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;
namespace fs = std::filesystem;

// A tensor that every model of the cases has.
inline const std::string kWord = "embeddings.word_embeddings.weight";

class Hostile : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("HF_HUB_CACHE", (folder / "no-cache").c_str(),
             1);  // nothing of this machine is found by accident
    ::setenv("LYCEUM_HOME", (folder / "no-home").c_str(), 1);
  }

  RunResult run(const Words& arguments, const std::string& input = "", bool as_nobody = false) const;
  // The promise of every test here; `says` must all stand in the message.
  static void expect_refused(const RunResult& r, int status, const Words& says);

  // A model of its own for each case, good until the case breaks it.
  fs::path model(const TinyBertOptions& options = {}) {
    const fs::path path = folder / ("model-" + std::to_string(++models_));
    check::write_tiny_bert(path, options);
    return path;
  }
  struct Case {
    std::string name;
    std::function<void(const fs::path& model)> spoil;
    int status;
    Words says;
  };
  void expect_all_refused(const std::vector<Case>& cases, const TinyBertOptions& options = {});

  check::TemporaryFolder folder;

 private:
  int models_ = 0;
};

// A key of a JSON object set to a text that need not be JSON.
void put(const fs::path& file, const std::string& key, const std::string& raw);

std::string repeated(const std::string& text, int count);

}  // namespace lyceum
