#include "ops/embedding/embedding.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "kernels/convert.h"
#include "kernels/rows.h"
#include "tensor/legend.h"
#include "tensor/tape.h"

namespace lyceum {
namespace {

void read_row(const Tensor& table, std::int64_t id, float* to) {
  if (table.dtype() == DType::kF32) {
    std::copy_n(table.row<float>(id), table.cols(), to);
  } else {
    kernels::widen(table.raw() + 2 * id * table.row_stride(),
                   table.dtype() == DType::kBF16 ? kernels::Half::kBF16 : kernels::Half::kF16, table.cols(),
                   to);
  }
}

}  // namespace

Tensor embedding(const Tensor& table, std::span<const std::int64_t> ids, std::int64_t padding_id) {
  const EmbeddingTerm term{table, ids, padding_id};
  return embedding_sum({&term, 1});
}

Tensor embedding_sum(std::span<const EmbeddingTerm> terms) {
  if (terms.empty()) fail(Errc::kInternal, "embedding: found no table");
  Legend d("embedding");
  d.set('T', static_cast<std::int64_t>(terms[0].ids.size()), "ids");
  for (const EmbeddingTerm& term : terms) {
    const DType type = term.table.dtype();
    if (type != DType::kF32 && type != DType::kBF16 && type != DType::kF16)
      fail(Errc::kUnsupported, "embedding: found a table of the number format {}, expected F32, BF16 or F16",
           dtype_name(type));
    d.bind("table", Shape{term.table.cols()}, "C");
    d.bind("ids", Shape{static_cast<std::int64_t>(term.ids.size())}, "T");
    for (const std::int64_t id : term.ids)
      if (id < 0 || id >= term.table.rows())
        fail(Errc::kData, "embedding: found the id {}, expected 0 to {}", id, term.table.rows() - 1);
  }
  const std::int64_t tokens = d['T'], cols = d['C'];
  Tensor y = Tensor::empty({tokens, cols});
  float* to = y.mutable_data<float>();
  parallel_for(tokens, std::max<std::int64_t>(1, (1 << 14) / std::max<std::int64_t>(1, cols)),
               [&](std::int64_t begin, std::int64_t end) {
                 std::vector<float> row(static_cast<std::size_t>(cols));
                 for (std::int64_t t = begin; t < end; ++t) {
                   read_row(terms[0].table, terms[0].ids[static_cast<std::size_t>(t)], to + t * cols);
                   for (const EmbeddingTerm& term : terms.subspan(1)) {
                     read_row(term.table, term.ids[static_cast<std::size_t>(t)], row.data());
                     kernels::add_to(to + t * cols, row.data(), cols);
                   }
                 }
               });
  Tape* tape = nullptr;
  for (const EmbeddingTerm& term : terms)
    if (Tape* t = recording({&term.table})) tape = t;
  if (tape == nullptr) return y;

  struct Lookup {
    Tensor table;
    std::vector<std::int64_t> ids;
    std::int64_t padding_id;
  };
  std::vector<Lookup> saved;
  for (const EmbeddingTerm& term : terms)
    saved.push_back({term.table, {term.ids.begin(), term.ids.end()}, term.padding_id});
  tape->record("embedding", {&y}, [saved = std::move(saved), cols](BackwardPass& pass) {  // dE[id_t] += dy_t
    const Tensor& dy = pass.cotangent();
    for (const Lookup& term : saved) {
      if (term.table.variable() == 0) continue;
      bool is_new = false;
      float* to_rows = pass.sum(term.table.variable(), term.table.shape(), is_new);
      constexpr std::int64_t kColumns =
          64;  // a thread owns columns: each row's sum keeps the order of the tokens
      if (is_new)
        parallel_for(term.table.elements(), 1 << 18, [&](std::int64_t begin, std::int64_t end) {
          std::fill(to_rows + begin, to_rows + end, 0.0f);
        });
      parallel_for(cols, kColumns, [&](std::int64_t begin, std::int64_t end) {
        for (std::size_t t = 0; t < term.ids.size(); ++t)
          if (term.ids[t] != term.padding_id)
            kernels::add_to(to_rows + term.ids[t] * cols + begin,
                            dy.data<float>() + static_cast<std::int64_t>(t) * cols + begin, end - begin);
      });
    }
  });
  return y;
}

}  // namespace lyceum
