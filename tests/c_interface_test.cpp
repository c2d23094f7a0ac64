// The C interface gives what the C++ one gives, bit for bit, also from several threads at once.
#include "tests/c_interface.h"

#include <thread>

#include "base/file.h"
#include "check/hub_server.h"
#include "check/setting.h"
#include "lyceum/lyceum.h"

namespace lyceum {
namespace {

const std::vector<const char*> kTexts{"the cat sat on the mat", "a dog", "",
                                      "\xc3\xa9 \xff the unwanted runs!",
                                      "the park is in the park and the dog ran and ran on in it"};
const std::vector<std::string> kStrings(kTexts.begin(), kTexts.end());

void expect_same(const lyceum_classifications* got, const std::vector<Classification>& want) {
  ASSERT_NE(got, nullptr);
  ASSERT_EQ(got->count, want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    ASSERT_EQ(got->texts[i].count, want[i].labels.size());
    EXPECT_EQ(got->texts[i].truncated != 0, want[i].truncated);
    for (std::size_t k = 0; k < want[i].labels.size(); ++k) {
      EXPECT_EQ(got->texts[i].labels[k].name, want[i].labels[k].label);
      EXPECT_EQ(got->texts[i].labels[k].score, want[i].labels[k].score);
    }
  }
}

TEST_F(CInterface, VectorsAreThoseOfTheCppInterface) {
  for (const char* dtype : {"f32", "bf16", "int8"}) {
    const std::vector<float> want = EmbeddingModel::load(model, {.dtype = dtype}).embed(kStrings);
    for (const int threads : {0, 1, 2, 3}) {
      const lyceum_options options{.size = sizeof options, .dtype = dtype, .threads = threads};
      EXPECT_EQ(embed(load(lyceum_embedder_load, model, &options).get(), kTexts), want) << dtype << threads;
    }
  }
  EXPECT_EQ(lyceum_embedder_width(embedder.get()), EmbeddingModel::load(model).width());
  EXPECT_EQ(lyceum_embedder_max_tokens(embedder.get()), EmbeddingModel::load(model).max_tokens());
}

TEST_F(CInterface, OptionsReachTheEmbedder) {
  const lyceum_options cut{.size = sizeof cut, .max_tokens = 4};
  EXPECT_EQ(embed(load(lyceum_embedder_load, model, &cut).get(), kTexts),
            EmbeddingModel::load(model, {.max_tokens = 4}).embed(kStrings));
  const lyceum_options prompt{.size = sizeof prompt, .prompt = "query: "};
  EXPECT_EQ(embed(load(lyceum_embedder_load, model, &prompt).get(), kTexts),
            EmbeddingModel::load(model, {.prompt = "query: "}).embed(kStrings));
  const lyceum_options name{.size = sizeof name, .prompt_name = "none"};
  lyceum_embedder* none = nullptr;
  expect_failure(LYCEUM_USAGE, "'none'",
                 [&](lyceum_error** e) { return lyceum_embedder_load(model.c_str(), &name, &none, e); });
}

TEST_F(CInterface, TokensAreThoseOfTheCppInterface) {
  const TextTokenizer want = TextTokenizer::load(model);
  EXPECT_EQ(lyceum_tokenizer_size(tokenizer.get()), want.size());
  for (const std::string& text : kStrings)
    for (const int special : {0, 1}) {
      const TokenizedText w = want.encode(text, special == 1);
      lyceum_tokens* out = nullptr;
      ASSERT_EQ(lyceum_tokenize(tokenizer.get(), text.c_str(), LYCEUM_ZERO_ENDED, special, &out, nullptr),
                LYCEUM_OK);
      const COwned<lyceum_tokens> got(out);
      EXPECT_EQ(std::vector<std::int32_t>(got->ids, got->ids + got->count), w.ids);
      EXPECT_EQ(std::vector<std::int32_t>(got->type_ids, got->type_ids + got->count), w.type_ids);
      for (std::size_t i = 0; i < got->count; ++i)
        EXPECT_EQ(std::pair(got->begins[i], got->ends[i]), w.offsets[i]) << text << i;
      for (const int skip : {0, 1}) {
        char* back = nullptr;
        std::size_t length = 0;
        ASSERT_EQ(lyceum_detokenize(tokenizer.get(), got->ids, got->count, skip, &back, &length, nullptr),
                  LYCEUM_OK);
        const COwned<char> owned(back);
        EXPECT_EQ(std::string(back, length), want.decode(w.ids, skip == 1));
        EXPECT_EQ(back[length], '\0');
      }
    }
  const std::int32_t unknown = 1'000'000;
  char* back = nullptr;
  expect_failure(LYCEUM_DATA, "1000000", [&](lyceum_error** e) {
    return lyceum_detokenize(tokenizer.get(), &unknown, 1, 0, &back, nullptr, e);
  });
}

TEST_F(CInterface, LengthsTellWhereTextsEnd) {
  const std::string zeros("a\0dog", 5);
  const std::vector<const char*> texts{zeros.c_str(), zeros.c_str(), zeros.c_str()};
  const std::vector<std::size_t> lengths{5, 1, 0};
  std::vector<float> got(3 * static_cast<std::size_t>(lyceum_embedder_width(embedder.get())));
  ASSERT_EQ(lyceum_embed(embedder.get(), texts.data(), lengths.data(), 3, got.data(), got.size(), nullptr),
            LYCEUM_OK);
  EXPECT_EQ(got, EmbeddingModel::load(model).embed(std::vector<std::string>{zeros, "a", ""}));
}

TEST_F(CInterface, LabelsAreThoseOfTheCppInterface) {
  const TextClassifier want = TextClassifier::load(classify_model);
  const std::size_t n = kTexts.size();
  const std::pair<std::int32_t, ScoreFunction> functions[] = {{LYCEUM_SCORE_DEFAULT, ScoreFunction::kDefault},
                                                              {LYCEUM_SCORE_SOFTMAX, ScoreFunction::kSoftmax},
                                                              {LYCEUM_SCORE_SIGMOID, ScoreFunction::kSigmoid},
                                                              {LYCEUM_SCORE_NONE, ScoreFunction::kNone}};
  lyceum_classifications* out = nullptr;
  for (const auto& [function, own] : functions) {
    const lyceum_classify_options o{.size = sizeof o, .top = 2, .function = function};
    ASSERT_EQ(
        lyceum_classify(classifier.get(), kTexts.data(), nullptr, nullptr, nullptr, n, &o, &out, nullptr),
        LYCEUM_OK);
    expect_same(COwned<lyceum_classifications>(out).get(),
                want.classify(kStrings, {.function = own, .top = 2}));
  }
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string& text : kStrings) pairs.emplace_back(text, kStrings[0]);
  const std::vector<const char*> seconds(n, kTexts[0]);
  ASSERT_EQ(lyceum_classify(classifier.get(), kTexts.data(), nullptr, seconds.data(), nullptr, n, nullptr,
                            &out, nullptr),
            LYCEUM_OK);
  expect_same(COwned<lyceum_classifications>(out).get(), want.classify_pairs(pairs));
  const std::vector<const char*> labels{"cat", "dog"};
  for (const int multi : {0, 1}) {
    const lyceum_zero_shot_options o{.size = sizeof o,
                                     .labels = labels.data(),
                                     .label_count = 2,
                                     .hypothesis = "a {}.",
                                     .multi_label = multi,
                                     .top = 1};
    ASSERT_EQ(lyceum_classify_zero_shot(classifier.get(), kTexts.data(), nullptr, n, &o, &out, nullptr),
              LYCEUM_OK);
    expect_same(
        COwned<lyceum_classifications>(out).get(),
        want.zero_shot(
            kStrings,
            {.labels = {"cat", "dog"}, .hypothesis_template = "a {}.", .multi_label = multi == 1, .top = 1}));
  }
}

TEST_F(CInterface, RankingIsThatOfTheCppInterface) {
  const Reranker want = Reranker::load(rerank_model);
  for (const std::size_t room : {1u, 3u, 5u, 9u})
    for (const int raw : {0, 1}) {
      const auto w =
          want.rank("the cat", kStrings, {.raw = raw == 1, .top = static_cast<std::int64_t>(room)});
      std::vector<lyceum_ranked> got(room);
      std::size_t written = 0;
      ASSERT_EQ(lyceum_rerank(reranker.get(), "the cat", LYCEUM_ZERO_ENDED, kTexts.data(), nullptr,
                              kTexts.size(), raw, got.data(), room, &written, nullptr),
                LYCEUM_OK);
      ASSERT_EQ(written, w.size());
      for (std::size_t i = 0; i < written; ++i) {
        EXPECT_EQ(got[i].index, w[i].index);
        EXPECT_EQ(got[i].score, w[i].score);
      }
    }
}

TEST_F(CInterface, OneHandleServesSeveralThreadsAndEachHasItsOwnErrors) {
  const std::vector<float> want = embed(embedder.get(), kTexts);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (std::size_t id = 0; id < wrong.size(); ++id)
    threads.emplace_back([&, id] {
      const std::string missing = "/missing/" + std::to_string(id);
      for (int round = 0; round < 20; ++round) {
        std::vector<float> got(want.size());
        wrong[id] += lyceum_embed(embedder.get(), kTexts.data(), nullptr, kTexts.size(), got.data(),
                                  got.size(), nullptr) != LYCEUM_OK ||
                     got != want;
        lyceum_classifications* labels = nullptr;
        wrong[id] += lyceum_classify(classifier.get(), kTexts.data(), nullptr, nullptr, nullptr,
                                     kTexts.size(), nullptr, &labels, nullptr) != LYCEUM_OK;
        lyceum_classifications_free(labels);
        lyceum_error* error = nullptr;
        lyceum_tokenizer* none = nullptr;
        wrong[id] += lyceum_tokenizer_load(missing.c_str(), nullptr, &none, &error) != LYCEUM_IO;
        const COwned<lyceum_error> owned(error);
        wrong[id] += std::string(lyceum_error_message(error)).find(missing + "'") == std::string::npos;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST_F(CInterface, AHandleStartsTheThreadsThatItWasGiven) {
  const auto tasks = [] {
    const std::filesystem::directory_iterator all("/proc/self/task");
    return std::distance(begin(all), end(all));
  };
  const std::vector<const char*> texts(2000, kTexts[0]);
  const auto embed_with = [&](int threads) {
    const lyceum_options options{.size = sizeof options, .threads = threads};
    embed(load(lyceum_embedder_load, model, &options).get(), texts);
  };
  std::thread([&] {  // a thread that has no others yet
    const auto before = tasks();
    embed_with(1);
    EXPECT_EQ(tasks(), before);
    embed_with(8);
    EXPECT_GT(tasks(), before);
  })
      .join();
}

TEST_F(CInterface, TheProcessHasAVersionThreadsAndMessages) {
  EXPECT_STREQ(lyceum_version(), LYCEUM_VERSION);
  EXPECT_EQ(lyceum_set_threads(2, nullptr), LYCEUM_OK);
  EXPECT_EQ(lyceum_threads(), 2);
  EXPECT_EQ(lyceum_set_threads(0, nullptr), LYCEUM_OK);
  EXPECT_GE(lyceum_threads(), 1);
  for (const int threads : {-1, 1025}) {
    expect_failure(LYCEUM_USAGE, std::to_string(threads),
                   [&](lyceum_error** e) { return lyceum_set_threads(threads, e); });
    const lyceum_options o{.size = sizeof o, .threads = threads};
    lyceum_embedder* none = nullptr;
    expect_failure(LYCEUM_USAGE, std::to_string(threads),
                   [&](lyceum_error** e) { return lyceum_embedder_load(model.c_str(), &o, &none, e); });
  }

  // an activation that is not torch's is a message, not an error
  std::filesystem::copy(rerank_model, t / "odd");
  std::string config = read_text(t / "odd/config.json");
  config.insert(config.find('{') + 1, R"("sbert_ce_default_activation_function": "mine.Own",)");
  std::filesystem::remove(t / "odd/config.json");
  check::write_file(t / "odd/config.json", config);
  std::string heard;
  const auto sink = [](const char* message, void* user) { *static_cast<std::string*>(user) += message; };
  EXPECT_EQ(lyceum_on_message(sink, &heard, nullptr), LYCEUM_OK);
  load(lyceum_reranker_load, (t / "odd").string());
  EXPECT_EQ(lyceum_on_message(nullptr, nullptr, nullptr), LYCEUM_OK);
  EXPECT_NE(heard.find("mine.Own"), std::string::npos) << heard;
  heard.clear();
  load(lyceum_reranker_load, (t / "odd").string());
  EXPECT_EQ(heard, "");
}

#ifdef LYCEUM_HUB
TEST_F(CInterface, PullFetchesWhatIsNotHereAndOnlyWhenAsked) {
  check::HubServer hub;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(model))
    if (entry.is_regular_file())
      hub.add("acme/tiny", entry.path().lexically_relative(model).string(), read_text(entry.path()));
  const check::Setting cache("HF_HUB_CACHE", t / "hub"), endpoint("HF_ENDPOINT", hub.endpoint()),
      no_proxy("no_proxy", "127.0.0.1");
  lyceum_embedder* none = nullptr;
  expect_failure(LYCEUM_IO, "acme/tiny",
                 [&](lyceum_error** e) { return lyceum_embedder_load("acme/tiny", nullptr, &none, e); });
  EXPECT_TRUE(hub.requests().empty());
  const lyceum_options pull{.size = sizeof pull, .pull = 1};
  EXPECT_EQ(embed(load(lyceum_embedder_load, "acme/tiny", &pull).get(), kTexts),
            embed(embedder.get(), kTexts));
  const auto asked = hub.requests().size();
  EXPECT_GT(asked, 0u);
  EXPECT_EQ(TextTokenizer::load("acme/tiny", {.pull = true}).size(), lyceum_tokenizer_size(tokenizer.get()));
  EXPECT_EQ(hub.requests().size(), asked) << "what is here is used";
}
#endif

}  // namespace
}  // namespace lyceum
