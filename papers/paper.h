// A paper whose claims can be measured here: one folder, found by the build (papers/README.md).
#pragma once

#include <span>
#include <string>
#include <vector>

namespace lyceum::papers {

class Study;

struct Paper {
  std::string name;               // of the folder
  std::string citation;           // authors, title, year, where
  std::string summary;            // what is measured, one line
  std::vector<std::string> data;  // files under DIR, each plain, .zst or .gz
  void (*reproduce)(Study&) = nullptr;
};

// Each folder defines `Paper NAME_paper()` in this namespace; the build writes the list of those there are,
// in the order of their names.
const std::vector<Paper>& papers();

// A file of a paper's folder that was there when the program was built: "bert/pretrain.toml". Errc::kInternal
// for another.
const std::string& recipe_text(const std::string& name);

}  // namespace lyceum::papers
