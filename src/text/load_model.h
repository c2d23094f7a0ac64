// Reading the model of a tokenizer.json and the files of a vocabulary; adding tokens to it. Heavy (JSON).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/load_parts.h"

namespace lyceum {

// The tokens of a model, by id and by text.
class Vocabulary {
 public:
  void put(std::int32_t id, std::string token);  // a later token takes an id over, and a text
  const std::map<std::int32_t, std::string>& by_id() const noexcept { return by_id_; }
  std::int32_t find(const std::string& token) const;  // -1: none
  std::size_t size() const noexcept { return by_id_.size(); }
  std::vector<std::pair<std::string, std::int32_t>> tokens() const;

 private:
  std::map<std::int32_t, std::string> by_id_;
  std::unordered_map<std::string, std::int32_t> by_text_;
};

Vocabulary parse_vocabulary(const JsonFields& model);
Vocabulary vocabulary_of_lines(std::string_view text, const std::string& what);  // vocab.txt
Vocabulary vocabulary_of_json(const Json& json, const std::string& what);        // vocab.json
Bpe::Merges parse_merges(const JsonFields& model);
Bpe::Merges merges_of_lines(std::string_view text, const std::string& what);  // merges.txt

// The type of a model; old files leave it to its keys.
std::string model_type(const JsonFields& model);
TokenModelPtr parse_model(const JsonFields& model, const std::string& type, const Vocabulary& vocabulary);

AddedToken parse_added_token(const JsonFields& token);

// Adds tokens as the reference does: one of the vocabulary keeps its id, a new one gets the next, whatever a
// file says; one that was added before keeps its id and gets the new flags.
class TokenAdder {
 public:
  TokenAdder(std::vector<AddedToken>& added, const Vocabulary& vocabulary)
      : added_(added), vocabulary_(vocabulary) {}
  void add(AddedToken token);
  bool has(const std::string& content) const { return at_.contains(content); }
  std::int32_t id(const std::string& content) const;  // also of the vocabulary; -1: none

 private:
  std::vector<AddedToken>& added_;
  const Vocabulary& vocabulary_;
  std::unordered_map<std::string, std::size_t> at_;
  std::int64_t most_ = -1;  // id
};

}  // namespace lyceum
