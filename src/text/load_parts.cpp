// The parts of a tokenizer.json around the model.
#include "text/load_parts.h"

#include <utility>

#include "base/error.h"

namespace lyceum {

void unknown_type(const JsonFields& f, const std::string& type, const char* expected) {
  fail(Errc::kUnsupported, "{}: 'type': found '{}', expected one of: {}", f.where(), type, expected);
}

namespace {

TextPattern pattern_of(const JsonFields& f) {
  const JsonFields pattern = f.object("pattern");
  if (pattern.has("Regex")) return TextPattern::regex(pattern.text("Regex"), f.where() + ": 'pattern'");
  return TextPattern::literal(pattern.text("String"));
}

char32_t character_of(const JsonFields& f, const char* key) {
  const Characters chars = to_characters(f.text(key));
  if (chars.size() != 1) f.wrong(key, "one character");
  return chars[0].code;
}

SplitBehavior behavior_of(const JsonFields& f, const std::string& name) {
  static constexpr std::pair<const char*, SplitBehavior> kBehaviors[] = {
      {"Removed", SplitBehavior::kRemoved},
      {"Isolated", SplitBehavior::kIsolated},
      {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
      {"MergedWithNext", SplitBehavior::kMergedWithNext},
      {"Contiguous", SplitBehavior::kContiguous}};
  for (const auto& [known, value] : kBehaviors)
    if (name == known) return value;
  f.wrong("behavior", "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
}

// Old files say add_prefix_space instead.
PrependScheme prepend_scheme_of(const JsonFields& f) {
  if (!f.boolean("add_prefix_space", true)) return PrependScheme::kNever;
  const std::string scheme = f.text("prepend_scheme", "always");
  if (scheme == "always") return PrependScheme::kAlways;
  if (scheme == "first") return PrependScheme::kFirst;
  if (scheme != "never") f.wrong("prepend_scheme", "always, first or never");
  return PrependScheme::kNever;
}

template <class Part, class Parse>
std::vector<Part> sequence_of(const JsonFields& f, const char* key, Parse parse) {
  std::vector<Part> parts;
  for (const Json& item : f.array(key))
    parts.push_back(parse(JsonFields(item, f.where() + ": '" + key + "'")));
  return parts;
}

}  // namespace

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
  if (type == "Nmt") return nmt_normalizer();
  if (type == "ByteLevel") return byte_level_normalizer();
  if (type == "Precompiled")
    return precompiled_normalizer(
        std::make_shared<const Charsmap>(f.text("precompiled_charsmap"), f.where()));
  if (type == "Prepend") return prepend_normalizer(f.text("prepend"));
  if (type == "Sequence")
    return normalizer_sequence(sequence_of<NormalizerPtr>(f, "normalizers", parse_normalizer));
  unknown_type(f, type,
               "BertNormalizer, Lowercase, StripAccents, NFC, NFD, NFKC, NFKD, Nmt, Precompiled, Strip, "
               "Replace, Prepend, "
               "ByteLevel, Sequence");
}

ByteLevelOptions byte_level_options(const JsonFields& f) {
  return {.add_prefix_space = f.boolean("add_prefix_space", true), .use_regex = f.boolean("use_regex", true)};
}

namespace {

// R: a String of Split becomes a regular expression, which also matches where it is empty
TextPattern split_pattern_of(const JsonFields& f) {
  TextPattern pattern = pattern_of(f);
  if (pattern.is_regex() || !pattern.text().empty()) return pattern;
  return TextPattern::regex("", f.where());
}

}  // namespace

PreTokenizerPtr parse_pre_tokenizer(const JsonFields& f) {
  const std::string type = f.text("type");
  if (type == "BertPreTokenizer") return bert_pre_tokenizer();
  if (type == "Whitespace") return whitespace_pre_tokenizer();
  if (type == "WhitespaceSplit") return whitespace_split_pre_tokenizer();
  if (type == "Digits") return digits_pre_tokenizer(f.boolean("individual_digits", false));
  if (type == "CharDelimiterSplit") return delimiter_pre_tokenizer(character_of(f, "delimiter"));
  if (type == "Punctuation") return punctuation_pre_tokenizer(behavior_of(f, f.text("behavior", "Isolated")));
  if (type == "Split")
    return split_pre_tokenizer(split_pattern_of(f), behavior_of(f, f.text("behavior")),
                               f.boolean("invert", false));
  if (type == "ByteLevel") return byte_level_pre_tokenizer(byte_level_options(f));
  if (type == "Metaspace")
    return metaspace_pre_tokenizer(character_of(f, "replacement"), prepend_scheme_of(f),
                                   f.boolean("split", true));
  if (type == "UnicodeScripts") return unicode_scripts_pre_tokenizer();
  if (type == "FixedLength")
    return fixed_length_pre_tokenizer(static_cast<std::size_t>(f.integer("length", 5, 1, 1 << 30)));
  if (type == "Sequence")
    return pre_tokenizer_sequence(sequence_of<PreTokenizerPtr>(f, "pretokenizers", parse_pre_tokenizer));
  unknown_type(f, type,
               "BertPreTokenizer, ByteLevel, Whitespace, WhitespaceSplit, Split, Punctuation, Digits, "
               "CharDelimiterSplit, "
               "Metaspace, UnicodeScripts, FixedLength, Sequence");
}

DecoderPtr parse_decoder(const JsonFields& f) {
  const std::string type = f.text("type");
  if (type == "WordPiece") return word_piece_decoder(f.text("prefix", "##"), f.boolean("cleanup", true));
  if (type == "Fuse") return fuse_decoder();
  if (type == "Replace") return replace_decoder(pattern_of(f), f.text("content"));
  if (type == "Strip")
    return strip_decoder(f.text("content"), static_cast<std::size_t>(f.integer("start", 0, 0, 1000)),
                         static_cast<std::size_t>(f.integer("stop", 0, 0, 1000)));
  if (type == "BPEDecoder") return bpe_decoder(f.text("suffix", "</w>"));
  if (type == "ByteLevel") return byte_level_decoder();
  if (type == "ByteFallback") return byte_fallback_decoder();
  if (type == "Metaspace")
    return metaspace_decoder(character_of(f, "replacement"), prepend_scheme_of(f) == PrependScheme::kNever);
  if (type == "CTC")
    return ctc_decoder(f.text("pad_token", "<pad>"), f.text("word_delimiter_token", "|"),
                       f.boolean("cleanup", true));
  if (type == "Sequence") return decoder_sequence(sequence_of<DecoderPtr>(f, "decoders", parse_decoder));
  unknown_type(
      f, type,
      "BPEDecoder, ByteLevel, ByteFallback, CTC, Fuse, Metaspace, Replace, Strip, WordPiece, Sequence");
}

PostProcessor bert_processor(std::int32_t cls, std::int32_t sep) {
  return {.single = {{.ids = {cls}}, {.sequence = 0}, {.ids = {sep}}},
          .pair = {{.ids = {cls}},
                   {.sequence = 0},
                   {.ids = {sep}},
                   {.sequence = 1, .type_id = 1},
                   {.ids = {sep}, .type_id = 1}}};
}

PostProcessor roberta_processor(std::int32_t cls, std::int32_t sep) {
  return {.single = {{.ids = {cls}}, {.sequence = 0}, {.ids = {sep}}},
          .pair = {{.ids = {cls}}, {.sequence = 0}, {.ids = {sep, sep}}, {.sequence = 1}, {.ids = {sep}}}};
}

namespace {

// ["[SEP]", 102]
std::int32_t token_and_id(const JsonFields& f, const char* key) {
  const Json& value = f.array(key);
  if (value.size() != 2 || !value[1].is_number_unsigned() ||
      value[1].get<std::uint64_t>() >= static_cast<std::uint64_t>(kMostIds))
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
        if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= static_cast<std::uint64_t>(kMostIds))
          entry.wrong("ids", "a list of ids");
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

bool has_template(const std::string& type) {
  return type == "BertProcessing" || type == "RobertaProcessing" || type == "TemplateProcessing";
}

}  // namespace

void parse_post_processor(const JsonFields& f, PostProcessor& processor, std::vector<TrimOffsets>& trims) {
  const std::string type = f.text("type");
  if ((type == "ByteLevel" || type == "RobertaProcessing") && f.boolean("trim_offsets", true))
    trims.push_back({.add_prefix_space = f.boolean("add_prefix_space", true)});
  if (type == "ByteLevel") return;
  // The reference (tokenizers 0.23.3) panics on most sequences of two templates, since the first leaves it
  // more than two pieces. One that leaves the texts as they are is no trouble: the other's result is all
  // there is.
  if (has_template(type) && processor != PostProcessor{})
    fail(Errc::kUnsupported,
         "{}: found {} behind another template in a sequence of post-processors, expected one that adds "
         "tokens, "
         "with none before it. Fix: join them into one TemplateProcessing.",
         f.where(), type);
  if (type == "BertProcessing") {
    processor = bert_processor(token_and_id(f, "cls"), token_and_id(f, "sep"));
  } else if (type == "RobertaProcessing") {
    processor = roberta_processor(token_and_id(f, "cls"), token_and_id(f, "sep"));
  } else if (type == "TemplateProcessing") {
    processor = {.single = parse_template(f, "single"), .pair = parse_template(f, "pair")};
    for (const TemplatePiece& piece : processor.single)
      if (piece.sequence == 1) f.wrong("single", "the sequence A only");
  } else if (type == "Sequence") {
    for (const Json& item : f.array("processors"))
      parse_post_processor(JsonFields(item, f.where() + ": 'processors'"), processor, trims);
  } else {
    unknown_type(f, type, "BertProcessing, RobertaProcessing, TemplateProcessing, ByteLevel, Sequence");
  }
}

}  // namespace lyceum
