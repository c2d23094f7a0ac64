// Whatever is handed to the C interface, it answers with a status: no crash, no exception, no leak.
#include <sys/resource.h>

#include <cstring>
#include <fstream>

#include "base/random.h"
#include "check/sanitized.h"
#include "tests/c_interface.h"

namespace lyceum {
namespace {

// Everything that a call can be given, so that a test spoils one of it at a time.
struct CallArguments {
  const char* texts[2] = {"the cat", "a dog"};
  std::size_t lengths[2] = {7, 5};
  std::int32_t ids[2] = {5, 6};
  float vectors[64] = {};
  lyceum_ranked ranked[2] = {};
};

class CHostile : public CInterface {
 protected:
  using Call = std::function<lyceum_status(lyceum_error**)>;

  lyceum_status embed_with(const char* const* texts, const std::size_t* lengths, std::size_t count,
                           float* vectors, std::size_t room, lyceum_error** e) const {
    return lyceum_embed(embedder.get(), texts, lengths, count, vectors, room, e);
  }

  CallArguments a;
  lyceum_tokenizer* new_tokenizer = nullptr;
  lyceum_embedder* new_embedder = nullptr;
  lyceum_classifier* new_classifier = nullptr;
  lyceum_reranker* new_reranker = nullptr;
  lyceum_tokens* tokens = nullptr;
  lyceum_classifications* labels = nullptr;
  char* text = nullptr;
};

TEST_F(CHostile, NullIsUsageInEveryPlace) {
  const char* const missing[2] = {"the cat", nullptr};
  const char* const names[1] = {"dog"};
  const char* const no_name[1] = {nullptr};
  const lyceum_zero_shot_options z{.size = sizeof z, .labels = names, .label_count = 1},
      no_labels{.size = sizeof z, .label_count = 1},
      null_label{.size = sizeof z, .labels = no_name, .label_count = 1};
  const auto *tk = tokenizer.get(), *no_tk = static_cast<lyceum_tokenizer*>(nullptr);
  const auto *em = embedder.get(), *no_em = static_cast<lyceum_embedder*>(nullptr);
  const auto *cl = classifier.get(), *no_cl = static_cast<lyceum_classifier*>(nullptr);
  const auto *rr = reranker.get(), *no_rr = static_cast<lyceum_reranker*>(nullptr);
  const std::pair<const char*, Call> calls[] = {
      {"model: found NULL",
       [&](auto e) { return lyceum_tokenizer_load(nullptr, nullptr, &new_tokenizer, e); }},
      {"model: found NULL", [&](auto e) { return lyceum_embedder_load(nullptr, nullptr, &new_embedder, e); }},
      {"model: found NULL",
       [&](auto e) { return lyceum_classifier_load(nullptr, nullptr, &new_classifier, e); }},
      {"model: found NULL", [&](auto e) { return lyceum_reranker_load(nullptr, nullptr, &new_reranker, e); }},
      {"out: found NULL", [&](auto e) { return lyceum_tokenizer_load(model.c_str(), nullptr, nullptr, e); }},
      {"out: found NULL", [&](auto e) { return lyceum_embedder_load(model.c_str(), nullptr, nullptr, e); }},
      {"out: found NULL", [&](auto e) { return lyceum_classifier_load(model.c_str(), nullptr, nullptr, e); }},
      {"out: found NULL", [&](auto e) { return lyceum_reranker_load(model.c_str(), nullptr, nullptr, e); }},
      {"expected a tokenizer", [&](auto e) { return lyceum_tokenize(no_tk, "a", 1, 0, &tokens, e); }},
      {"text: found NULL", [&](auto e) { return lyceum_tokenize(tk, nullptr, 0, 0, &tokens, e); }},
      {"out: found NULL", [&](auto e) { return lyceum_tokenize(tk, "a", 1, 0, nullptr, e); }},
      {"expected a tokenizer",
       [&](auto e) { return lyceum_detokenize(no_tk, a.ids, 2, 0, &text, nullptr, e); }},
      {"ids: found NULL", [&](auto e) { return lyceum_detokenize(tk, nullptr, 2, 0, &text, nullptr, e); }},
      {"out: found NULL", [&](auto e) { return lyceum_detokenize(tk, a.ids, 2, 0, nullptr, nullptr, e); }},
      {"expected an embedder",
       [&](auto e) { return lyceum_embed(no_em, a.texts, nullptr, 2, a.vectors, 64, e); }},
      {"texts: found NULL", [&](auto e) { return lyceum_embed(em, nullptr, nullptr, 2, a.vectors, 64, e); }},
      {"texts[1]: found NULL",
       [&](auto e) { return lyceum_embed(em, missing, nullptr, 2, a.vectors, 64, e); }},
      {"texts[1]: found NULL",
       [&](auto e) { return lyceum_embed(em, missing, a.lengths, 2, a.vectors, 64, e); }},
      {"vectors: found NULL", [&](auto e) { return lyceum_embed(em, a.texts, nullptr, 2, nullptr, 64, e); }},
      {"expected a classifier",
       [&](auto e) {
         return lyceum_classify(no_cl, a.texts, nullptr, nullptr, nullptr, 2, nullptr, &labels, e);
       }},
      {"texts: found NULL",
       [&](auto e) {
         return lyceum_classify(cl, nullptr, nullptr, nullptr, nullptr, 2, nullptr, &labels, e);
       }},
      {"pairs[1]: found NULL",
       [&](auto e) {
         return lyceum_classify(cl, a.texts, nullptr, missing, nullptr, 2, nullptr, &labels, e);
       }},
      {"out: found NULL",
       [&](auto e) {
         return lyceum_classify(cl, a.texts, nullptr, nullptr, nullptr, 2, nullptr, nullptr, e);
       }},
      {"expected a classifier",
       [&](auto e) { return lyceum_classify_zero_shot(no_cl, a.texts, nullptr, 2, &z, &labels, e); }},
      {"texts: found NULL",
       [&](auto e) { return lyceum_classify_zero_shot(cl, nullptr, nullptr, 2, &z, &labels, e); }},
      {"label",
       [&](auto e) { return lyceum_classify_zero_shot(cl, a.texts, nullptr, 2, nullptr, &labels, e); }},
      {"labels: found NULL",
       [&](auto e) { return lyceum_classify_zero_shot(cl, a.texts, nullptr, 2, &no_labels, &labels, e); }},
      {"labels[0]: found NULL",
       [&](auto e) { return lyceum_classify_zero_shot(cl, a.texts, nullptr, 2, &null_label, &labels, e); }},
      {"out: found NULL",
       [&](auto e) { return lyceum_classify_zero_shot(cl, a.texts, nullptr, 2, &z, nullptr, e); }},
      {"expected a reranker",
       [&](auto e) { return lyceum_rerank(no_rr, "a", 1, a.texts, nullptr, 2, 0, a.ranked, 2, nullptr, e); }},
      {"query: found NULL",
       [&](auto e) {
         return lyceum_rerank(rr, nullptr, 0, a.texts, nullptr, 2, 0, a.ranked, 2, nullptr, e);
       }},
      {"passages: found NULL",
       [&](auto e) { return lyceum_rerank(rr, "a", 1, nullptr, nullptr, 2, 0, a.ranked, 2, nullptr, e); }},
      {"best: found NULL",
       [&](auto e) { return lyceum_rerank(rr, "a", 1, a.texts, nullptr, 2, 0, nullptr, 2, nullptr, e); }},
  };
  for (const auto& [part, call] : calls) expect_failure(LYCEUM_USAGE, part, call);
  EXPECT_EQ(lyceum_tokenizer_size(nullptr), 0);
  EXPECT_EQ(lyceum_embedder_width(nullptr), 0);
  EXPECT_EQ(lyceum_embedder_max_tokens(nullptr), 0);
  EXPECT_EQ(lyceum_error_status(nullptr), LYCEUM_OK);
  EXPECT_STREQ(lyceum_error_message(nullptr), "");
}

TEST_F(CHostile, FreeTakesNull) {
  lyceum_error_free(nullptr);
  lyceum_tokenizer_free(nullptr);
  lyceum_embedder_free(nullptr);
  lyceum_classifier_free(nullptr);
  lyceum_reranker_free(nullptr);
  lyceum_tokens_free(nullptr);
  lyceum_classifications_free(nullptr);
  lyceum_text_free(nullptr);
}

TEST_F(CHostile, AHandleOfAnotherKindIsNamed) {
  auto* const as_embedder = reinterpret_cast<lyceum_embedder*>(reranker.get());
  expect_failure(LYCEUM_USAGE, "found a reranker, expected an embedder",
                 [&](auto e) { return lyceum_embed(as_embedder, a.texts, nullptr, 2, a.vectors, 64, e); });
  EXPECT_EQ(lyceum_embedder_width(as_embedder), 0);
  EXPECT_EQ(lyceum_embedder_max_tokens(as_embedder), 0);
  EXPECT_EQ(lyceum_tokenizer_size(reinterpret_cast<lyceum_tokenizer*>(reranker.get())), 0);
  alignas(8) char zeros[64] = {};
  expect_failure(LYCEUM_USAGE, "found no handle", [&](auto e) {
    return lyceum_tokenize(reinterpret_cast<lyceum_tokenizer*>(zeros), "a", 1, 0, &tokens, e);
  });
  lyceum_embedder_free(as_embedder);  // not an embedder: left alone
  EXPECT_EQ(lyceum_rerank(reranker.get(), "a", 1, a.texts, nullptr, 2, 0, a.ranked, 2, nullptr, nullptr),
            LYCEUM_OK);
}

TEST_F(CHostile, ImpossibleSizesAreUsage) {
  constexpr std::size_t kHuge[] = {LYCEUM_MAX_COUNT + 1, SIZE_MAX / 2, SIZE_MAX - 1, SIZE_MAX};
  for (const std::size_t count : kHuge) {
    const std::string part = std::to_string(count);
    expect_failure(LYCEUM_USAGE, part,
                   [&](auto e) { return embed_with(a.texts, nullptr, count, a.vectors, 64, e); });
    expect_failure(LYCEUM_USAGE, part,
                   [&](auto e) { return embed_with(a.texts, nullptr, count, a.vectors, SIZE_MAX, e); });
    expect_failure(LYCEUM_USAGE, part, [&](auto e) {
      return lyceum_classify(classifier.get(), a.texts, nullptr, nullptr, nullptr, count, nullptr, &labels,
                             e);
    });
    expect_failure(LYCEUM_USAGE, part, [&](auto e) {
      return lyceum_rerank(reranker.get(), "a", 1, a.texts, nullptr, count, 0, a.ranked, 2, nullptr, e);
    });
    expect_failure(LYCEUM_USAGE, part, [&](auto e) {
      return lyceum_detokenize(tokenizer.get(), a.ids, count, 0, &text, nullptr, e);
    });
    const lyceum_zero_shot_options z{.size = sizeof z, .labels = a.texts, .label_count = count};
    expect_failure(LYCEUM_USAGE, part, [&](auto e) {
      return lyceum_classify_zero_shot(classifier.get(), a.texts, nullptr, 2, &z, &labels, e);
    });
    const std::size_t lengths[2] = {7,
                                    count == SIZE_MAX ? SIZE_MAX - 1 : count};  // SIZE_MAX ends with a zero
    expect_failure(LYCEUM_USAGE, "texts[1]: found",
                   [&](auto e) { return embed_with(a.texts, lengths, 2, a.vectors, 64, e); });
  }
  // a text without an end within the limit
  const std::vector<char> endless(LYCEUM_MAX_BYTES + 1, 'a');
  expect_failure(LYCEUM_USAGE, "text: found more bytes, expected at most 268435456", [&](auto e) {
    return lyceum_tokenize(tokenizer.get(), endless.data(), LYCEUM_ZERO_ENDED, 0, &tokens, e);
  });
  const auto width = static_cast<std::size_t>(lyceum_embedder_width(embedder.get()));
  expect_failure(LYCEUM_USAGE, "room: found",
                 [&](auto e) { return embed_with(a.texts, nullptr, 2, a.vectors, 2 * width - 1, e); });
  EXPECT_EQ(embed_with(a.texts, nullptr, 2, a.vectors, 2 * width, nullptr), LYCEUM_OK);
}

TEST_F(CHostile, NothingInIsNothingOut) {
  EXPECT_EQ(embed_with(nullptr, nullptr, 0, nullptr, 0, nullptr), LYCEUM_OK);
  EXPECT_EQ(
      lyceum_classify(classifier.get(), nullptr, nullptr, nullptr, nullptr, 0, nullptr, &labels, nullptr),
      LYCEUM_OK);
  EXPECT_EQ(COwned<lyceum_classifications>(labels)->count, 0u);
  const char* const names[1] = {"dog"};
  const lyceum_zero_shot_options z{.size = sizeof z, .labels = names, .label_count = 1};
  EXPECT_EQ(lyceum_classify_zero_shot(classifier.get(), nullptr, nullptr, 0, &z, &labels, nullptr),
            LYCEUM_OK);
  EXPECT_EQ(COwned<lyceum_classifications>(labels)->count, 0u);
  std::size_t written = 7;
  EXPECT_EQ(lyceum_rerank(reranker.get(), "", 0, nullptr, nullptr, 0, 0, nullptr, 0, &written, nullptr),
            LYCEUM_OK);
  EXPECT_EQ(written, 0u);
  written = 7;
  EXPECT_EQ(lyceum_rerank(reranker.get(), "a", 1, a.texts, nullptr, 2, 0, nullptr, 0, &written, nullptr),
            LYCEUM_OK);
  EXPECT_EQ(written, 0u) << "no room";
  EXPECT_EQ(lyceum_tokenize(tokenizer.get(), "", 0, 0, &tokens, nullptr), LYCEUM_OK);
  EXPECT_EQ(COwned<lyceum_tokens>(tokens)->count, 0u);
  std::size_t length = 7;
  EXPECT_EQ(lyceum_detokenize(tokenizer.get(), nullptr, 0, 0, &text, &length, nullptr), LYCEUM_OK);
  EXPECT_STREQ(COwned<char>(text).get(), "");
  EXPECT_EQ(length, 0u);
}

TEST_F(CHostile, OptionsOfAnOlderAndANewerCaller) {
  struct Newer {
    lyceum_options now;
    std::int64_t later[2];
  };
  Newer newer{{.size = sizeof(Newer), .dtype = "f32"}, {0, 0}};
  EXPECT_NE(load(lyceum_embedder_load, model, &newer.now), nullptr) << "what it does not use costs nothing";
  newer.later[1] = 1;
  expect_failure(LYCEUM_USAGE, "a member is set that this version",
                 [&](auto e) { return lyceum_embedder_load(model.c_str(), &newer.now, &new_embedder, e); });
  // an older one has fewer members: what lies behind them is not read
  lyceum_options older{.size = offsetof(lyceum_options, max_tokens), .dtype = "f32", .max_tokens = -5};
  EXPECT_NE(load(lyceum_embedder_load, model, &older), nullptr);
  for (const std::size_t size : {std::size_t{0}, sizeof(std::size_t) - 1, std::size_t{4097}, SIZE_MAX}) {
    older.size = size;
    expect_failure(LYCEUM_USAGE, "found the size " + std::to_string(size),
                   [&](auto e) { return lyceum_embedder_load(model.c_str(), &older, &new_embedder, e); });
  }
}

TEST_F(CHostile, OptionsWithoutSenseAreUsage) {
  const std::pair<const char*, lyceum_options> cases[] = {
      {"max_tokens", {.size = sizeof(lyceum_options), .max_tokens = 4}},
      {"prompt_name", {.size = sizeof(lyceum_options), .prompt_name = "a"}},
      {"prompt", {.size = sizeof(lyceum_options), .prompt = ""}},
      {"pull: found 2", {.size = sizeof(lyceum_options), .pull = 2}}};
  for (const auto& [part, o] : cases) {
    const lyceum_options* given = &o;
    expect_failure(LYCEUM_USAGE, part, [&](auto e) {
      return lyceum_reranker_load(rerank_model.c_str(), given, &new_reranker, e);
    });
    expect_failure(LYCEUM_USAGE, part,
                   [&](auto e) { return lyceum_tokenizer_load(model.c_str(), given, &new_tokenizer, e); });
  }
  const lyceum_options dtype{.size = sizeof dtype, .dtype = "f8"},
      negative{.size = sizeof dtype, .max_tokens = -1};
  expect_failure(LYCEUM_UNSUPPORTED, "f8",
                 [&](auto e) { return lyceum_embedder_load(model.c_str(), &dtype, &new_embedder, e); });
  expect_failure(LYCEUM_USAGE, "dtype 'f8'",
                 [&](auto e) { return lyceum_tokenizer_load(model.c_str(), &dtype, &new_tokenizer, e); });
  expect_failure(LYCEUM_USAGE, "-1",
                 [&](auto e) { return lyceum_embedder_load(model.c_str(), &negative, &new_embedder, e); });
  const lyceum_classify_options function{.size = sizeof function, .function = 4},
      top{.size = sizeof top, .top = -1};
  for (const auto& [part, o] : {std::pair("function: found 4", &function), std::pair("top: found -1", &top)})
    expect_failure(LYCEUM_USAGE, part, [&, o = o](auto e) {
      return lyceum_classify(classifier.get(), a.texts, nullptr, nullptr, nullptr, 2, o, &labels, e);
    });
  expect_failure(LYCEUM_USAGE, "add_special: found 2",
                 [&](auto e) { return lyceum_tokenize(tokenizer.get(), "a", 1, 2, &tokens, e); });
  expect_failure(LYCEUM_USAGE, "raw: found -1", [&](auto e) {
    return lyceum_rerank(reranker.get(), "a", 1, a.texts, nullptr, 2, -1, a.ranked, 2, nullptr, e);
  });
}

TEST_F(CHostile, ErrorsKeepTheirKind) {
  expect_failure(LYCEUM_IO, "/missing",
                 [&](auto e) { return lyceum_embedder_load("/missing", nullptr, &new_embedder, e); });
  EXPECT_EQ(new_embedder, nullptr);
  expect_failure(LYCEUM_UNSUPPORTED, "found 3 labels", [&](auto e) {
    return lyceum_reranker_load(classify_model.c_str(), nullptr, &new_reranker, e);
  });
  std::filesystem::copy(model, t / "bad", std::filesystem::copy_options::recursive);
  std::ofstream(t / "bad/model.safetensors") << "no tensors";
  expect_failure(LYCEUM_FORMAT, "model.safetensors", [&](auto e) {
    return lyceum_embedder_load((t / "bad").c_str(), nullptr, &new_embedder, e);
  });
  check::write_tiny_bert(t / "few", {.vocabulary = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}});
  std::ofstream(t / "few/vocab.txt", std::ios::app) << "more\n";
  expect_failure(LYCEUM_DATA, "", [&](auto e) {
    return lyceum_embedder_load((t / "few").c_str(), nullptr, &new_embedder, e);
  });
}

// Arguments drawn from what is right and what is not: a status always, and a message with every failure.
TEST_F(CHostile, RandomArgumentsGiveAStatus) {
  Random random(17);
  const auto pick = [&](auto... values) {
    const std::common_type_t<decltype(values)...> all[] = {values...};
    return all[random.below(static_cast<std::uint32_t>(sizeof...(values)))];
  };
  const char bytes[] = "a\0\xff\xf0\x9f the \xed\xa0\x80 [MASK] \xc3";
  const char* const texts[3] = {bytes, "", "the cat"};
  int failures = 0;
  for (int round = 0; round < 3000; ++round) {
    std::size_t lengths[3];
    for (std::size_t& length : lengths)
      length = pick(std::size_t{0}, std::size_t{1}, LYCEUM_ZERO_ENDED, LYCEUM_MAX_BYTES + 1);
    const std::size_t some_length = pick(std::size_t{0}, std::size_t{1}, sizeof bytes - 1, LYCEUM_ZERO_ENDED);
    const char* const some_text = pick(bytes, static_cast<const char*>(nullptr));
    const auto some_texts = pick(&texts[0], static_cast<const char* const*>(nullptr));
    const auto some_lengths = pick(&lengths[0], static_cast<std::size_t*>(nullptr));
    const std::size_t count = pick(std::size_t{0}, std::size_t{1}, std::size_t{3}, SIZE_MAX);
    const auto room = pick(std::size_t{0}, std::size_t{7}, std::size_t{24}, std::size_t{64});
    const int flag = pick(0, 1, 2);
    std::int32_t ids[3];
    for (std::int32_t& id : ids) id = static_cast<std::int32_t>(random.bits()) >> pick(0, 20, 27);
    const lyceum_classify_options o{
        .size = pick(sizeof o, std::size_t{3}), .top = pick(-1, 0, 1), .function = pick(0, 1, 9)};
    const lyceum_zero_shot_options z{.size = sizeof z,
                                     .labels = some_texts,
                                     .label_count = count,
                                     .hypothesis = pick("{}", "{", static_cast<const char*>(nullptr)),
                                     .multi_label = flag};
    lyceum_error* error = nullptr;
    lyceum_status status = LYCEUM_OK;
    switch (random.below(6)) {
      case 0:
        status = lyceum_tokenize(tokenizer.get(), some_text, some_length, flag, &tokens, &error);
        EXPECT_EQ(status == LYCEUM_OK, tokens != nullptr);
        lyceum_tokens_free(tokens);
        break;
      case 1:
        status = lyceum_detokenize(tokenizer.get(), ids, std::min<std::size_t>(count, 3), flag, &text,
                                   nullptr, &error);
        EXPECT_EQ(status == LYCEUM_OK, text != nullptr);
        lyceum_text_free(text);
        break;
      case 2:
        status = embed_with(some_texts, some_lengths, count, a.vectors, room, &error);
        break;
      case 3:
        status = lyceum_classify(classifier.get(), some_texts, some_lengths, pick(some_texts, &texts[0]),
                                 some_lengths, count, &o, &labels, &error);
        EXPECT_EQ(status == LYCEUM_OK, labels != nullptr);
        lyceum_classifications_free(labels);
        break;
      case 4:
        status =
            lyceum_classify_zero_shot(classifier.get(), some_texts, some_lengths, count, &z, &labels, &error);
        EXPECT_EQ(status == LYCEUM_OK, labels != nullptr);
        lyceum_classifications_free(labels);
        break;
      default:
        status = lyceum_rerank(reranker.get(), some_text, some_length, some_texts, some_lengths, count, flag,
                               a.ranked, pick(std::size_t{0}, std::size_t{2}), nullptr, &error);
    }
    EXPECT_EQ(status == LYCEUM_OK, error == nullptr);
    EXPECT_EQ(lyceum_error_status(error), status);
    EXPECT_NE(status, LYCEUM_INTERNAL) << lyceum_error_message(error);
    if (error != nullptr) {
      EXPECT_NE(std::strlen(lyceum_error_message(error)), 0u);
    }
    failures += status != LYCEUM_OK;
    lyceum_error_free(error);
  }
  EXPECT_GT(failures, 500);
  EXPECT_LT(failures, 2900) << "calls that work belong to it";
}

// In a process of its own, with room for 64 MB more than it has.
TEST_F(CHostile, WithoutMemoryThereIsAnErrorAndTheHandleStaysGood) {
  if (check::kSanitized) GTEST_SKIP() << "sanitizers map terabytes";
  const std::string large(std::size_t{1} << 20, 'a');
  const std::vector<const char*> texts(1000, large.c_str());
  const auto width = static_cast<std::size_t>(lyceum_embedder_width(embedder.get()));
  std::vector<float> vectors(texts.size() * width);
  const auto without_memory = [&] {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit most{pages * 4096 + (64 << 20), RLIM_INFINITY};
    ::setrlimit(RLIMIT_AS, &most);
    lyceum_error* error = nullptr;
    const lyceum_status status =
        embed_with(texts.data(), nullptr, texts.size(), vectors.data(), vectors.size(), &error);
    std::fprintf(stderr, "%s\n", lyceum_error_message(error));
    if (status != LYCEUM_MEMORY || lyceum_error_status(error) != LYCEUM_MEMORY) std::_Exit(1);
    lyceum_error_free(error);
    std::_Exit(embed_with(a.texts, nullptr, 2, vectors.data(), vectors.size(), nullptr) == LYCEUM_OK ? 0 : 2);
  };
  lyceum_set_threads(1, nullptr);  // a forked process has no other threads
  EXPECT_EXIT(without_memory(), testing::ExitedWithCode(0), "not enough memory");
  lyceum_set_threads(0, nullptr);
}

}  // namespace
}  // namespace lyceum
