// A pre-training that fits into minutes: blocks of few tokens first, then longer ones.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "papers/study.h"

namespace lyceum::papers {

struct Pretraining {
  std::string recipe;                 // of the short blocks, a new model
  std::string longer;                 // what goes on from there; empty: nothing does
  std::string name;                   // of the last run; the one before has "_short" behind it
  std::vector<std::string> model;     // settings of the new model
  std::vector<std::string> settings;  // of both runs
  std::int64_t steps = 0;             // in short blocks; an eighth of them follow in longer ones
  std::int64_t seed = 0;
};

struct Pretrained {
  Run in_short, last;  // the same run where nothing goes on
};

// Devlin et al. 2018, appendix A.2, learn in blocks of 128 tokens for nine steps of ten, and in blocks of 512
// for the rest, since attention over long blocks is dear. At this scale there is another reason: short
// blocks leave the loss of guessing by frequency sooner. Attention begins by taking all tokens of a block
// alike, so that of few each weighs more: that is the likely cause, which was not measured.
Pretrained pretrain(Study& study, const Pretraining& pretraining);

// Tokens of a block in the first run, and in the second, which no text of a task may exceed.
std::int64_t short_block(const Study& study);
std::int64_t long_block(const Study& study);

// The body of this scale, as settings of a recipe for a new BERT; in full the size of BERT-Mini (Turc et al.
// 2019).
std::vector<std::string> bert_body(const Study& study);

}  // namespace lyceum::papers
