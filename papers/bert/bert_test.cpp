#include "check/expect_error.h"
#include "check/temporary_folder.h"
#include "papers/study_test_fixture.h"

namespace lyceum::papers {
namespace {

void write_data(const std::filesystem::path& data) {
  for (const char* part : {"train", "valid"})
    write_reviews_of_films(data / "reviews/imdb_unsup" / (std::string(part) + ".txt"));
  write_labelled(data / "reviews/subj/train.jsonl", 40);
  write_labelled(data / "reviews/subj/test.jsonl", 20);
  write_labelled(data / "reviews/sst2/train.jsonl", 40);
  write_labelled(data / "reviews/sst2/test.jsonl", 20);
  write_entailment(data / "nlp/snli/train.jsonl", 60);
  write_entailment(data / "nlp/snli/test.jsonl", 30);
}

TEST(Bert, ATinyStudyEndsInAReport) {
  const check::TemporaryFolder t;
  write_data(t / "data");
  expect_reproduces("bert", t / "data", t / "out");
}

// In the middle of a run, and between two parts.
struct Stopper final : StudyObserver {
  std::int64_t steps = 0, parts = 0, at_step = -1, at_part = -1;
  void on_step(const TrainingStep&) override {
    if (++steps == at_step) throw Error(Errc::kInterrupted, "stopped by the test");
  }
  void on_part(const std::string&, std::int64_t, std::int64_t) override {
    if (++parts == at_part) throw Error(Errc::kInterrupted, "stopped by the test");
  }
};

TEST(Bert, AStudyThatWasStoppedEndsWithTheSameNumbers) {
  const check::TemporaryFolder t;
  write_data(t / "data");
  const Paper& paper = paper_named("bert");
  PartCounter all;
  StudyOptions options{.data = t / "data", .output = t / "whole", .scale = Scale::kTiny, .observer = &all};
  const std::string whole = text_of(reproduce(paper, options).results);
  options.output = t / "parts";
  Stopper first, second;
  first.at_step = 2;
  second.at_part = 4;
  for (Stopper* stop : {&first, &second}) {
    options.observer = stop;
    check::expect_error(Errc::kInterrupted, "by the test", [&] { reproduce(paper, options); });
  }
  PartCounter rest;
  options.observer = &rest;
  EXPECT_EQ(text_of(reproduce(paper, options).results), whole);
  EXPECT_EQ(rest.parts.size(), all.parts.size() - 3);
}

}  // namespace
}  // namespace lyceum::papers
