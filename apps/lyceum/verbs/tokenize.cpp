#include <charconv>
#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "apps/lyceum/blocks.h"
#include "base/error.h"
#include "formats/model_folder.h"
#include "text/tokenizer.h"

namespace lyceum::app {
namespace {

struct TokenizeOptions {
  std::string model;
  InputOptions input;
  bool no_special = false, pairs = false;
  std::int64_t max_tokens = 0;
};

void print_encoding(const Tokenizer& tokenizer, const Encoding& e, bool json) {
  if (json) {
    std::vector<std::string> tokens;
    std::vector<std::array<std::uint32_t, 2>> offsets;
    for (std::size_t i = 0; i < e.ids.size(); ++i) {
      tokens.push_back(*tokenizer.token(e.ids[i]));
      offsets.push_back({e.offsets[i].begin, e.offsets[i].end});
    }
    nlohmann::ordered_json object{{"ids", e.ids}, {"tokens", tokens}, {"offsets", offsets}};
    if (e.truncated) object["truncated"] = true;
    print_json(object);
    return;
  }
  std::string line;
  for (const std::int32_t id : e.ids)
    line += (line.empty() ? "" : " ") + *tokenizer.token(id) + fmt::format("({})", id);
  print_line(line);
}

void tokenize(const TokenizeOptions& o, const Common& common) {
  apply(common);
  const auto tokenizer = Tokenizer::from_folder(find_model(o.model, common));
  LineReader reader(o.input, common);
  reader.keep_bytes();  // offsets are those of the original line
  const EncodeOptions options{.add_special = !o.no_special, .with_offsets = true, .max_tokens = o.max_tokens};
  if (o.pairs) {
    in_blocks<TextPair>("tokenize", reader, common, 0, [&](std::span<const TextPair> pairs) {
      for (const auto& [first, second] : pairs)
        print_encoding(*tokenizer, tokenizer->encode_pair(first, second, options), common.json);
    });
  } else {
    in_blocks<std::string>("tokenize", reader, common, 0, [&](std::span<const std::string> lines) {
      const std::vector<std::string_view> views(lines.begin(), lines.end());
      for (const Encoding& e : tokenizer->encode_batch(views, options))
        print_encoding(*tokenizer, e, common.json);
    });
  }
  reader.report();
}

struct DetokenizeOptions {
  std::string model;
  InputOptions input;
  bool keep_special = false;
};

void detokenize(const DetokenizeOptions& o, const Common& common) {
  apply(common);
  const auto tokenizer = Tokenizer::from_folder(find_model(o.model, common));
  InputOptions input = o.input;
  // ids given as arguments are one text
  if (input.texts.size() > 1) {
    std::string joined;
    for (const std::string& id : input.texts) joined += id + " ";
    input.texts = {joined};
  }
  LineReader reader(input, common);
  std::string line;
  while (reader.next(line)) {
    std::vector<std::int32_t> ids;
    for (std::size_t i = 0; i < line.size();) {
      if (std::string_view(" ,\t[]").find(line[i]) != std::string_view::npos) {
        ++i;
        continue;
      }
      std::int32_t id = 0;
      const auto [end, error] = std::from_chars(line.data() + i, line.data() + line.size(), id);
      if (error != std::errc())
        fail(Errc::kData, "line {}: found '{}', expected token ids", reader.lines(), line.substr(i, 20));
      ids.push_back(id);
      i = static_cast<std::size_t>(end - line.data());
    }
    const std::string text = tokenizer->decode(ids, !o.keep_special);
    if (common.json) {
      print_json({{"text", text}});
    } else {
      print_line(text);
    }
  }
  reader.report();
}

}  // namespace

void add_tokenize(CLI::App& app) {
  auto o = std::make_shared<TokenizeOptions>();
  Verb verb(app, "tokenize", "Ids, pieces and byte offsets");
  auto common =
      add_common(verb, "lyceum tokenize bert-base-uncased \"Paris is the capital of France.\" --json");
  add_model(verb, "model", o->model, "A folder with a tokenizer, or a name", common).required();
  add_input(verb, o->input, "Texts");
  verb.flag("--no-special", o->no_special, "Without the special tokens around a text");
  o->input.second_field = "text_pair";
  add_pairs(verb, o->input, o->pairs, "--pair-field");
  verb.option("--max-tokens", o->max_tokens, "Cut to so many tokens").range(1, 1 << 30);
  verb.run([o, common] { tokenize(*o, *common); });
}

void add_detokenize(CLI::App& app) {
  auto o = std::make_shared<DetokenizeOptions>();
  Verb verb(app, "detokenize", "Text from ids");
  auto common = add_common(verb, "lyceum detokenize bert-base-uncased 101 3000 2003 102");
  add_model(verb, "model", o->model, "A folder with a tokenizer, or a name", common).required();
  add_input(verb, o->input, "Ids");
  verb.flag("--keep-special", o->keep_special, "Show special tokens too");
  verb.run([o, common] { detokenize(*o, *common); });
}

}  // namespace lyceum::app
