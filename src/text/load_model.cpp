#include "text/load_model.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"

namespace lyceum {
namespace {

// White space at the end, as the reference's reader knows it.
void trim_end(std::string& token) {
  while (!token.empty()) {
    std::size_t begin = token.size() - 1;
    while (begin > 0 && (static_cast<unsigned char>(token[begin]) & 0xC0) == 0x80) --begin;
    if (!(unicode::flags(decode_utf8(std::string_view(token).substr(begin)).code) & unicode::kSpace)) return;
    token.resize(begin);
  }
}

template <class Line>
void each_line(std::string_view text, const std::string& what, Line line) {
  if (!is_utf8(text)) fail(Errc::kFormat, "{}: not UTF-8", what);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::pair<std::string, std::string> merge_of(std::string_view line, const std::string& what) {
  const std::size_t space = line.find(' ');
  if (space == line.npos || line.find(' ', space + 1) != line.npos)
    fail(Errc::kFormat, "{}: found the merge '{}', expected two symbols with a space between", what,
         line.substr(0, 200));
  return {std::string(line.substr(0, space)), std::string(line.substr(space + 1))};
}

Vocabulary vocabulary_of(const Json& tokens, const JsonFields& f) {
  Vocabulary vocabulary;
  for (const auto& [token, id] : tokens.items()) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= static_cast<std::uint64_t>(kMostIds))
      f.wrong(token, fmt::format("an id from 0 to {}", kMostIds - 1));
    const auto number = id.get<std::int32_t>();
    if (const auto it = vocabulary.by_id().find(number); it != vocabulary.by_id().end())
      fail(Errc::kFormat, "{}: '{}' and '{}' have the same id {}", f.where(), it->second, token, number);
    vocabulary.put(number, token);
  }
  return vocabulary;
}

}  // namespace

void Vocabulary::put(std::int32_t id, std::string token) {
  const auto [it, fresh] = by_text_.emplace(token, id);
  if (!fresh) {
    by_id_.erase(it->second);
    it->second = id;
  }
  by_id_.insert_or_assign(id, std::move(token));
}

std::int32_t Vocabulary::find(const std::string& token) const {
  const auto it = by_text_.find(token);
  return it == by_text_.end() ? -1 : it->second;
}

std::vector<std::pair<std::string, std::int32_t>> Vocabulary::tokens() const {
  std::vector<std::pair<std::string, std::int32_t>> out;
  out.reserve(by_id_.size());
  for (const auto& [id, token] : by_id_) out.emplace_back(token, id);
  return out;
}

Vocabulary parse_vocabulary(const JsonFields& model) {
  const JsonFields f = model.object("vocab");
  return vocabulary_of(model.at("vocab"), f);
}

Vocabulary vocabulary_of_json(const Json& json, const std::string& what) {
  return vocabulary_of(json, JsonFields(json, what));
}

Vocabulary vocabulary_of_lines(std::string_view text, const std::string& what) {
  Vocabulary vocabulary;
  std::int32_t line = 0;
  each_line(text, what, [&](std::string_view words) {
    std::string token(words);
    trim_end(token);
    vocabulary.put(line++, std::move(token));
  });
  if (vocabulary.size() == 0) fail(Errc::kFormat, "{}: found no line, expected one token a line", what);
  return vocabulary;
}

Bpe::Merges parse_merges(const JsonFields& model) {
  Bpe::Merges merges;
  for (const Json& item : model.array("merges")) {
    if (item.is_string()) {
      merges.push_back(merge_of(item.get_ref<const std::string&>(), model.where() + ": 'merges'"));
    } else if (item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string()) {
      merges.emplace_back(item[0].get<std::string>(), item[1].get<std::string>());
    } else {
      model.wrong("merges", "a list of merges: \"a b\" or [\"a\", \"b\"]");
    }
  }
  return merges;
}

Bpe::Merges merges_of_lines(std::string_view text, const std::string& what) {
  Bpe::Merges merges;
  each_line(text, what, [&](std::string_view line) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!line.empty() && !line.starts_with("#version")) merges.push_back(merge_of(line, what));
  });
  return merges;
}

std::string model_type(const JsonFields& model) {
  const std::string type = model.text("type", "");
  if (!type.empty()) return type;
  if (model.has("max_input_chars_per_word")) return "WordPiece";
  if (model.has("merges")) return "BPE";
  return model.has("vocab") && model.at("vocab").is_array() ? "Unigram" : "WordLevel";
}

TokenModelPtr parse_model(const JsonFields& model, const std::string& type, const Vocabulary& vocabulary) {
  if (type == "WordPiece") {
    const std::string unknown = model.text("unk_token", "[UNK]");
    const std::int32_t id = vocabulary.find(unknown);
    if (id < 0)
      fail(Errc::kFormat, "{}: 'unk_token': found '{}', which is not in the vocabulary", model.where(),
           unknown);
    return std::make_unique<WordPiece>(vocabulary.tokens(), model.text("continuing_subword_prefix", "##"), id,
                                       model.integer("max_input_chars_per_word", 100, 0, 100000));
  }
  if (type == "WordLevel")
    return std::make_unique<WordLevel>(vocabulary.tokens(),
                                       vocabulary.find(model.text("unk_token", "<unk>")));
  if (type == "BPE")  // dropout is for training: the merges are done as they were learned
    return std::make_unique<Bpe>(vocabulary.tokens(), parse_merges(model),
                                 BpeOptions{.unknown = model.text("unk_token", ""),
                                            .prefix = model.text("continuing_subword_prefix", ""),
                                            .suffix = model.text("end_of_word_suffix", ""),
                                            .fuse_unknown = model.boolean("fuse_unk", false),
                                            .byte_fallback = model.boolean("byte_fallback", false),
                                            .ignore_merges = model.boolean("ignore_merges", false)},
                                 model.where());
  unknown_type(model, type, "BPE, WordPiece, WordLevel");
}

AddedToken parse_added_token(const JsonFields& t) {
  const bool special = t.boolean("special", false);
  return {.content = t.text("content"),
          .single_word = t.boolean("single_word", false),
          .lstrip = t.boolean("lstrip", false),
          .rstrip = t.boolean("rstrip", false),
          .normalized = t.boolean("normalized", !special),
          .special = special};
}

std::int32_t TokenAdder::id(const std::string& content) const {
  const auto it = at_.find(content);
  return it != at_.end() ? added_[it->second].id : vocabulary_.find(content);
}

void TokenAdder::add(AddedToken token) {
  if (token.content.empty()) return;
  const auto size = static_cast<std::int64_t>(vocabulary_.size());
  std::int64_t id = this->id(token.content);
  if (id < 0) id = most_ >= size || (size == 0 && most_ >= 0) ? most_ + 1 : size;
  if (id >= kMostIds) fail(Errc::kLimit, "tokenizer: found more than {} tokens", kMostIds);
  token.id = static_cast<std::int32_t>(id);
  most_ = std::max(most_, id);
  if (const auto [it, fresh] = at_.emplace(token.content, added_.size()); !fresh)
    added_[it->second] = std::move(token);
  else
    added_.push_back(std::move(token));
}

}  // namespace lyceum
