// Put the lines of standard input in the order in which they answer a question:   rerank_lines MODEL QUESTION
#include <lyceum/lyceum.h>

#include <cstdio>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: rerank_lines MODEL QUESTION < LINES\n"), 2;
  try {
    const auto reranker = lyceum::Reranker::load(argv[1]);  // a cross-encoder such as ms-marco-MiniLM-L-6-v2
    std::vector<std::string> lines;
    for (std::string line; std::getline(std::cin, line);) lines.push_back(line);
    for (const lyceum::RankedPassage& passage : reranker.rank(argv[2], lines, {.top = 5}))
      std::printf("%.4f  %s\n", passage.score, lines[static_cast<std::size_t>(passage.index)].c_str());
  } catch (const lyceum::Error& error) {
    return std::fprintf(stderr, "rerank_lines: %s\n", error.what()), 1;
  }
}
