// eval: a model's scores on data folders.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "base/log.h"
#include "tasks/evaluate/evaluate.h"

namespace lyceum::app {
namespace {

struct EvalArguments {
  std::string model, data, split = "test", rank_by = "cosine", form;
  std::vector<std::string> tasks;
  EmbedderOptions embedder;
  EvaluateOptions evaluate;
};

void show(const Score& s, std::size_t task_width, bool json) {
  if (json)
    return print_json({{"task", s.task},
                       {"split", s.split},
                       {"metric", s.metric},
                       {"value", s.value},
                       {"examples", s.examples}});  // NaN is null
  print_line(fmt::format("{:<{}}  {:<6} {:<28} {:>9}  {:>8}", s.task, task_width, s.split, s.metric,
                         std::isnan(s.value) ? "undefined" : fmt::format("{:.4f}", s.value), s.examples));
}

// CLI11's own check names the whole range of double.
std::string wrong_c(const std::string& text) {
  double c = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), c);
  const bool is_number = error == std::errc() && stop == text.data() + text.size();
  return is_number && c > 0 && std::isfinite(c) ? ""
                                                : fmt::format("found '{}', expected a number above 0", text);
}

void run(const EvalArguments& o, const Common& common) {
  apply(common);
  EvaluateOptions options = o.evaluate;
  options.rank_by = o.rank_by == "dot" ? RankBy::kDot : RankBy::kCosine;
  options.is_strict = common.strict;
  options.seed = common.seed;
  if (!o.form.empty()) options.form = form_from_name(o.form);
  // names first: a typing error must not wait for the model
  const std::vector<TaskFiles> tasks = find_tasks(o.data.empty() ? "." : o.data, o.tasks, o.split);
  EmbedderOptions embedder_options = o.embedder;
  embedder_options.compute = compute_of(common);
  EvaluatedModel model(find_model(o.model, common), embedder_options);
  bool is_first = true;
  for (const TaskFiles& task : tasks) {
    std::vector<Score> scores;
    {
      std::unique_ptr<Progress> progress;
      options.progress = [&](std::int64_t done, std::int64_t total) {
        if (progress == nullptr) progress = std::make_unique<Progress>(task.name, total, common);
        progress->update(done);
      };
      scores = evaluate(task, model, options);
    }
    std::size_t width = 24;
    for (const Score& s : scores) width = std::max(width, s.task.size());
    if (is_first && !common.json)
      print_line(fmt::format("{:<{}}  {:<6} {:<28} {:>9}  {:>8}", "task", width, "split", "metric", "value",
                             "examples"));
    is_first = false;
    for (const Score& s : scores) show(s, width, common.json);
    flush_output();  // what is done is seen, whatever happens to the next task
  }
}

}  // namespace

void add_eval(CLI::App& app) {
  auto o = std::make_shared<EvalArguments>();
  Verb verb(app, "eval",
            "Score a model on tasks: similarity, pairs, retrieval, reranking, classification, clustering, "
            "tagging, answering");
  auto common =
      add_common(verb, "lyceum eval all-MiniLM-L6-v2 --data DATA --tasks stsb,cranfield,banking77 --json");
  add_model(verb, "model", o->model, "A folder, a file or a name", common).required();
  verb.option("--tasks,-t", o->tasks,
              "Names of data folders, with commas between; without it, what is there is listed")
      .separator(',');
  verb.option("--data,-d", o->data,
              "The folder that the tasks lie in, at any depth to four (default: $LYCEUM_DATA, else here)")
      .variable("LYCEUM_DATA");
  verb.option("--split", o->split, "The part of the data to score").show_default();
  verb.option("--form", o->form,
              "Score the data as this form of task only, such as clustering, where labelled texts allow both "
              "classification and clustering");
  verb.option("--rank-by", o->rank_by, "Retrieval and reranking by vectors: cosine or dot")
      .one_of({"cosine", "dot"})
      .show_default();
  verb.option("--neighbours,-k", o->evaluate.neighbours, "Classification: neighbours that vote")
      .range(1, 100000)
      .show_default();
  verb.option("--c", o->evaluate.c,
              "Classification: C of the logistic probe; several, with commas between: the best on the "
              "valid split")
      .separator(',')
      .check(wrong_c, "NUMBER > 0")
      .show_default();
  verb.option("--repeats", o->evaluate.repeats,
              "Clustering: runs to take the mean of, each with the next seed")
      .range(1, 1000)
      .show_default();
  verb.option("--prompt-name", o->embedder.prompt_name, "One of the model's prompts, before every text");
  add_vector_options(verb, o->embedder);
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
