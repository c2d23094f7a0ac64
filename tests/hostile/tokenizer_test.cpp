// tokenizer.json and vocabularies.
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "tests/hostile/hostile.h"

namespace lyceum {
namespace {

// A good tokenizer.json for the tiny vocabulary.
Json good_tokenizer() {
  Json vocab = Json::object();
  for (std::size_t i = 0; i < check::tiny_vocabulary().size(); ++i) vocab[check::tiny_vocabulary()[i]] = i;
  return {{"version", "1.0"},
          {"added_tokens", {{{"id", 2}, {"content", "[CLS]"}, {"special", true}}}},
          {"normalizer", {{"type", "BertNormalizer"}, {"lowercase", true}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"post_processor", {{"type", "BertProcessing"}, {"cls", {"[CLS]", 2}}, {"sep", {"[SEP]", 3}}}},
          {"decoder", {{"type", "WordPiece"}}},
          {"model", {{"type", "WordPiece"}, {"unk_token", "[UNK]"}, {"vocab", vocab}}}};
}

TEST_F(Hostile, TokenizerFiles) {
  const auto edit = [](const std::function<void(Json&)>& change) {
    return [change](const fs::path& m) {
      Json json = good_tokenizer();
      change(json);
      write_file(m / "tokenizer.json", json.dump());
      // the reference reads the pipeline of a BertTokenizer from elsewhere; the general class takes it from
      // the file
      write_file(m / "tokenizer_config.json", R"({"tokenizer_class":"PreTrainedTokenizerFast"})");
    };
  };
  const auto text = [](const std::string& content) {
    return [=](const fs::path& m) { write_file(m / "tokenizer.json", content); };
  };
  const Words file{"tokenizer.json"};
  const fs::path good = model();
  edit([](Json&) {})(good);
  EXPECT_EQ(run({"embed", good.string(), "the cat"}).status, 0) << "the file that the cases spoil is good";
  Json nested = {{"type", "Lowercase"}};
  for (int i = 0; i < 100; ++i) nested = {{"type", "Sequence"}, {"normalizers", {nested}}};
  Json doubling = {{"type", "Sequence"}, {"normalizers", Json::array()}};  // 10^40 characters of one
  for (int i = 0; i < 40; ++i)
    doubling["normalizers"].push_back(
        {{"type", "Replace"}, {"pattern", {{"String", "c"}}}, {"content", "cccccccccc"}});
  const Json sequence_a = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  expect_all_refused({
      {"empty", text(""), 1, file},
      {"not JSON", text("tokens"), 1, file},
      {"a list", text("[]"), 1, file},
      {"no model", text("{}"), 1, {"tokenizer.json", "model"}},
      {"nesting bomb", text("{\"model\":" + std::string(1 << 22, '[')), 1, {"tokenizer.json", "nested"}},
      {"not UTF-8", text("{\"model\":\"\xC3\"}"), 1, file},
      {"a key twice",
       text(R"({"model":{"type":"WordPiece","vocab":{"a":0,"a":1}}})"),
       1,
       {"tokenizer.json", "\"a\""}},
      {"an unknown model",
       edit([](Json& t) { t["model"]["type"] = "Unigram"; }),
       3,
       {"tokenizer.json", "Unigram"}},
      {"no vocabulary", edit([](Json& t) { t["model"].erase("vocab"); }), 1, {"tokenizer.json", "vocab"}},
      {"an empty vocabulary",
       edit([](Json& t) { t["model"]["vocab"] = Json::object(); }),
       1,
       {"tokenizer.json", "unk_token"}},
      {"a vocabulary that is a list",
       edit([](Json& t) {
         t["model"]["vocab"] = {"a", "b"};
       }),
       1,
       {"tokenizer.json", "vocab"}},
      {"a negative id", edit([](Json& t) { t["model"]["vocab"]["cat"] = -1; }), 1, {"tokenizer.json", "cat"}},
      {"an id beyond 32 bits",
       edit([](Json& t) { t["model"]["vocab"]["cat"] = 4294967296 + 7; }),
       1,
       {"tokenizer.json", "cat"}},
      {"an id beyond 64 bits",
       edit([](Json& t) { t["model"]["vocab"]["cat"] = 1e30; }),
       1,
       {"tokenizer.json", "cat"}},
      {"a fractional id",
       edit([](Json& t) { t["model"]["vocab"]["cat"] = 7.5; }),
       1,
       {"tokenizer.json", "cat"}},
      {"an id that is a text",
       edit([](Json& t) { t["model"]["vocab"]["cat"] = "7"; }),
       1,
       {"tokenizer.json", "cat"}},
      {"a sparse id",
       edit([](Json& t) { t["model"]["vocab"]["cat"] = (1 << 24) - 1; }),
       1,
       {"tokenizer.json", "16777215"}},
      {"one id twice",
       edit([](Json& t) { t["model"]["vocab"]["cat"] = 8; }),
       1,
       {"tokenizer.json", "cat", "dog"}},
      {"ids beyond the model", edit([](Json& t) { t["model"]["vocab"]["cat"] = 500; }), 1, {"501", "24"}},
      {"no unknown token",
       edit([](Json& t) { t["model"]["unk_token"] = "<none>"; }),
       1,
       {"tokenizer.json", "unk_token", "<none>"}},
      {"long words",
       edit([](Json& t) { t["model"]["max_input_chars_per_word"] = 1e18; }),
       1,
       {"tokenizer.json", "max_input_chars_per_word"}},
      {"a negative added id",
       edit([](Json& t) { t["added_tokens"][0]["id"] = -5; }),
       1,
       {"tokenizer.json", "added_tokens", "id"}},
      {"a huge added id",
       edit([](Json& t) { t["added_tokens"][0]["id"] = 2147483648; }),
       1,
       {"tokenizer.json", "added_tokens", "id"}},
      {"added tokens that are none",
       edit([](Json& t) {
         t["added_tokens"] = {1, 2};
       }),
       1,
       {"tokenizer.json", "added_tokens"}},
      {"an unknown normalizer",
       edit([](Json& t) { t["normalizer"]["type"] = "Nonsense"; }),
       3,
       {"tokenizer.json", "Nonsense"}},
      {"normalizers in each other",
       edit([&](Json& t) { t["normalizer"] = nested; }),
       1,
       {"tokenizer.json", "nested"}},
      {"normalizers that double",
       edit([&](Json& t) { t["normalizer"] = doubling; }),
       1,
       {"tokenizer", "characters"}},
      {"an untranslated pattern in a normalizer",
       edit([](Json& t) {
         t["normalizer"] = {{"type", "Replace"}, {"pattern", {{"Regex", "(?x:a)"}}}, {"content", ""}};
       }),
       3,
       {"tokenizer.json", "pattern"}},
      {"an untranslated pattern in a splitter",
       edit([](Json& t) {
         t["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"Regex", "\\X"}}}, {"behavior", "Isolated"}};
       }),
       3,
       {"tokenizer.json", "pattern"}},
      {"a delimiter of two characters",
       edit([](Json& t) {
         t["pre_tokenizer"] = {{"type", "CharDelimiterSplit"}, {"delimiter", "ab"}};
       }),
       1,
       {"tokenizer.json", "delimiter"}},
      {"an unknown splitter",
       edit([](Json& t) { t["pre_tokenizer"]["type"] = "Nonsense"; }),
       3,
       {"tokenizer.json", "Nonsense"}},
      {"an unknown post-processor",
       edit([](Json& t) { t["post_processor"]["type"] = "Nonsense"; }),
       3,
       {"tokenizer.json", "Nonsense"}},
      {"a special token that is none",
       edit([](Json& t) {
         t["post_processor"]["cls"] = {"[CLS]", 2000};
       }),
       1,
       {"tokenizer.json", "2000"}},
      {"a special token without id",
       edit([](Json& t) { t["post_processor"]["cls"] = "[CLS]"; }),
       1,
       {"tokenizer.json", "cls"}},
      {"a template with the text a million times",
       edit([&](Json& t) {
         t["post_processor"] = {{"type", "TemplateProcessing"},
                                {"single", Json(200'000, sequence_a)},
                                {"pair", Json::array()},
                                {"special_tokens", Json::object()}};
       }),
       3,
       {"tokenizer.json", "single"}},
      {"a template with more special tokens than fit",
       edit([&](Json& t) {
         t["post_processor"] = {{"type", "TemplateProcessing"},
                                {"single", Json(1000, {{"SpecialToken", {{"id", "[CLS]"}, {"type_id", 0}}}})},
                                {"pair", Json::array()},
                                {"special_tokens", {{"[CLS]", {{"id", "[CLS]"}, {"ids", {2}}}}}}};
       }),
       1,
       {"1000", "16"}},
      {"a template with a type that the model lacks",
       edit([&](Json& t) {
         t["post_processor"] = {{"type", "TemplateProcessing"},
                                {"single", {{{"Sequence", {{"id", "A"}, {"type_id", 9}}}}}},
                                {"pair", Json::array()},
                                {"special_tokens", Json::object()}};
       }),
       1,
       {"token_type_id", "9"}},
      {"a template with an unknown token",
       edit([&](Json& t) {
         t["post_processor"] = {{"type", "TemplateProcessing"},
                                {"single", {{{"SpecialToken", {{"id", "[NONE]"}}}}}},
                                {"pair", Json::array()},
                                {"special_tokens", Json::object()}};
       }),
       1,
       {"tokenizer.json", "[NONE]"}},
      {"an unknown decoder",
       edit([](Json& t) { t["decoder"]["type"] = "Nonsense"; }),
       3,
       {"tokenizer.json", "Nonsense"}},
      {"a folder",
       [](const fs::path& m) { fs::create_directory(m / "tokenizer.json"); },
       1,
       {"tokenizer.json", "folder"}},
      {"a pipe",
       [](const fs::path& m) { ::mkfifo((m / "tokenizer.json").c_str(), 0644); },
       1,
       {"tokenizer.json", "pipe"}},
      {"a device",
       [](const fs::path& m) { fs::create_symlink("/dev/zero", m / "tokenizer.json"); },
       1,
       {"tokenizer.json", "/dev/zero"}},
  });
}

TEST_F(Hostile, VocabularyFiles) {
  const auto vocabulary = [](const std::string& content) {
    return [=](const fs::path& m) { write_file(m / "vocab.txt", content); };
  };
  const auto config = [](const std::string& content) {
    return [=](const fs::path& m) { write_file(m / "tokenizer_config.json", content); };
  };
  std::string many = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (int i = 0; i < 200'000; ++i) many += "w" + std::to_string(i) + "\n";
  expect_all_refused({
      {"empty", vocabulary(""), 1, {"vocab.txt"}},
      {"blank lines", vocabulary("\n\n\n"), 1, {"vocab.txt"}},
      {"one word", vocabulary("the\n"), 1, {"vocab.txt", "[UNK]"}},
      {"no separator", vocabulary("[UNK]\n[CLS]\n"), 1, {"vocab.txt", "[SEP]"}},
      {"not UTF-8", vocabulary("[UNK]\n[CLS]\n[SEP]\n\xFF\xFE\n"), 1, {"vocab.txt", "UTF-8"}},
      {"more words than the model has", vocabulary(many), 1, {"200005", "24"}},
      {"binary", vocabulary(std::string(100'000, '\0')), 1, {"vocab.txt"}},
      {"configuration is not JSON", config("do_lower_case"), 1, {"tokenizer_config.json"}},
      {"configuration is a list", config("[1]"), 1, {"tokenizer_config.json"}},
      {"a flag that is a text",
       config(R"({"do_lower_case":"yes"})"),
       1,
       {"tokenizer_config.json", "do_lower_case"}},
      {"a token that is a number", config(R"({"unk_token":1})"), 1, {"tokenizer_config.json", "unk_token"}},
      {"a token without content", config(R"({"cls_token":{}})"), 1, {"tokenizer_config.json", "cls_token"}},
      {"a token that is missing",
       config(R"({"mask_token":"[M]","unk_token":"<unk>"})"),
       1,
       {"vocab.txt", "<unk>"}},
      {"nesting bomb", config(std::string(1 << 20, '[')), 1, {"tokenizer_config.json", "nested"}},
      {"missing", [](const fs::path& m) { fs::remove(m / "vocab.txt"); }, 1, {"vocab.txt"}},
      {"a folder",
       [](const fs::path& m) { fs::remove(m / "vocab.txt"), fs::create_directory(m / "vocab.txt"); },
       1,
       {"vocab.txt", "folder"}},
      {"a pipe",
       [](const fs::path& m) { fs::remove(m / "vocab.txt"), ::mkfifo((m / "vocab.txt").c_str(), 0644); },
       1,
       {"vocab.txt", "pipe"}},
  });
}

}  // namespace
}  // namespace lyceum
