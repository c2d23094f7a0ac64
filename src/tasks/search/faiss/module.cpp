#include "tasks/search/faiss/module.h"

#include <faiss/Index.h>

namespace lyceum::faiss_module {
namespace {

class FaissEngine final : public AnnEngine {
 public:
  std::string version() const override {
    return "Faiss " + std::to_string(FAISS_VERSION_MAJOR) + "." + std::to_string(FAISS_VERSION_MINOR) + "." +
           std::to_string(FAISS_VERSION_PATCH);
  }
  void extend(HnswGraph& graph, const std::vector<std::uint8_t>& new_levels, std::int64_t build_effort,
              AnnDistances& distances, FunctionRef<void(std::int64_t)> next) const override {
    extend_graph(graph, new_levels, build_effort, distances, next);
  }
  IvfPq train(const float* sample, std::int64_t rows, std::int64_t width, std::int64_t lists,
              std::int64_t bytes, AnnNearest& nearest) const override {
    return train_lists(sample, rows, width, lists, bytes, nearest);
  }
  void encode(const IvfPq& trained, const float* vectors, std::int64_t rows, AnnNearest& nearest,
              std::int64_t* lists, std::uint8_t* codes) const override {
    encode_lists(trained, vectors, rows, nearest, lists, codes);
  }
  std::unique_ptr<AnnSearcher> open(HnswGraph graph) const override { return open_graph(std::move(graph)); }
  std::unique_ptr<AnnSearcher> open(IvfPq lists, AnnNearest& nearest) const override {
    return open_lists(std::move(lists), nearest);
  }
};

}  // namespace
}  // namespace lyceum::faiss_module

extern "C" __attribute__((visibility("default"))) const lyceum::AnnEngine* lyceum_ann_engine_2() {
  static const lyceum::faiss_module::FaissEngine engine;
  return &engine;
}
