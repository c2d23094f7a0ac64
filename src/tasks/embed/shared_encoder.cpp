#include "tasks/embed/shared_encoder.h"

#include <algorithm>
#include <utility>

#include "ranks/message.h"
#include "ranks/shared_work.h"

namespace lyceum {
namespace {

using Job = std::pair<TextRole, std::vector<std::string>>;

std::string encode_job(const Embedder& embedder, std::string_view message) {
  const Job job = unpacked<Job>(message);
  const Tensor vectors = embedder.encode(job.second, job.first);
  return packed(std::vector<float>(vectors.data<float>(), vectors.data<float>() + vectors.elements()));
}

}  // namespace

void SharedEncoder::serve(const Embedder& embedder, Ranks& ranks) {
  lyceum::serve(ranks, [&](std::string_view job) { return encode_job(embedder, job); });
}

Tensor SharedEncoder::encode(std::span<const std::string> texts, TextRole role) const {
  if (ranks_.is_alone()) return embedder_.encode(texts, role);
  // O: so many jobs for each rank that the last one to end is not far behind the others
  constexpr std::size_t kJobsOfRank = 4;
  std::size_t bytes = 0;
  for (const std::string& text : texts) bytes += text.size();
  const std::size_t job_bytes = bytes / (kJobsOfRank * static_cast<std::size_t>(ranks_.size())) + 1;
  Tensor out = Tensor::empty({static_cast<std::int64_t>(texts.size()), width()});
  float* to = out.mutable_data<float>();
  std::size_t next_text = 0;
  share_work(
      ranks_,
      [&](std::string& message) {
        Job job{role, {}};
        for (std::size_t taken = 0; next_text < texts.size() && taken < job_bytes; ++next_text) {
          taken += texts[next_text].size() + 1;
          job.second.push_back(texts[next_text]);
        }
        message = packed(job);
        return !job.second.empty();
      },
      [&](std::string_view job) { return encode_job(embedder_, job); },
      [&](std::string result) {
        const auto values = unpacked<std::vector<float>>(result);
        to = std::copy(values.begin(), values.end(), to);
      });
  return out;
}

}  // namespace lyceum
