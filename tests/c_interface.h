// What the tests of the C interface share: a tiny model for each handle, and who frees them.
#pragma once

#include <gtest/gtest.h>
#include <lyceum.h>

#include <memory>
#include <string>
#include <vector>

#include "check/temporary_folder.h"
#include "check/tiny_bert.h"

namespace lyceum {

struct CFree {
  void operator()(lyceum_error* p) const { lyceum_error_free(p); }
  void operator()(lyceum_tokenizer* p) const { lyceum_tokenizer_free(p); }
  void operator()(lyceum_embedder* p) const { lyceum_embedder_free(p); }
  void operator()(lyceum_classifier* p) const { lyceum_classifier_free(p); }
  void operator()(lyceum_reranker* p) const { lyceum_reranker_free(p); }
  void operator()(lyceum_tokens* p) const { lyceum_tokens_free(p); }
  void operator()(lyceum_classifications* p) const { lyceum_classifications_free(p); }
  void operator()(char* p) const { lyceum_text_free(p); }
};
template <class T>
using COwned = std::unique_ptr<T, CFree>;

class CInterface : public testing::Test {
 protected:
  CInterface() {
    check::write_tiny_bert(t / "model", {.sentence = true});
    model = (t / "model").string();
    tokenizer = load(lyceum_tokenizer_load, model);
    embedder = load(lyceum_embedder_load, model);
    classifier = load(lyceum_classifier_load, classify_model);
    reranker = load(lyceum_reranker_load, rerank_model);
  }

  template <class H>
  static COwned<H> load(lyceum_status (*loader)(const char*, const lyceum_options*, H**, lyceum_error**),
                        const std::string& name, const lyceum_options* options = nullptr) {
    H* handle = nullptr;
    lyceum_error* error = nullptr;
    EXPECT_EQ(loader(name.c_str(), options, &handle, &error), LYCEUM_OK) << lyceum_error_message(error);
    lyceum_error_free(error);
    return COwned<H>(handle);
  }

  // call(&error) must fail with this status and a message in which `part` stands.
  template <class Call>
  static void expect_failure(lyceum_status status, const std::string& part, Call call) {
    lyceum_error* error = nullptr;
    EXPECT_EQ(call(&error), status) << part;
    const COwned<lyceum_error> owned(error);
    EXPECT_EQ(lyceum_error_status(error), status);
    const std::string message = lyceum_error_message(error);
    EXPECT_NE(message.find(part), std::string::npos) << "found:    " << message << "\nexpected: " << part;
    EXPECT_EQ(call(nullptr), status) << "nobody asks why";
  }

  std::vector<float> embed(const lyceum_embedder* handle, const std::vector<const char*>& texts) const {
    std::vector<float> out(texts.size() * static_cast<std::size_t>(lyceum_embedder_width(handle)));
    lyceum_error* error = nullptr;
    EXPECT_EQ(lyceum_embed(handle, texts.data(), nullptr, texts.size(), out.data(), out.size(), &error),
              LYCEUM_OK)
        << lyceum_error_message(error);
    lyceum_error_free(error);
    return out;
  }

  check::TemporaryFolder t;
  std::string model, classify_model = LYCEUM_SOURCE_DIR "/src/tasks/classify/golden/model",
                     rerank_model = LYCEUM_SOURCE_DIR "/src/tasks/rerank/golden/model";
  COwned<lyceum_tokenizer> tokenizer;
  COwned<lyceum_embedder> embedder;
  COwned<lyceum_classifier> classifier;
  COwned<lyceum_reranker> reranker;
};

}  // namespace lyceum
