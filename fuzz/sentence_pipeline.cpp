// The JSON files of a sentence-transformers folder, zero bytes between them.
#include "formats/sentence_pipeline.h"

#include <filesystem>

#include "check/temporary_folder.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  static const check::TemporaryFolder folder;
  constexpr const char* kFiles[] = {"modules.json", "1_Pooling/config.json", "2_Dense/config.json",
                                    "sentence_bert_config.json", "config_sentence_transformers.json"};
  const std::vector<std::string> parts = fuzz::texts_of(data, size, std::size(kFiles));
  for (std::size_t i = 0; i < parts.size(); ++i)
    parts[i].empty() ? void(std::filesystem::remove(folder / kFiles[i]))
                     : check::write_file(folder / kFiles[i], parts[i]);
  fuzz::answer([] {
    const SentencePipeline p = sentence_pipeline(ModelFolder::find(folder.path().string()));
    fuzz::require(!p.modules.empty() && p.modules[0].kind == SentenceModule::Kind::kPooling,
                  "pooling comes first");
    for (std::size_t i = 1; i < p.modules.size(); ++i)
      fuzz::require(p.modules[i].kind != SentenceModule::Kind::kPooling, "pooling comes once");
    fuzz::require(!p.modules[0].modes.empty() && p.modules[0].modes.size() <= 6, "pooling has its modes");
    fuzz::require(p.default_prompt_name.empty() || p.prompts.contains(p.default_prompt_name),
                  "the default prompt is one of the prompts");
  });
  return 0;
}
