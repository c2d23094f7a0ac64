#include "tasks/common/task_model.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"

namespace lyceum {
namespace {

struct Service {
  Head head;
  const char *what, *verbs;
};
constexpr Service kServices[] = {{Head::kWords, "scores of words", "fill"},
                                 {Head::kSequence, "scores of a text's labels", "classify and rerank"},
                                 {Head::kTokens, "scores of each token's labels", "tag"},
                                 {Head::kSpans, "scores of an answer's ends", "answer"}};
// Nothing but the function itself serves these.
constexpr Service kChoiceScores = {Head::kChoices, "a score for each of several texts", "forward and bench"};
// Scores of the word that comes next, from those before it, are no scores of a word between others.
constexpr Service kNextWords = {Head::kWords, "scores of the next token", "forward and bench"};

const Service* service_of(Head head) {
  const auto* it = std::find_if(std::begin(kServices), std::end(kServices),
                                [&](const Service& service) { return service.head == head; });
  return it == std::end(kServices) ? nullptr : it;
}

const Service* service_of(const Model& model) {
  if (model.head() == Head::kChoices) return &kChoiceScores;
  return model.is_causal() && model.head() == Head::kWords ? &kNextWords : service_of(model.head());
}

}  // namespace

std::int64_t smallest_limit(std::initializer_list<std::int64_t> limits, const Tokenizer& tokenizer,
                            const ModelFolder& folder) {
  std::int64_t least = 0;
  for (const std::int64_t limit : limits)
    if (limit > 0) least = least == 0 ? limit : std::min(least, limit);
  if (const std::int64_t around = tokenizer.special_tokens_around_one(); least < around)
    fail(Errc::kData,
         "{}: texts of {} tokens fit (max_seq_length, model_max_length, max_position_embeddings), expected "
         "room for the tokenizer's {} special ones",
         folder.path().string(), least, around);
  return least;
}

void check_vocabulary(const Model& model, const Tokenizer& tokenizer, const ModelFolder& folder) {
  if (tokenizer.size() > model.vocabulary())
    fail(Errc::kData, "{}: the tokenizer has {} ids, the model {}", folder.path().string(), tokenizer.size(),
         model.vocabulary());
}

void check_can_embed(const Model& model, bool is_pooled, const ModelFolder& folder) {
  if (model.is_causal() && !is_pooled)
    fail(
        Errc::kUnsupported,
        "{}: found a {}, a causal decoder, whose tokens know only those before them: their mean is no vector "
        "of the text; expected an encoder, or a sentence-transformers folder that says how to pool. Fix: "
        "another model, or --pooling lasttoken (or weightedmean) for one that was trained so",
        folder.path().string(), model.architecture());
}

std::string uses_of(const Model& model, bool is_pooled) {
  const Service* service = service_of(model);
  std::string text = model.is_causal() ? "causal decoder" : "encoder";
  text += service ? std::string(" with ") + service->what : "";
  text += ": forward, bench";
  if (is_pooled || !model.is_causal()) text += ", embed, index, cluster, mine";
  if (service != nullptr && service != &kNextWords && service != &kChoiceScores)
    text += std::string(", ") + service->verbs;
  return text;
}

TaskModel TaskModel::load(const ModelFolder& folder, Head head, std::optional<Compute> compute) {
  LoadedModel loaded = load_model(folder, compute);
  const Service *wanted = service_of(head), *has = service_of(*loaded.model);
  if (has != wanted)
    fail(Errc::kUnsupported,
         "{}: found a {}, which gives {} and serves {}; expected a model that gives {}, which serves {}",
         folder.path().string(), loaded.model->architecture(),
         has ? has->what : "nothing that such a verb uses",
         has                         ? has->verbs
         : loaded.model->is_causal() ? kNextWords.verbs
                                     : "embed",
         wanted->what, wanted->verbs);
  TaskModel out;
  out.model = std::move(loaded.model);
  out.unused = std::move(loaded.unused);
  out.tokenizer = Tokenizer::from_folder(folder);
  check_vocabulary(*out.model, *out.tokenizer, folder);
  out.special = special_tokens(folder, *out.tokenizer);
  out.max_tokens =
      smallest_limit({out.model->max_tokens(), model_max_length(folder)}, *out.tokenizer, folder);
  return out;
}

}  // namespace lyceum
