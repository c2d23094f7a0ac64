#include "check/temporary_folder.h"
#include "papers/study_test_fixture.h"

namespace lyceum::papers {
namespace {

TEST(Roberta, ATinyStudyEndsInAReport) {
  const check::TemporaryFolder t;
  const auto data = t / "data";
  write_prose(data / "lm/prose/train.txt");
  write_prose(data / "lm/prose/valid.txt");
  write_labelled(data / "reviews/sst2/train.jsonl", 40);
  write_labelled(data / "reviews/sst2/test.jsonl", 20);
  write_entailment(data / "nlp/snli/train.jsonl", 60);
  write_entailment(data / "nlp/snli/test.jsonl", 30);
  expect_reproduces("roberta", data, t / "out");
}

}  // namespace
}  // namespace lyceum::papers
