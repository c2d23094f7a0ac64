#include "text/training/tokenizer_files.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/json.h"
#include "text/bpe_json.h"

namespace lyceum {
namespace {

using Ordered = nlohmann::ordered_json;

constexpr const char *kUnknown = "[UNK]", *kCls = "[CLS]", *kSep = "[SEP]";
constexpr const char *kBegin = "<s>", *kEnd = "</s>", *kRobertaMask = "<mask>";

using Role = std::pair<const char*, const char*>;
constexpr Role kBertRoles[] = {{"unk_token", kUnknown},
                               {"sep_token", kSep},
                               {"pad_token", "[PAD]"},
                               {"cls_token", kCls},
                               {"mask_token", "[MASK]"}};
constexpr Role kRobertaRoles[] = {{"bos_token", kBegin},       {"eos_token", kEnd},    {"sep_token", kEnd},
                                  {"cls_token", kBegin},       {"unk_token", "<unk>"}, {"pad_token", "<pad>"},
                                  {"mask_token", kRobertaMask}};
constexpr Role kGpt2Roles[] = {{"bos_token", "<|endoftext|>"},
                               {"eos_token", "<|endoftext|>"},
                               {"unk_token", "<|endoftext|>"},
                               {"pad_token", "<pad>"}};

std::span<const Role> roles_of(const TokenizerPlan& plan) {
  if (plan.kind == VocabularyKind::kWordPiece) return kBertRoles;
  if (plan.around == TextTemplate::kRoberta) return kRobertaRoles;
  return kGpt2Roles;
}

// R roberta-base: its mask takes the space before it along.
bool takes_space(const TokenizerPlan& plan, const std::string& token) {
  return plan.around == TextTemplate::kRoberta && token == kRobertaMask;
}

std::size_t id_of(const TokenizerPlan& plan, const std::string& token) {
  return static_cast<std::size_t>(std::find(plan.special.begin(), plan.special.end(), token) -
                                  plan.special.begin());
}

Ordered normalizer_of(const TokenizerPlan& plan) {
  if (plan.kind == VocabularyKind::kWordPiece)
    return {{"type", "BertNormalizer"},
            {"clean_text", true},
            {"handle_chinese_chars", true},
            {"strip_accents", nullptr},
            {"lowercase", plan.lowercase}};
  return plan.lowercase ? Ordered{{"type", "Lowercase"}} : Ordered();
}

Ordered special_piece(const char* token, int type) {
  return {{"SpecialToken", {{"id", token}, {"type_id", type}}}};
}
Ordered text_piece(const char* which, int type) { return {{"Sequence", {{"id", which}, {"type_id", type}}}}; }

Ordered post_processor_of(const TokenizerPlan& plan) {
  if (plan.around == TextTemplate::kRoberta)
    return {{"type", "RobertaProcessing"},
            {"sep", Ordered::array({kEnd, id_of(plan, kEnd)})},
            {"cls", Ordered::array({kBegin, id_of(plan, kBegin)})},
            {"trim_offsets", true},
            {"add_prefix_space", false}};
  if (plan.around == TextTemplate::kNone)
    return plan.kind == VocabularyKind::kBpe ? byte_level_json({.trim_offsets = false})
                                             : Ordered();  // R ByteLevelBPETokenizer
  Ordered special = Ordered::object();
  for (const char* token : {kCls, kSep})
    special[token] = {
        {"id", token}, {"ids", Ordered::array({id_of(plan, token)})}, {"tokens", Ordered::array({token})}};
  return {{"type", "TemplateProcessing"},
          {"single", Ordered::array({special_piece(kCls, 0), text_piece("A", 0), special_piece(kSep, 0)})},
          {"pair", Ordered::array({special_piece(kCls, 0), text_piece("A", 0), special_piece(kSep, 0),
                                   text_piece("B", 1), special_piece(kSep, 1)})},
          {"special_tokens", special}};
}

// An object whose members stand in this order, put together without a search for each name.
Ordered vocabulary_of(const std::vector<std::string>& tokens) {
  Ordered::object_t members;
  members.reserve(tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id)
    static_cast<Ordered::object_t::Container&>(members).emplace_back(tokens[id], id);
  return members;
}

Ordered model_of(const TokenizerPlan& plan, const LearnedVocabulary& learned) {
  if (plan.kind == VocabularyKind::kWordPiece)
    return {{"type", "WordPiece"},
            {"unk_token", kUnknown},
            {"continuing_subword_prefix", kContinuationPrefix},
            {"max_input_chars_per_word", 100},
            {"vocab", vocabulary_of(learned.tokens)}};
  Ordered merges = Ordered::array();
  for (const auto& [left, right] : learned.merges)
    merges.push_back(Ordered::array({learned.tokens[left], learned.tokens[right]}));
  return bpe_model_json(vocabulary_of(learned.tokens), std::move(merges));
}

}  // namespace

std::vector<std::string> default_special(VocabularyKind kind, TextTemplate around) {
  if (kind == VocabularyKind::kWordPiece) return {"[PAD]", kUnknown, kCls, kSep, "[MASK]"};
  if (around == TextTemplate::kRoberta) return {kBegin, "<pad>", kEnd, "<unk>", kRobertaMask};
  return {"<|endoftext|>"};
}

std::vector<std::string> needed_tokens(const TokenizerPlan& plan) {
  std::vector<std::string> out;
  if (plan.kind == VocabularyKind::kWordPiece) out.push_back(kUnknown);
  if (plan.around == TextTemplate::kBert) out.insert(out.end(), {kCls, kSep});
  if (plan.around == TextTemplate::kRoberta) out.insert(out.end(), {kBegin, kEnd});
  return out;
}

std::string tokenizer_json(const TokenizerPlan& plan, const LearnedVocabulary& learned) {
  Ordered added = Ordered::array();
  for (std::size_t id = 0; id < plan.special.size(); ++id)
    added.push_back({{"id", id},
                     {"content", plan.special[id]},
                     {"single_word", false},
                     {"lstrip", takes_space(plan, plan.special[id])},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  const bool is_bpe = plan.kind == VocabularyKind::kBpe;
  const Ordered file = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", std::move(added)},
      {"normalizer", normalizer_of(plan)},
      {"pre_tokenizer",
       is_bpe ? byte_level_json({.add_prefix_space = false}) : Ordered{{"type", "BertPreTokenizer"}}},
      {"post_processor", post_processor_of(plan)},
      {"decoder", is_bpe
                      ? byte_level_json()
                      : Ordered{{"type", "WordPiece"}, {"prefix", kContinuationPrefix}, {"cleanup", true}}},
      {"model", model_of(plan, learned)}};
  return file.dump(2);
}

std::string tokenizer_config_json(const TokenizerPlan& plan) {
  Ordered file{{"tokenizer_class", "PreTrainedTokenizerFast"},
               {"model_max_length", plan.model_max_length},
               {"clean_up_tokenization_spaces", false}};
  file["model_input_names"] = plan.around == TextTemplate::kBert
                                  ? Ordered{"input_ids", "token_type_ids", "attention_mask"}
                                  : Ordered{"input_ids", "attention_mask"};
  if (plan.kind == VocabularyKind::kWordPiece) file["do_lower_case"] = plan.lowercase;
  for (const auto& [role, token] : roles_of(plan)) {
    if (id_of(plan, token) == plan.special.size()) continue;
    if (takes_space(plan, token))
      file[role] = {{"__type", "AddedToken"}, {"content", token},     {"lstrip", true}, {"normalized", false},
                    {"rstrip", false},        {"single_word", false}, {"special", true}};
    else
      file[role] = token;
  }
  return file.dump(2) + "\n";
}

}  // namespace lyceum
