#include "text/folder_settings.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

#include "base/error.h"
#include "formats/model_folder.h"

namespace lyceum {
namespace {

using Default = std::pair<const char*, const char*>;
constexpr const char* kKeys[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                 "pad_token", "cls_token", "mask_token"};  // R SPECIAL_TOKENS_ATTRIBUTES
constexpr Default kBertTokens[] = {{"unk_token", "[UNK]"},
                                   {"sep_token", "[SEP]"},
                                   {"pad_token", "[PAD]"},
                                   {"cls_token", "[CLS]"},
                                   {"mask_token", "[MASK]"}};
constexpr Default kRobertaTokens[] = {{"bos_token", "<s>"},    {"eos_token", "</s>"},  {"sep_token", "</s>"},
                                      {"cls_token", "<s>"},    {"unk_token", "<unk>"}, {"pad_token", "<pad>"},
                                      {"mask_token", "<mask>"}};
constexpr Default kMpnetTokens[] = {{"bos_token", "<s>"},    {"eos_token", "</s>"},  {"sep_token", "</s>"},
                                    {"cls_token", "<s>"},    {"unk_token", "[UNK]"}, {"pad_token", "<pad>"},
                                    {"mask_token", "<mask>"}};
constexpr Default kGpt2Tokens[] = {
    {"unk_token", "<|endoftext|>"}, {"bos_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"}};
constexpr Default kNeoxTokens[] = {{"unk_token", "<|endoftext|>"},
                                   {"bos_token", "<|endoftext|>"},
                                   {"eos_token", "<|endoftext|>"},
                                   {"pad_token", "<|padding|>"}};

std::span<const Default> defaults_of(TokenizerKind kind) {
  switch (kind) {
    case TokenizerKind::kGeneral:
      return {};
    case TokenizerKind::kBert:
      return kBertTokens;
    case TokenizerKind::kMpnet:
      return kMpnetTokens;
    case TokenizerKind::kRoberta:
      return kRobertaTokens;
    case TokenizerKind::kGpt2:
      return kGpt2Tokens;
    case TokenizerKind::kGptNeox:
      return kNeoxTokens;
  }
  return {};
}

// transformers 5.18: which classes are others under a further name, and which class a model_type has.
constexpr std::pair<const char*, TokenizerKind> kClasses[] = {
    {"BertTokenizer", TokenizerKind::kBert},     {"DistilBertTokenizer", TokenizerKind::kBert},
    {"ElectraTokenizer", TokenizerKind::kBert},  {"MobileBertTokenizer", TokenizerKind::kBert},
    {"ConvBertTokenizer", TokenizerKind::kBert}, {"SqueezeBertTokenizer", TokenizerKind::kBert},
    {"LayoutLMTokenizer", TokenizerKind::kBert}, {"LxmertTokenizer", TokenizerKind::kBert},
    {"MPNetTokenizer", TokenizerKind::kMpnet},   {"RobertaTokenizer", TokenizerKind::kRoberta},
    {"BartTokenizer", TokenizerKind::kRoberta},  {"LongformerTokenizer", TokenizerKind::kRoberta},
    {"LEDTokenizer", TokenizerKind::kRoberta},   {"MvpTokenizer", TokenizerKind::kRoberta},
    {"GPT2Tokenizer", TokenizerKind::kGpt2},     {"GPTNeoXTokenizer", TokenizerKind::kGptNeox}};
constexpr std::pair<const char*, const char*> kModelTypes[] = {
    {"bert", "BertTokenizer"},
    {"distilbert", "BertTokenizer"},
    {"electra", "BertTokenizer"},
    {"convbert", "BertTokenizer"},
    {"ernie", "BertTokenizer"},
    {"layoutlm", "BertTokenizer"},
    {"megatron-bert", "BertTokenizer"},
    {"mobilebert", "BertTokenizer"},
    {"nezha", "BertTokenizer"},
    {"nomic_bert", "BertTokenizer"},
    {"qdqbert", "BertTokenizer"},
    {"squeezebert", "BertTokenizer"},
    {"visual_bert", "BertTokenizer"},
    {"lxmert", "BertTokenizer"},
    {"mpnet", "MPNetTokenizer"},
    {"roberta", "RobertaTokenizer"},
    {"bart", "RobertaTokenizer"},
    {"data2vec-text", "RobertaTokenizer"},
    {"ibert", "RobertaTokenizer"},
    {"lilt", "RobertaTokenizer"},
    {"longformer", "RobertaTokenizer"},
    {"led", "RobertaTokenizer"},
    {"mega", "RobertaTokenizer"},
    {"mra", "RobertaTokenizer"},
    {"roberta-prelayernorm", "RobertaTokenizer"},
    {"gpt2", "GPT2Tokenizer"},
    {"gpt_neo", "GPT2Tokenizer"},
    {"gptj", "GPT2Tokenizer"},
    {"codegen", "GPT2Tokenizer"},
    {"dbrx", "GPT2Tokenizer"},
    {"opt", "GPT2Tokenizer"},
    {"phi", "GPT2Tokenizer"},
    {"starcoder2", "GPT2Tokenizer"},
    {"jais2", "GPT2Tokenizer"},
    {"gpt_neox", "GPTNeoXTokenizer"},
    {"falcon_mamba", "GPTNeoXTokenizer"},
    {"mamba", "GPTNeoXTokenizer"},
    {"mamba2", "GPTNeoXTokenizer"},
    {"mpt", "GPTNeoXTokenizer"},
    {"olmo", "GPTNeoXTokenizer"},
    {"olmoe", "GPTNeoXTokenizer"},
    {"rwkv", "GPTNeoXTokenizer"},
    {"xlstm", "GPTNeoXTokenizer"},
    // the general class, whatever tokenizer_config.json says
    {"gpt_bigcode", ""},
    {"granite", ""},
    {"granitemoe", ""},
    {"modernbert", ""},
    {"modernbert-decoder", ""},
    {"olmo2", ""},
    {"olmo3", ""},
    {"persimmon", ""},
    {"phi3", ""},
    {"stablelm", ""}};

TokenizerKind kind_of(std::string name, const std::string& type) {
  for (const auto& [known, registered] : kModelTypes)
    if (type == known && (name.empty() || *registered == '\0')) name = registered;
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  for (const auto& [known, kind] : kClasses)
    if (name == known) return kind;
  return TokenizerKind::kGeneral;
}

// A token of tokenizer_config.json or special_tokens_map.json: a text, or an object with its content.
void read_named(const JsonFields& f, const Json& json, bool all_special, FolderSettings& settings) {
  for (const auto& [key, value] : json.items()) {
    if (!key.ends_with("_token")) continue;
    const bool is_standard = std::find(std::begin(kKeys), std::end(kKeys), key) != std::end(kKeys);
    if (value.is_string()) {
      settings.name(key, {.content = value.get<std::string>(), .special = true}, true);
    } else if (value.is_object()) {
      AddedToken token = parse_added_token(f.object(key));
      if (all_special) token.normalized = f.object(key).boolean("normalized", false);
      token.special = true;
      settings.name(key, std::move(token), false);
    } else if (value.is_null() && is_standard) {
      settings.name(key, {}, true);
    } else if (is_standard) {
      f.wrong(key, "a text, or an object with its content");
    }
  }
  for (const char* key : {"extra_special_tokens", "additional_special_tokens"}) {
    const Json* list = f.find(key);
    if (list == nullptr || !settings.extra.empty()) continue;
    for (const Json& item : *list) {
      AddedToken token{.special = true};
      if (item.is_string())
        token.content = item.get<std::string>();
      else
        token = parse_added_token(JsonFields(item, f.where() + ": '" + key + "'"));
      token.special = true;
      settings.extra.push_back(std::move(token));
    }
  }
}

void read_added_decoder(const JsonFields& tokens, const Json& json, FolderSettings& settings) {
  std::map<std::int64_t, AddedToken> by_id;
  for (const auto& [key, value] : json.items()) {
    std::int64_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0 || id >= kMostIds)
      fail(Errc::kFormat, "{}: found the id '{}', expected 0 to {}", tokens.where(), key, kMostIds - 1);
    by_id[id] = parse_added_token(tokens.object(key));
  }
  for (auto& [id, token] : by_id) settings.added.push_back(std::move(token));
}

}  // namespace

void FolderSettings::name(const std::string& key, AddedToken token, bool is_text) {
  named_.insert_or_assign(key, Named{std::move(token), is_text});
}

std::string FolderSettings::named(const std::string& key) const {
  if (const auto it = named_.find(key); it != named_.end()) return it->second.token.content;
  for (const auto& [known, content] : defaults_of(kind))
    if (key == known) return content;
  return "";
}

std::vector<AddedToken> FolderSettings::named_tokens(const std::vector<AddedToken>& files) const {
  std::vector<AddedToken> out;
  const auto put = [&](const std::string& key) {
    const std::string content = named(key);
    if (content.empty()) return;
    const auto same = [&](const AddedToken& t) { return t.content == content; };
    if (std::any_of(out.begin(), out.end(), same)) return;
    AddedToken token{.content = content, .special = true};
    const auto it = named_.find(key);
    const auto file = std::find_if(files.begin(), files.end(), same);
    if (file != files.end()) {
      token = *file;
      token.special = true;
    } else if (it != named_.end() && !it->second.is_text) {
      token = it->second.token;
    } else if (kind == TokenizerKind::kMpnet) {
      token.lstrip = key == "mask_token";
    }
    out.push_back(std::move(token));
  };
  for (const char* key : kKeys) put(key);
  for (const auto& [key, value] : named_)
    if (std::find(std::begin(kKeys), std::end(kKeys), key) == std::end(kKeys)) put(key);
  return out;
}

FolderSettings read_folder_settings(const ModelFolder& folder) {
  FolderSettings settings;
  settings.is_folder = true;
  std::string name;
  if (const auto file = folder.file("tokenizer_config.json")) {
    const Json json = read_json(*file);
    const JsonFields f(json, file->string());
    settings.lowercase = f.boolean("do_lower_case", true);
    settings.chinese_chars = f.boolean("tokenize_chinese_chars", true);
    if (f.has("strip_accents")) settings.strip_accents = f.boolean("strip_accents", true);
    settings.add_prefix_space = f.boolean("add_prefix_space", false);
    settings.trim_offsets = f.boolean("trim_offsets", true);
    settings.add_bos = f.boolean("add_bos_token", false);
    settings.add_eos = f.boolean("add_eos_token", false);
    settings.clean_up_spaces = f.boolean("clean_up_tokenization_spaces", false);
    settings.clean_up_bpe =
        f.boolean("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", false);
    name = f.text("tokenizer_class", "");
    read_named(f, json, false, settings);
    if ((settings.has_added = f.has("added_tokens_decoder")))
      read_added_decoder(f.object("added_tokens_decoder"), f.at("added_tokens_decoder"), settings);
  }
  if (const auto file = folder.file("special_tokens_map.json"); file && !settings.has_added) {
    const Json json = read_json(*file);
    read_named(JsonFields(json, file->string()), json, true, settings);
  }
  if (const auto file = folder.file("config.json")) {
    const Json json = read_json(*file);
    const JsonFields f(json, file->string());
    settings.kind = kind_of(name.empty() ? f.text("tokenizer_class", "") : name, f.text("model_type", ""));
  } else {
    settings.kind = kind_of(name, "");
  }
  const bool words_alone = !folder.file("tokenizer.json") && folder.file("vocab.txt");
  if (settings.kind == TokenizerKind::kGeneral && words_alone) settings.kind = TokenizerKind::kBert;
  if (const auto file = folder.file("added_tokens.json"); file && !settings.has_added) {
    const Json json = read_json(*file);
    const JsonFields f(json, file->string());
    std::map<std::int64_t, AddedToken> by_id;
    for (const auto& [content, id] : json.items()) {
      const std::vector<AddedToken> named = settings.named_tokens({});
      const bool special = std::any_of(named.begin(), named.end(),
                                       [&text = content](const AddedToken& t) { return t.content == text; });
      by_id[f.integer(content, 0, kMostIds - 1)] = {
          .content = content, .normalized = !special, .special = special};
    }
    for (auto& [id, token] : by_id) settings.added.push_back(std::move(token));
  }
  return settings;
}

}  // namespace lyceum
