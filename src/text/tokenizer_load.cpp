// tokenizer.json and vocab.txt.
#include <algorithm>
#include <charconv>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "formats/model_folder.h"
#include "text/tokenizer_impl.h"

namespace lyceum {
namespace {

constexpr std::int64_t kMostIds = 1 << 24;

[[noreturn]] void unknown_type(const JsonFields& f, const std::string& type, const char* expected) {
  fail(Errc::kUnsupported, "{}: 'type': found '{}', expected one of: {}", f.where(), type, expected);
}

std::string pattern_of(const JsonFields& f) {
  const JsonFields pattern = f.object("pattern");
  if (!pattern.has("String")) fail(Errc::kUnsupported, "{}: 'pattern': found a regular expression, expected a String", f.where());
  return pattern.text("String");
}

template <class Part, class Parse>
std::vector<Part> sequence_of(const JsonFields& f, const char* key, Parse parse) {
  std::vector<Part> parts;
  for (const Json& item : f.array(key)) parts.push_back(parse(JsonFields(item, f.where() + ": '" + key + "'")));
  return parts;
}

BertNormalizerOptions bert_options(const JsonFields& f) {
  BertNormalizerOptions o;
  o.clean_text = f.boolean("clean_text", true);
  o.handle_chinese_chars = f.boolean("handle_chinese_chars", true);
  o.lowercase = f.boolean("lowercase", true);
  o.strip_accents = f.boolean("strip_accents", o.lowercase);
  return o;
}

NormalizerPtr parse_normalizer(const JsonFields& f) {
  const std::string type = f.text("type");
  if (type == "BertNormalizer") return bert_normalizer(bert_options(f));
  if (type == "Lowercase") return lowercase_normalizer();
  if (type == "StripAccents") return strip_accents_normalizer();
  if (type == "NFC") return unicode_normalizer(unicode::Form::kNfc);
  if (type == "NFD") return unicode_normalizer(unicode::Form::kNfd);
  if (type == "NFKC") return unicode_normalizer(unicode::Form::kNfkc);
  if (type == "NFKD") return unicode_normalizer(unicode::Form::kNfkd);
  if (type == "Strip") return strip_normalizer(f.boolean("strip_left", true), f.boolean("strip_right", true));
  if (type == "Replace") return replace_normalizer(pattern_of(f), f.text("content"));
  if (type == "Prepend") return prepend_normalizer(f.text("prepend"));
  if (type == "Sequence") return normalizer_sequence(sequence_of<NormalizerPtr>(f, "normalizers", parse_normalizer));
  unknown_type(f, type, "BertNormalizer, Lowercase, StripAccents, NFC, NFD, NFKC, NFKD, Strip, Replace, Prepend, Sequence");
}

PreTokenizerPtr parse_pre_tokenizer(const JsonFields& f) {
  const std::string type = f.text("type");
  if (type == "BertPreTokenizer") return bert_pre_tokenizer();
  if (type == "Whitespace") return whitespace_pre_tokenizer();
  if (type == "WhitespaceSplit") return whitespace_split_pre_tokenizer();
  if (type == "Digits") return digits_pre_tokenizer(f.boolean("individual_digits", false));
  if (type == "CharDelimiterSplit") {
    const std::string delimiter = f.text("delimiter");
    const Characters chars = to_characters(delimiter);
    if (chars.size() != 1) f.wrong("delimiter", "one character");
    return delimiter_pre_tokenizer(chars[0].code);
  }
  if (type == "Punctuation") {
    const std::string behavior = f.text("behavior", "Isolated");
    static constexpr std::pair<const char*, SplitBehavior> kBehaviors[] = {{"Removed", SplitBehavior::kRemoved},
                                                                           {"Isolated", SplitBehavior::kIsolated},
                                                                           {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
                                                                           {"MergedWithNext", SplitBehavior::kMergedWithNext},
                                                                           {"Contiguous", SplitBehavior::kContiguous}};
    for (const auto& [name, value] : kBehaviors)
      if (behavior == name) return punctuation_pre_tokenizer(value);
    f.wrong("behavior", "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
  }
  if (type == "Sequence") return pre_tokenizer_sequence(sequence_of<PreTokenizerPtr>(f, "pretokenizers", parse_pre_tokenizer));
  unknown_type(f, type, "BertPreTokenizer, Whitespace, WhitespaceSplit, Punctuation, Digits, CharDelimiterSplit, Sequence");
}

DecoderPtr parse_decoder(const JsonFields& f) {
  const std::string type = f.text("type");
  if (type == "WordPiece") return word_piece_decoder(f.text("prefix", "##"), f.boolean("cleanup", true));
  if (type == "Fuse") return fuse_decoder();
  if (type == "Replace") return replace_decoder(pattern_of(f), f.text("content"));
  if (type == "Strip")
    return strip_decoder(f.text("content"), static_cast<std::size_t>(f.integer("start", 0, 0, 1000)), static_cast<std::size_t>(f.integer("stop", 0, 0, 1000)));
  if (type == "Sequence") return decoder_sequence(sequence_of<DecoderPtr>(f, "decoders", parse_decoder));
  unknown_type(f, type, "WordPiece, Fuse, Replace, Strip, Sequence");
}

PostProcessor bert_processor(std::int32_t cls, std::int32_t sep) {
  return {.single = {{.ids = {cls}}, {.sequence = 0}, {.ids = {sep}}},
          .pair = {{.ids = {cls}}, {.sequence = 0}, {.ids = {sep}}, {.sequence = 1, .type_id = 1}, {.ids = {sep}, .type_id = 1}}};
}

// ["[SEP]", 102]
std::int32_t token_and_id(const JsonFields& f, const char* key) {
  const Json& value = f.array(key);
  if (value.size() != 2 || !value[1].is_number_unsigned() || value[1].get<std::uint64_t>() >= static_cast<std::uint64_t>(kMostIds))
    f.wrong(key, "a token and its id");
  return value[1].get<std::int32_t>();
}

std::vector<TemplatePiece> parse_template(const JsonFields& f, const char* key) {
  std::vector<TemplatePiece> pieces;
  for (const Json& item : f.array(key)) {
    const JsonFields outer(item, f.where() + ": '" + key + "'");
    TemplatePiece piece;
    if (outer.has("Sequence")) {
      const JsonFields s = outer.object("Sequence");
      const std::string which = s.text("id");
      if (which != "A" && which != "B") s.wrong("id", "A or B");
      piece.sequence = which == "A" ? 0 : 1;
      piece.type_id = static_cast<std::int32_t>(s.integer("type_id", 0, 0, kMostIds));
    } else {
      const JsonFields s = outer.object("SpecialToken");
      const std::string name = s.text("id");
      piece.type_id = static_cast<std::int32_t>(s.integer("type_id", 0, 0, kMostIds));
      const JsonFields tokens = f.object("special_tokens");
      const JsonFields entry = tokens.object(name);
      for (const Json& id : entry.array("ids")) {
        if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= static_cast<std::uint64_t>(kMostIds)) entry.wrong("ids", "a list of ids");
        piece.ids.push_back(id.get<std::int32_t>());
      }
    }
    for (const TemplatePiece& earlier : pieces)
      if (piece.sequence >= 0 && earlier.sequence == piece.sequence)
        fail(Errc::kUnsupported, "{}: '{}': found one text twice, expected it once", f.where(), key);
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

PostProcessor parse_post_processor(const JsonFields& f) {
  const std::string type = f.text("type");
  if (type == "BertProcessing") return bert_processor(token_and_id(f, "cls"), token_and_id(f, "sep"));
  if (type == "TemplateProcessing") {
    PostProcessor p{.single = parse_template(f, "single"), .pair = parse_template(f, "pair")};
    for (const TemplatePiece& piece : p.single)
      if (piece.sequence == 1) f.wrong("single", "the sequence A only");
    return p;
  }
  if (type == "Sequence") {
    const Json& all = f.array("processors");
    if (all.size() == 1) return parse_post_processor(JsonFields(all[0], f.where()));
    fail(Errc::kUnsupported, "{}: found a sequence of {} post-processors, expected one", f.where(), all.size());
  }
  unknown_type(f, type, "BertProcessing, TemplateProcessing");
}

std::map<std::int32_t, std::string> parse_vocabulary(const JsonFields& model) {
  std::map<std::int32_t, std::string> vocabulary;
  const JsonFields vocab = model.object("vocab");
  for (const auto& [token, id] : model.at("vocab").items()) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= static_cast<std::uint64_t>(kMostIds))
      vocab.wrong(token, fmt::format("an id from 0 to {}", kMostIds - 1));
    if (const auto [it, fresh] = vocabulary.emplace(id.get<std::int32_t>(), token); !fresh)
      fail(Errc::kFormat, "{}: '{}' and '{}' have the same id {}", vocab.where(), it->second, token, it->first);
  }
  return vocabulary;
}

std::vector<std::pair<std::string, std::int32_t>> by_token(const std::map<std::int32_t, std::string>& vocabulary) {
  std::vector<std::pair<std::string, std::int32_t>> out;
  for (const auto& [id, token] : vocabulary) out.emplace_back(token, id);
  return out;
}

std::int32_t id_of(const std::map<std::int32_t, std::string>& vocabulary, const std::string& token) {
  for (const auto& [id, text] : vocabulary)
    if (text == token) return id;
  return -1;
}

AddedToken parse_added_token(const JsonFields& t, std::int64_t id) {
  const bool special = t.boolean("special", false);
  return {.content = t.text("content"),
          .id = static_cast<std::int32_t>(id),
          .single_word = t.boolean("single_word", false),
          .lstrip = t.boolean("lstrip", false),
          .rstrip = t.boolean("rstrip", false),
          .normalized = t.boolean("normalized", !special),
          .special = special};
}

// What the files beside tokenizer.json or vocab.txt say.
struct FolderSettings {
  std::optional<Tokenizer::VocabularyOptions> bert;  // set: the class is BERT's, and these count
  std::vector<AddedToken> added;
  bool clean_up_spaces = false;
};

// BERT's pipeline around a vocabulary: R BertTokenizer.__init__. p.added holds what the files say; the class adds its own.
template <class Impl>
void put_bert_pipeline(Impl& p, const std::map<std::int32_t, std::string>& vocabulary, const Tokenizer::VocabularyOptions& options,
                       const std::string& what) {
  const auto find = [&](const std::string& token) {
    for (const AddedToken& added : p.added)
      if (added.content == token) return added.id;
    return id_of(vocabulary, token);
  };
  const auto need = [&](const std::string& token) {
    const std::int32_t id = find(token);
    if (id < 0) fail(Errc::kFormat, "{}: the special token '{}' is missing", what, token);
    return id;
  };
  const BertNormalizerOptions o{.clean_text = true,
                                .handle_chinese_chars = options.chinese_chars,
                                .strip_accents = options.strip_accents.value_or(options.lowercase),
                                .lowercase = options.lowercase};
  p.model = std::make_unique<WordPiece>(by_token(vocabulary), "##", need(options.unknown), 100);
  p.normalizer = bert_normalizer(o);
  p.pre_tokenizer = bert_pre_tokenizer();
  p.post_processor = bert_processor(need(options.classification), need(options.separator));
  p.decoder = word_piece_decoder("##", true);
  p.scan = BertScan{o};
  for (const std::string& token : {options.padding, options.unknown, options.classification, options.separator, options.mask}) {
    const auto it = std::find_if(p.added.begin(), p.added.end(), [&](const AddedToken& added) { return added.content == token; });
    if (it != p.added.end()) {
      it->special = true;
    } else if (const std::int32_t id = find(token); id >= 0) {
      p.added.push_back({.content = token, .id = id, .special = true});
    }
  }
}

std::shared_ptr<const Tokenizer> load_json(std::string_view text, const std::string& what, const FolderSettings& settings) {
  const Json json = parse_json(text, what, {.depth = 32});
  const JsonFields f(json, what);
  TokenizerBuilder builder;
  auto& p = builder.parts();
  p.clean_up_spaces = settings.clean_up_spaces;

  const JsonFields model = f.object("model");
  std::string type = model.text("type", "");
  if (type.empty()) type = model.has("max_input_chars_per_word") ? "WordPiece" : model.has("merges") ? "BPE" : "WordLevel";  // old files
  const std::map<std::int32_t, std::string> vocabulary = type == "WordPiece" || type == "WordLevel" ? parse_vocabulary(model) : decltype(parse_vocabulary(model))();
  if (f.has("added_tokens"))
    for (const Json& item : f.array("added_tokens")) {
      const JsonFields t(item, what + ": 'added_tokens'");
      p.added.push_back(parse_added_token(t, t.integer("id", 0, kMostIds - 1)));
    }
  if (settings.bert && type == "WordPiece") {
    put_bert_pipeline(p, vocabulary, *settings.bert, what);
    p.description = fmt::format("WordPiece, {} tokens, BERT's own pipeline, {}", vocabulary.size(), settings.bert->lowercase ? "lower-casing" : "cased");
    return builder.build(vocabulary, what);
  }
  if (type == "WordPiece") {
    const std::string unknown = model.text("unk_token", "[UNK]");
    const std::int32_t id = id_of(vocabulary, unknown);
    if (id < 0) fail(Errc::kFormat, "{}: 'unk_token': found '{}', which is not in the vocabulary", model.where(), unknown);
    p.model = std::make_unique<WordPiece>(by_token(vocabulary), model.text("continuing_subword_prefix", "##"), id,
                                          model.integer("max_input_chars_per_word", 100, 0, 100000));
  } else if (type == "WordLevel") {
    p.model = std::make_unique<WordLevel>(by_token(vocabulary), id_of(vocabulary, model.text("unk_token", "<unk>")));
  } else {
    unknown_type(model, type, "WordPiece, WordLevel");
  }

  const std::string normalizer_type = f.has("normalizer") ? f.object("normalizer").text("type") : "";
  const std::string splitter_type = f.has("pre_tokenizer") ? f.object("pre_tokenizer").text("type") : "";
  if (f.has("normalizer")) p.normalizer = parse_normalizer(f.object("normalizer"));
  if (f.has("pre_tokenizer")) p.pre_tokenizer = parse_pre_tokenizer(f.object("pre_tokenizer"));
  if (f.has("post_processor")) p.post_processor = parse_post_processor(f.object("post_processor"));
  if (f.has("decoder")) p.decoder = parse_decoder(f.object("decoder"));
  if (type == "WordPiece" && normalizer_type == "BertNormalizer" && splitter_type == "BertPreTokenizer") p.scan = BertScan{bert_options(f.object("normalizer"))};
  p.description = fmt::format("{}, {} tokens, normalizer {}, pre-tokenizer {}", type, vocabulary.size(),
                              normalizer_type.empty() ? "none" : normalizer_type, splitter_type.empty() ? "none" : splitter_type);
  return builder.build(vocabulary, what);
}

// White space at the end, as the reference's reader knows it.
void trim_end(std::string& token) {
  while (!token.empty()) {
    std::size_t begin = token.size() - 1;
    while (begin > 0 && (static_cast<unsigned char>(token[begin]) & 0xC0) == 0x80) --begin;
    if (!(unicode::flags(decode_utf8(std::string_view(token).substr(begin)).code) & unicode::kSpace)) return;
    token.resize(begin);
  }
}

std::shared_ptr<const Tokenizer> load_vocabulary(std::string_view text, const std::string& what, const Tokenizer::VocabularyOptions& options,
                                                 const FolderSettings& settings) {
  if (!is_utf8(text)) fail(Errc::kFormat, "{}: not UTF-8", what);
  std::map<std::int32_t, std::string> vocabulary;
  std::map<std::string, std::int32_t> seen;
  for (std::int32_t line = 0; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string token(text.substr(0, end));
    trim_end(token);
    if (const auto [it, fresh] = seen.emplace(token, line); !fresh) {
      vocabulary.erase(it->second);
      it->second = line;
    }
    vocabulary.emplace(line, std::move(token));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (vocabulary.empty()) fail(Errc::kFormat, "{}: found no line, expected one token a line", what);
  TokenizerBuilder builder;
  auto& p = builder.parts();
  p.clean_up_spaces = settings.clean_up_spaces;
  // R add_tokens: a token of the vocabulary keeps its id, a new one gets the next, whatever the file says, in the order of the file's ids
  std::vector<AddedToken> added = settings.added;
  std::sort(added.begin(), added.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  std::int32_t next = vocabulary.rbegin()->first + 1;
  for (AddedToken& token : added) {
    const auto it = seen.find(token.content);
    token.id = it != seen.end() ? it->second : next++;
    p.added.push_back(std::move(token));
  }
  put_bert_pipeline(p, vocabulary, options, what);
  p.description = fmt::format("WordPiece, {} tokens, from vocab.txt, {}", vocabulary.size(), options.lowercase ? "lower-casing" : "cased");
  return builder.build(vocabulary, what);
}

FolderSettings folder_settings(const ModelFolder& folder) {
  FolderSettings settings;
  Tokenizer::VocabularyOptions o;
  bool has_decoder = false;
  const auto special = [&](const JsonFields& f) {  // each a string, or an object with its content
    for (const auto& [key, to] : {std::pair("unk_token", &o.unknown), std::pair("sep_token", &o.separator), std::pair("pad_token", &o.padding),
                                  std::pair("cls_token", &o.classification), std::pair("mask_token", &o.mask)})
      if (const Json* value = f.find(key)) *to = value->is_object() ? f.object(key).text("content") : f.text(key);
  };
  std::string kind;
  if (const auto file = folder.file("tokenizer_config.json")) {
    const Json json = read_json(*file);
    const JsonFields f(json, file->string());
    o.lowercase = f.boolean("do_lower_case", true);
    o.chinese_chars = f.boolean("tokenize_chinese_chars", true);
    if (f.has("strip_accents")) o.strip_accents = f.boolean("strip_accents", true);
    settings.clean_up_spaces = f.boolean("clean_up_tokenization_spaces", false);
    kind = f.text("tokenizer_class", "");
    special(f);
    if ((has_decoder = f.has("added_tokens_decoder"))) {
      const JsonFields tokens = f.object("added_tokens_decoder");
      for (const auto& [key, value] : f.at("added_tokens_decoder").items()) {
        std::int64_t id = -1;
        const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
        if (error != std::errc() || end != key.data() + key.size() || id < 0 || id >= kMostIds)
          fail(Errc::kFormat, "{}: found the id '{}', expected 0 to {}", tokens.where(), key, kMostIds - 1);
        settings.added.push_back(parse_added_token(tokens.object(key), id));
      }
    }
  }
  if (const auto file = folder.file("special_tokens_map.json"); file && !has_decoder) {
    const Json json = read_json(*file);
    special(JsonFields(json, file->string()));
  }
  if (const auto file = folder.file("added_tokens.json"); file && !has_decoder) {
    const Json json = read_json(*file);
    const JsonFields f(json, file->string());
    for (const auto& [content, id] : json.items()) {
      const bool named = content == o.unknown || content == o.separator || content == o.padding || content == o.classification || content == o.mask;
      settings.added.push_back({.content = content,
                                .id = static_cast<std::int32_t>(f.integer(content, 0, kMostIds - 1)),
                                .normalized = !named,
                                .special = named});
    }
  }
  if (const auto file = folder.file("config.json"); file && kind.empty()) {
    const Json json = read_json(*file);
    const JsonFields f(json, file->string());
    kind = f.text("tokenizer_class", "");
    const std::string type = f.text("model_type", "");
    if (kind.empty() && (type == "bert" || type == "distilbert" || type == "electra")) kind = "BertTokenizer";
  }
  if (kind == "BertTokenizer" || kind == "BertTokenizerFast" || !folder.file("tokenizer.json")) settings.bert = o;
  return settings;
}

}  // namespace

std::shared_ptr<const Tokenizer> Tokenizer::from_json(std::string_view text, const std::string& what) { return load_json(text, what, {}); }

std::shared_ptr<const Tokenizer> Tokenizer::from_vocabulary(std::string_view text, const std::string& what, const VocabularyOptions& options) {
  return load_vocabulary(text, what, options, {});
}

std::shared_ptr<const Tokenizer> Tokenizer::from_folder(const ModelFolder& folder) {
  const FolderSettings settings = folder_settings(folder);
  if (const auto file = folder.file("tokenizer.json")) return load_json(read_text(*file, JsonLimits().bytes), file->string(), settings);
  const auto vocabulary = folder.file("vocab.txt");
  if (!vocabulary) fail(Errc::kIo, "{}: found neither tokenizer.json nor vocab.txt", folder.path().string());
  return load_vocabulary(read_text(*vocabulary, std::uint64_t{1} << 26), vocabulary->string(), *settings.bert, settings);
}

}  // namespace lyceum
