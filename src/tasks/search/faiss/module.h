// The parts of the module; module.cpp shows them to the program.
#pragma once

#include "tasks/search/ann_engine.h"

namespace lyceum::faiss_module {

void extend_graph(HnswGraph& graph, const std::vector<std::uint8_t>& new_levels, std::int64_t build_effort,
                  AnnDistances& distances, FunctionRef<void(std::int64_t)> next);
std::unique_ptr<AnnSearcher> open_graph(HnswGraph graph);

IvfPq train_lists(const float* sample, std::int64_t rows, std::int64_t width, std::int64_t lists,
                  std::int64_t bytes, AnnNearest& nearest);
void encode_lists(const IvfPq& trained, const float* vectors, std::int64_t rows, AnnNearest& nearest,
                  std::int64_t* lists, std::uint8_t* codes);
std::unique_ptr<AnnSearcher> open_lists(IvfPq lists, AnnNearest& nearest);

}  // namespace lyceum::faiss_module
