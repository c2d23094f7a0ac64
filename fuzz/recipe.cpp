// A recipe and arguments over it: a TOML text, a zero byte, "section.key=value" lines.
#include "train/recipe/recipe.h"

#include <sstream>

#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  const std::vector<std::string> parts = fuzz::texts_of(data, size, 2);
  std::vector<std::string> arguments;
  std::istringstream lines(parts[1]);
  for (std::string line; std::getline(lines, line);) arguments.push_back(line);
  fuzz::answer([&] {
    const Recipe recipe = parse_recipe(parts[0], "input", arguments);
    const TrainRecipe& train = recipe.train;
    fuzz::require((train.steps > 0) != (train.epochs > 0), "steps or epochs");
    fuzz::require((train.batch_sequences > 0) != (train.batch_tokens > 0), "sequences or tokens");
    fuzz::require(recipe.model.from.empty() != recipe.model.family.empty(), "an old model or a new one");
    fuzz::require(!recipe.data.train.empty() && !recipe.output.directory.empty(), "data and a place");
    fuzz::require(train.learning_rate >= 0 && train.accumulate >= 1 && train.context_tokens >= 1,
                  "numbers are in their ranges");
    if (recipe.model.new_tokenizer)
      fuzz::require(recipe.model.from.empty() && recipe.model.tokenizer.empty() &&
                        recipe.model.new_tokenizer->training.vocabulary_size >= 1,
                    "a vocabulary is learnt for a new model");
    try {
      const Recipe again = parse_recipe(recipe.resolved, "what was resolved");
      fuzz::require(again.values == recipe.values && again.resolved == recipe.resolved,
                    "what is resolved is the same recipe");
    } catch (const Error& error) {
      fuzz::require(false, error.what());
    }
  });
  return 0;
}
