// How well a ranked list puts the right documents first.
//
// The definitions are those of sentence-transformers' InformationRetrievalEvaluator; where grades above 1
// occur, nDCG is that of trec_eval (pytrec_eval, BEIR, MTEB), which sentence-transformers lacks.
#pragma once

#include <cstdint>
#include <span>

namespace lyceum {

// What the list of one query holds, best first: the grade of each document (0 or below: not relevant), and
// the grades of all documents that are relevant to the query, found or not.
struct JudgedRanking {
  std::span<const std::int32_t> found, relevant;
};

// DCG / ideal DCG over the first k, with DCG = sum over places i = 1 ... k of gain_i / log2(i + 1). The gain
// is the grade itself (trec_eval's ndcg_cut), not 2^grade - 1.  0 when nothing is relevant.
double ndcg_at(const JudgedRanking& ranking, std::size_t k);
// The same with every grade above 0 counted as 1, as sentence-transformers does it.
double binary_ndcg_at(const JudgedRanking& ranking, std::size_t k);
// 1 / place of the first relevant document, 0 when it is not among the first k.
double reciprocal_rank_at(const JudgedRanking& ranking, std::size_t k);
// The share of the relevant documents among the first k. Not capped: with more than k relevant ones it stays
// below 1.
double recall_at(const JudgedRanking& ranking, std::size_t k);
// The sum over relevant documents among the first k of the precision at their places, over min(k, relevant
// documents). (trec_eval's `map` divides by all relevant documents instead.)
double average_precision_at(const JudgedRanking& ranking, std::size_t k);

}  // namespace lyceum
