// A model's folder, loaded whole: the body and what a sentence-transformers pipeline puts behind it.
#pragma once

#include <memory>

#include "nn/registry.h"
#include "nn/sentence_head.h"

namespace lyceum {

struct SentenceModel {
  ModelFolder folder;         // of the body: its own when modules.json names one ("0_Transformer")
  SentencePipeline pipeline;  // mean pooling where the folder has no modules.json
  bool has_pipeline = false;  // modules.json is there
  LoadedModel loaded;
  std::unique_ptr<SentenceHead> head;

  const Model& body() const { return *loaded.model; }
};

// `pooling` as set_pooling; empty: the folder's own. Throws what sentence_pipeline, set_pooling, load_model
// and SentenceHead throw.
SentenceModel load_sentence_model(const ModelFolder& folder, std::optional<Compute> compute = {},
                                  const std::vector<std::string>& pooling = {});

}  // namespace lyceum
