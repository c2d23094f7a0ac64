// Putting a tokenizer together: from a tokenizer.json as it stands, or around a vocabulary as the reference's
// classes do it.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "formats/model_folder.h"
#include "text/folder_settings.h"

namespace lyceum {
namespace {

// The class's tokens: those of the files, then the named ones that are not among them. R
// TokenizersBackend.__init__
void add_tokens(TokenAdder& adder, const FolderSettings& settings, const std::vector<AddedToken>& files) {
  const std::vector<AddedToken> named = settings.named_tokens(files);
  for (AddedToken token : files) {
    for (const AddedToken& name : named) token.special = token.special || name.content == token.content;
    adder.add(std::move(token));
  }
  for (const auto* list : {&named, &settings.extra})
    for (const AddedToken& token : *list)
      if (!adder.has(token.content)) adder.add(token);
}

std::int32_t need(const TokenAdder& adder, const std::string& token, const std::string& what) {
  const std::int32_t id = adder.id(token);
  if (id < 0) fail(Errc::kFormat, "{}: the special token '{}' is missing", what, token);
  return id;
}

// R BertTokenizer.__init__, MPNetTokenizer.__init__
std::shared_ptr<const Tokenizer> word_piece_class(const Vocabulary& vocabulary,
                                                  const FolderSettings& settings,
                                                  const std::vector<AddedToken>& files,
                                                  const std::string& what, const char* source) {
  TokenizerBuilder builder;
  auto& p = builder.parts();
  p.clean_up_spaces = settings.clean_up_spaces;
  const BertNormalizerOptions o{.clean_text = true,
                                .handle_chinese_chars = settings.chinese_chars,
                                .strip_accents = settings.strip_accents.value_or(settings.lowercase),
                                .lowercase = settings.lowercase};
  TokenAdder adder(p.added, vocabulary);
  const std::string unknown = settings.named("unk_token"), cls = settings.named("cls_token"),
                    sep = settings.named("sep_token");
  for (const std::string& token : {unknown, cls, sep})
    if (vocabulary.find(token) < 0 &&
        std::none_of(files.begin(), files.end(), [&](const AddedToken& a) { return a.content == token; }))
      fail(Errc::kFormat, "{}: the special token '{}' is missing", what, token);
  for (const AddedToken& token : files) adder.add(token);
  p.model = std::make_unique<WordPiece>(vocabulary.tokens(), "##", need(adder, unknown, what), 100);
  for (const AddedToken& token : settings.named_tokens(files))
    if (vocabulary.find(token.content) >= 0 || adder.has(token.content) || settings.is_folder)
      adder.add(token);
  for (const AddedToken& token : settings.extra)
    if (!adder.has(token.content)) adder.add(token);
  p.normalizer = bert_normalizer(o);
  p.pre_tokenizer = bert_pre_tokenizer();
  const std::int32_t cls_id = need(adder, cls, what), sep_id = need(adder, sep, what);
  if (settings.kind == TokenizerKind::kMpnet) {
    p.post_processor = roberta_processor(cls_id, sep_id);
    p.trims = {{.add_prefix_space = false}};
  } else {
    p.post_processor = bert_processor(cls_id, sep_id);
  }
  p.decoder = word_piece_decoder("##", true);
  p.scan = BertScan{o};
  p.description = fmt::format("WordPiece, {} tokens, {}, {}", vocabulary.size(), source,
                              settings.lowercase ? "lower-casing" : "cased");
  return builder.build(vocabulary.by_id(), what);
}

// R GPT2Tokenizer.__init__, RobertaTokenizer.__init__, GPTNeoXTokenizer.__init__. `file` is the
// tokenizer.json, where there is one.
std::shared_ptr<const Tokenizer> byte_level_class(const Vocabulary& vocabulary, const Bpe::Merges& merges,
                                                  const FolderSettings& settings,
                                                  const std::vector<AddedToken>& files,
                                                  const JsonFields* file, const std::string& what) {
  TokenizerBuilder builder;
  auto& p = builder.parts();
  p.clean_up_spaces = settings.clean_up_spaces && settings.clean_up_bpe;
  TokenAdder adder(p.added, vocabulary);
  add_tokens(adder, settings, files);
  auto model = std::make_unique<Bpe>(vocabulary.tokens(), merges, BpeOptions{}, what);
  const bool composes = settings.kind == TokenizerKind::kGptNeox;
  if (model->reads_bytes())
    p.byte_scan =
        ByteScan{.model = model.get(), .add_prefix_space = settings.add_prefix_space, .composes = composes};
  p.model = std::move(model);
  if (composes) p.normalizer = unicode_normalizer(unicode::Form::kNfc);
  p.pre_tokenizer = byte_level_pre_tokenizer({.add_prefix_space = settings.add_prefix_space});
  p.decoder = byte_level_decoder();
  if (settings.kind == TokenizerKind::kRoberta) {
    p.post_processor = roberta_processor(need(adder, settings.named("cls_token"), what),
                                         need(adder, settings.named("sep_token"), what));
    if (settings.trim_offsets) p.trims = {{.add_prefix_space = settings.add_prefix_space}};
  } else if (file != nullptr && settings.kind == TokenizerKind::kGpt2 && file->has("post_processor")) {
    parse_post_processor(file->object("post_processor"), p.post_processor, p.trims);
  } else if (file == nullptr && (settings.add_bos || settings.add_eos)) {
    const auto around = [&](int sequence, std::int32_t type, std::vector<TemplatePiece>& out) {
      if (settings.add_bos)
        out.push_back({.ids = {need(adder, settings.named("bos_token"), what)}, .type_id = type});
      out.push_back({.sequence = sequence, .type_id = type});
      if (settings.add_eos)
        out.push_back({.ids = {need(adder, settings.named("eos_token"), what)}, .type_id = type});
    };
    PostProcessor& post = p.post_processor;
    post.single.clear();
    around(0, 0, post.single);
    post.pair = post.single;
    around(1, 1, post.pair);
  }
  p.description = fmt::format("byte-level BPE, {} tokens, as {} does it", vocabulary.size(),
                              settings.kind == TokenizerKind::kRoberta   ? "RoBERTa"
                              : settings.kind == TokenizerKind::kGptNeox ? "GPT-NeoX"
                                                                         : "GPT-2");
  return builder.build(vocabulary.by_id(), what);
}

// The scanner for a pipeline that has one: ByteLevel alone or behind Digits or a Split by a known pattern.
std::optional<ByteScan> find_byte_scan(const JsonFields& f, const Bpe& model) {
  ByteScan scan{.model = &model};
  if (!model.reads_bytes() || !f.has("pre_tokenizer")) return std::nullopt;
  if (f.has("normalizer")) {
    if (f.object("normalizer").text("type") != "NFC") return std::nullopt;
    scan.composes = true;
  }
  const JsonFields top = f.object("pre_tokenizer");
  if (top.text("type") == "ByteLevel") {
    const ByteLevelOptions o = byte_level_options(top);
    scan.add_prefix_space = o.add_prefix_space;
    return o.use_regex ? std::optional(scan) : std::nullopt;
  }
  if (top.text("type") != "Sequence" || top.array("pretokenizers").size() != 2) return std::nullopt;
  const Json& parts = top.array("pretokenizers");
  const JsonFields first(parts[0], top.where()), second(parts[1], top.where());
  if (second.text("type") != "ByteLevel") return std::nullopt;
  const ByteLevelOptions o = byte_level_options(second);
  if (o.add_prefix_space) return std::nullopt;
  if (first.text("type") == "Digits" && first.boolean("individual_digits", false) && o.use_regex) {
    scan.digits_apart = true;
    return scan;
  }
  if (first.text("type") != "Split" || o.use_regex || first.text("behavior") != "Isolated" ||
      first.boolean("invert", false) || !first.object("pattern").has("Regex"))
    return std::nullopt;
  const auto scanner = Scanner::find(first.object("pattern").text("Regex"));
  if (!scanner) return std::nullopt;
  scan.scanner = *scanner;
  return scan;
}

// Whether nothing but ByteLevel without a pattern stands before a model that leaves bytes as they are.
bool leaves_bytes(const JsonFields& f, const Bpe& model) {
  if (!model.is_identity() || f.has("normalizer") || f.has("post_processor") || !f.has("pre_tokenizer"))
    return false;
  const JsonFields splitter = f.object("pre_tokenizer");
  if (splitter.text("type") != "ByteLevel") return false;
  const ByteLevelOptions o = byte_level_options(splitter);
  return !o.use_regex && !o.add_prefix_space;
}

std::shared_ptr<const Tokenizer> load_json(std::string_view text, const std::string& what,
                                           const FolderSettings& settings) {
  const Json json = parse_json(text, what, {.depth = 32});
  const JsonFields f(json, what);
  const JsonFields model = f.object("model");
  const std::string type = model_type(model);
  if (type != "BPE" && type != "WordPiece" && type != "WordLevel")
    unknown_type(model, type, "BPE, WordPiece, WordLevel");
  const Vocabulary vocabulary = parse_vocabulary(model);
  std::vector<AddedToken> added;
  if (f.has("added_tokens"))
    for (const Json& item : f.array("added_tokens")) {
      const JsonFields t(item, what + ": 'added_tokens'");
      t.integer("id", 0, kMostIds - 1);
      added.push_back(parse_added_token(t));
    }
  const std::vector<AddedToken>& files = settings.has_added ? settings.added : added;
  if (settings.is_word_piece() && type == "WordPiece")
    return word_piece_class(vocabulary, settings, files, what, "the class's own pipeline");
  if (settings.is_byte_level() && type == "BPE")
    return byte_level_class(vocabulary, parse_merges(model), settings, files, &f, what);

  TokenizerBuilder builder;
  auto& p = builder.parts();
  p.clean_up_spaces = settings.clean_up_spaces && (type != "BPE" || settings.clean_up_bpe);
  TokenAdder adder(p.added, vocabulary);
  for (const AddedToken& token : added) adder.add(token);
  if (settings.is_folder) add_tokens(adder, settings, files);
  p.model = parse_model(model, type, vocabulary);
  const std::string normalizer_type = f.has("normalizer") ? f.object("normalizer").text("type") : "";
  const std::string splitter_type = f.has("pre_tokenizer") ? f.object("pre_tokenizer").text("type") : "";
  if (f.has("normalizer")) p.normalizer = parse_normalizer(f.object("normalizer"));
  if (f.has("pre_tokenizer")) p.pre_tokenizer = parse_pre_tokenizer(f.object("pre_tokenizer"));
  if (f.has("post_processor")) parse_post_processor(f.object("post_processor"), p.post_processor, p.trims);
  if (f.has("decoder")) p.decoder = parse_decoder(f.object("decoder"));
  if (type == "WordPiece" && normalizer_type == "BertNormalizer" && splitter_type == "BertPreTokenizer")
    p.scan = BertScan{bert_options(f.object("normalizer"))};
  if (type == "BPE") {
    const auto& bpe = static_cast<const Bpe&>(*p.model);
    p.byte_scan = find_byte_scan(f, bpe);
    p.is_bytes = p.added.empty() && leaves_bytes(f, bpe);
  }
  p.description =
      fmt::format("{}, {} tokens, normalizer {}, pre-tokenizer {}", p.is_bytes ? "bytes" : type.c_str(),
                  vocabulary.size(), normalizer_type.empty() ? "none" : normalizer_type,
                  splitter_type.empty() ? "none" : splitter_type);
  return builder.build(vocabulary.by_id(), what);
}

}  // namespace

std::shared_ptr<const Tokenizer> Tokenizer::from_json(std::string_view text, const std::string& what) {
  return load_json(text, what, {});
}

std::shared_ptr<const Tokenizer> Tokenizer::from_vocabulary(std::string_view text, const std::string& what,
                                                            const VocabularyOptions& o) {
  FolderSettings settings;
  settings.kind = TokenizerKind::kBert;
  settings.lowercase = o.lowercase;
  settings.chinese_chars = o.chinese_chars;
  settings.strip_accents = o.strip_accents;
  for (const auto& [key, content] :
       {std::pair("unk_token", &o.unknown), std::pair("sep_token", &o.separator),
        std::pair("pad_token", &o.padding), std::pair("cls_token", &o.classification),
        std::pair("mask_token", &o.mask)})
    settings.name(key, {.content = *content, .special = true}, true);
  return word_piece_class(vocabulary_of_lines(text, what), settings, {}, what, "from vocab.txt");
}

std::shared_ptr<const Tokenizer> Tokenizer::from_folder(const ModelFolder& folder) {
  FolderSettings settings = read_folder_settings(folder);
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 26;
  if (const auto file = folder.file("tokenizer.json"))
    return load_json(read_text(*file, JsonLimits().bytes), file->string(), settings);
  const auto words = folder.file("vocab.txt"), json = folder.file("vocab.json"),
             merges = folder.file("merges.txt");
  if (json && merges && !settings.is_word_piece()) {
    if (settings.kind == TokenizerKind::kGeneral) settings.kind = TokenizerKind::kGpt2;
    return byte_level_class(vocabulary_of_json(read_json(*json), json->string()),
                            merges_of_lines(read_text(*merges, kMostBytes), merges->string()), settings,
                            settings.added, nullptr, json->string());
  }
  if (!words)
    fail(Errc::kIo, "{}: found neither tokenizer.json nor vocab.txt nor vocab.json with merges.txt",
         folder.path().string());
  if (!settings.is_word_piece()) settings.kind = TokenizerKind::kBert;
  return word_piece_class(vocabulary_of_lines(read_text(*words, kMostBytes), words->string()), settings,
                          settings.added, words->string(), "from vocab.txt");
}

}  // namespace lyceum
