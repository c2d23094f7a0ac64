#include "text/special_tokens.h"

#include <array>

#include "base/json.h"
#include "formats/model_folder.h"

namespace lyceum {
namespace {

struct Part {
  const char* key;
  std::array<const char*, 2> usual;  // BERT's name, RoBERTa's
  std::int32_t SpecialTokens::*id;
};
constexpr Part kParts[] = {{"unk_token", {"[UNK]", "<unk>"}, &SpecialTokens::unknown},
                           {"pad_token", {"[PAD]", "<pad>"}, &SpecialTokens::padding},
                           {"cls_token", {"[CLS]", "<s>"}, &SpecialTokens::classification},
                           {"mask_token", {"[MASK]", "<mask>"}, &SpecialTokens::mask}};

}  // namespace

SpecialTokens special_tokens(const ModelFolder& folder, const Tokenizer& tokenizer) {
  SpecialTokens out;
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const auto file = folder.file(name);
    if (!file) continue;
    const Json json = read_json(*file);
    const JsonFields f(json, file->string());
    for (const Part& part : kParts) {
      if (out.*part.id >= 0 || !f.has(part.key)) continue;
      // a string, or an object with its content
      const std::string token =
          f.at(part.key).is_object() ? f.object(part.key).text("content") : f.text(part.key);
      out.*part.id = tokenizer.id(token).value_or(-1);
    }
  }
  for (const Part& part : kParts)
    for (const char* name : part.usual)
      if (out.*part.id < 0) out.*part.id = tokenizer.id(name).value_or(-1);
  return out;
}

}  // namespace lyceum
