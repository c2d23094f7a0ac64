// Search your own files by meaning, from your own program:   search_notes MODEL FOLDER "question"
#include <lyceum/lyceum.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: search_notes MODEL FOLDER QUESTION\n"), 2;
  try {
    const auto model = lyceum::EmbeddingModel::load(argv[1]);  // a folder or a name such as all-MiniLM-L6-v2

    // Sentence vectors: row-major [texts, width].
    const std::vector<std::string> texts = {"A man is playing guitar.", "Someone makes music.",
                                            "The stock market fell."};
    const std::vector<float> v = model.embed(texts);
    for (std::size_t other : {1, 2}) {
      float cosine = 0;  // the model's vectors have length 1
      for (std::size_t i = 0; i < v.size() / 3; ++i) cosine += v[i] * v[other * (v.size() / 3) + i];
      std::printf("%.3f  %s\n", cosine, texts[other].c_str());
    }

    // An index on disk; the second run embeds only what changed.
    auto index = lyceum::TextIndex::open_for_writing("notes.index", model);
    const std::string folder = argv[2];
    const auto change = index.update({&folder, 1});
    std::printf("%lld files added, %lld unchanged\n", static_cast<long long>(change.added),
                static_cast<long long>(change.unchanged));
    for (const lyceum::TextHit& hit : index.search(argv[3], 3))
      std::printf("%.3f  %s:%lld\n", hit.score, hit.file.c_str(), static_cast<long long>(hit.line));
  } catch (const lyceum::Error& error) {
    return std::fprintf(stderr, "search_notes: %s\n", error.what()), 1;
  }
}
