#include "nn/model.h"

#include <utility>

#include "base/error.h"

namespace lyceum {

Taps::Taps(const std::string& pattern) : active_(!pattern.empty()) {
  if (pattern.size() > 1000)
    fail(Errc::kUsage, "taps: found {} characters, expected at most 1000", pattern.size());
  try {
    pattern_ = std::regex(pattern);
  } catch (const std::regex_error& error) {
    fail(Errc::kUsage, "taps: '{}' is no regular expression: {}", pattern, error.what());
  }
}

bool Taps::wants(const std::string& name) const { return active_ && std::regex_search(name, pattern_); }

void Taps::put(std::string name, Tensor value, Spread spread) {
  taken_.push_back({std::move(name), value.detached(), spread});
}

std::vector<std::int64_t> packed_labels(const Tensor& labels, const PackedTokens& tokens,
                                        const std::string& name) {
  if (labels.shape() != Shape{tokens.rows, tokens.row_tokens})
    fail(Errc::kData, "{} is {}, expected [{}, {}] as input_ids", name, labels.shape().text(), tokens.rows,
         tokens.row_tokens);
  if (labels.dtype() != DType::kI64)
    fail(Errc::kData, "{}: found {}, expected I64", name, dtype_name(labels.dtype()));
  const std::int64_t* from = labels.data<std::int64_t>();
  std::vector<std::int64_t> out;
  out.reserve(tokens.places.size());
  for (const std::int64_t place : tokens.places) out.push_back(from[place]);
  return out;
}

}  // namespace lyceum
