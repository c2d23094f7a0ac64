// paper: a paper's claims measured at the scale of this machine, and a report of what agrees.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/lyceum/app.h"
#include "base/error.h"
#include "papers/study.h"

namespace lyceum::app {
namespace {

struct PaperArguments {
  std::string name, data, output;
  std::int64_t seeds = 0;
  bool quick = false, list = false, restart = false;
};

class StudyProgress final : public papers::StudyObserver {
 public:
  explicit StudyProgress(const Common& common) : common_(common) {}
  void on_part(const std::string& name, std::int64_t number, std::int64_t count) override {
    bar_.reset();
    bar_ = std::make_unique<Progress>(fmt::format("{} of {}: {}", number, count, name), 0, common_);
  }
  void on_step(const TrainingStep& step) override {
    if (bar_ == nullptr) return;
    bar_->set_total(step.total_steps);
    bar_->set_note(fmt::format("loss {:.3f}, {:.0f} tokens/s", step.loss_nats, step.tokens_per_s));
    bar_->update(step.step);
  }

 private:
  const Common& common_;
  std::unique_ptr<Progress> bar_;
};

void list(const Common& common) {
  for (const papers::Paper& paper : papers::papers()) {
    if (common.json) {
      print_json({{"paper", paper.name},
                  {"summary", paper.summary},
                  {"citation", paper.citation},
                  {"data", paper.data}});
    } else {
      print_line(fmt::format("{:<16} {}", paper.name, paper.summary));
    }
  }
  if (papers::papers().empty() && !common.json) print_line("This build has no papers.");
}

void show(const papers::StudyResult& result, const Common& common) {
  for (const auto& [claim, judged] : result.claims) {
    const char* verdict = papers::name_of(judged.verdict);
    if (common.json) {
      print_json({{"claim", claim.text},
                  {"verdict", verdict},
                  {"measure", claim.measure},
                  {"gain", judged.gain.mean},
                  {"low", judged.gain.low},
                  {"high", judged.gain.high},
                  {"seeds", claim.comparison.left.size()}});
    } else {
      print_line(fmt::format("{:<11} {} ({:+.3g} {})", verdict, claim.text, judged.gain.mean, claim.measure));
    }
  }
  if (common.json) {
    print_json({{"report", result.report.string()}, {"results", result.results.string()}});
  } else {
    print_line(fmt::format("{}", result.report.string()));
  }
}

void run(const PaperArguments& o, const Common& common) {
  apply(common);
  if (o.list || o.name.empty()) return list(common);
  const papers::Paper& paper = papers::paper_named(o.name);
  if (o.data.empty())
    fail(Errc::kUsage, "paper {}: found no folder of data. Fix: --data DIR, or LYCEUM_DATA", o.name);
  papers::StudyOptions options{
      .data = o.data,
      .output = o.output.empty() ? fmt::format("runs/paper_{}{}", o.name, o.quick ? "_quick" : "") : o.output,
      .scale = o.quick ? papers::Scale::kQuick : papers::Scale::kFull,
      .seeds = o.seeds,
      .restart = o.restart};
  papers::StudyResult result;
  {
    StudyProgress progress(common);
    options.observer = &progress;
    result = papers::reproduce(paper, options);
  }
  show(result, common);
}

}  // namespace

void add_paper(CLI::App& app) {
  auto o = std::make_shared<PaperArguments>();
  Verb verb(app, "paper",
            "Measure a paper's claims at this machine's scale: a report of what agrees; stopped, the same "
            "command goes on");
  auto common = add_common(verb, "lyceum paper bert --quick --data DATA --output runs/bert_quick");
  verb.option("name", o->name, "A paper; without it, those there are are listed");
  verb.option("--data,-d", o->data, "The folder of the data sets (default: $LYCEUM_DATA)")
      .variable("LYCEUM_DATA");
  verb.flag("--quick", o->quick, "Minutes instead of hours: smaller models, fewer steps and seeds");
  verb.option("--output,-o", o->output,
              "The folder for runs, report.html and results.json (default: runs/paper_NAME)");
  verb.option("--seeds", o->seeds, "Seeds of every arm (default: what the paper's folder says)")
      .range(1, 100);
  verb.flag("--list", o->list, "List the papers");
  verb.flag("--restart", o->restart, "Begin anew where the folder has parts of this study");
  verb.run([o, common] { run(*o, *common); });
}

}  // namespace lyceum::app
