// Passages in the order in which they answer a query, as sentence-transformers' CrossEncoder.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formats/model_folder.h"
#include "lyceum/reranker.h"
#include "tasks/common/task_model.h"

namespace lyceum {

class RerankTask {
 public:
  // A plain folder of transformers, or one of the library with modules.json. Throws what TaskModel::load
  // throws; Errc::kUnsupported for several labels and for modules or an activation that this build lacks.
  static std::shared_ptr<const RerankTask> load(const std::string& model,
                                                std::optional<Compute> compute = {});
  static std::shared_ptr<const RerankTask> load(const ModelFolder& folder,
                                                std::optional<Compute> compute = {});

  const TaskModel& inside() const noexcept { return m_; }

  // A query is read once for all passages. Valid UTF-8.
  Encoding query(const std::string& text) const;
  // One score a passage. `cut`, when given, is how many pairs were too long and cut.
  std::vector<float> scores(const Encoding& query, std::span<const std::string> passages, bool raw,
                            std::int64_t* cut = nullptr) const;

 private:
  Encoding encode(const std::string& text) const;
  explicit RerankTask(TaskModel model) : m_(std::move(model)) {}
  TaskModel m_;
  float (*activation_)(float) = nullptr;
  std::string prompt_;
  bool do_lower_case_ = false;
};

// The best passages of a stream, with their texts where these are given.
class PassageRanking {
 public:
  struct Entry {
    std::int64_t index;
    float score;
    std::string text;
  };
  explicit PassageRanking(std::int64_t top) : top_(static_cast<std::size_t>(top)) {}  // 0: all
  void add(float score, std::string text = "");
  // Best first; of equal scores the earlier passage first, what is no number last.
  std::vector<Entry> best() &&;

 private:
  void sort();
  std::size_t top_;
  std::int64_t next_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace lyceum
