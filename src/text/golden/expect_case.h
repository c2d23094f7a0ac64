// What the tests of tokenizers share: one case of a golden, and folders made for a test.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "formats/model_folder.h"
#include "text/tokenizer.h"

namespace lyceum::check {

// Ids, types, places and decoded text as the reference has them, and the plain road's ids and places as the
// fast one's.
inline void expect_case(const Tokenizer& t, const Json& c) {
  SCOPED_TRACE(c.dump().substr(0, 120));
  EncodeOptions o{
      .add_special = c.value("special", true), .with_offsets = true, .max_tokens = c.value("limit", 0)};
  const std::string strategy = c.value("strategy", "longest_first"), text = c["text"];
  if (strategy == "only_first") o.truncation = Truncation::kOnlyFirst;
  if (strategy == "only_second") o.truncation = Truncation::kOnlySecond;
  const bool is_pair = c.contains("pair");
  const Encoding e = is_pair ? t.encode_pair(text, c["pair"].get<std::string>(), o) : t.encode(text, o);
  EXPECT_EQ(e.ids, c["ids"].get<std::vector<std::int32_t>>());
  EXPECT_EQ(e.type_ids, c["types"].get<std::vector<std::int32_t>>());
  std::vector<std::uint32_t> offsets;
  for (const TokenSpan& s : e.offsets) offsets.insert(offsets.end(), {s.begin, s.end});
  EXPECT_EQ(offsets, c["offsets"].get<std::vector<std::uint32_t>>());
  EXPECT_EQ(t.decode(e.ids, o.max_tokens == 0 && o.add_special), c["decoded"].get<std::string>());
  if (is_pair) return;
  const Encoding plain = t.encode_plainly(text, o);
  EXPECT_EQ(plain.ids, e.ids);
  EXPECT_EQ(plain.offsets, e.offsets);
}

class Folder {
 public:
  explicit Folder(const std::vector<std::pair<std::string, std::string>>& files) {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("lyceum_tokenizer_test_" + std::to_string(::getpid()) + "_" + std::to_string(count++));
    std::filesystem::create_directories(path_);
    for (const auto& [name, text] : files) std::ofstream(path_ / name, std::ios::binary) << text;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::shared_ptr<const Tokenizer> tokenizer() const {
    return Tokenizer::from_folder(ModelFolder::find(path_.string()));
  }

 private:
  std::filesystem::path path_;
};

}  // namespace lyceum::check
