#include "check/temporary_folder.h"
#include "papers/study_test_fixture.h"

namespace lyceum::papers {
namespace {

TEST(SentenceBert, ATinyStudyEndsInAReport) {
  const check::TemporaryFolder t;
  const auto data = t / "data";
  write_prose(data / "lm/prose/train.txt");
  write_prose(data / "lm/prose/valid.txt");
  write_scored(data / "nlp/stsb/train.jsonl", 60);
  write_scored(data / "nlp/stsb/test.jsonl", 30);
  write_entailment(data / "nlp/snli/train.jsonl", 120);
  expect_reproduces("sentence_bert", data, t / "out");
}

}  // namespace
}  // namespace lyceum::papers
