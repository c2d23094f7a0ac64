// pull and remove: models come from the Hugging Face hub into the cache, and leave it.
#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/lyceum/app.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "tasks/pull/pull.h"
#include "tasks/remove/remove.h"

namespace lyceum::app {
namespace {

PullReport fetch(const std::string& model, const Selection& selection, const Common& common) {
  std::optional<Progress> progress;
  const auto show = [&](const PullProgress& p) {
    if (!progress) progress.emplace(model, 0, common, Progress::Unit::kBytes);
    progress->set_total(static_cast<std::int64_t>(p.total_bytes));
    progress->update(static_cast<std::int64_t>(p.done_bytes));
  };
  PullReport report =
      pull(model, HubSettings::from_environment(), {.selection = selection, .progress = show});
  progress.reset();
  std::string unverified;
  for (const std::string& file : report.unverified) unverified += (unverified.empty() ? "" : ", ") + file;
  if (!unverified.empty())
    log(LogLevel::kWarning, "{}: the hub names no hash of {}; only the length was compared",
        report.repository, unverified);
  return report;
}

struct PullVerbOptions {
  std::string model;
  Selection selection;
};

void run_pull(const PullVerbOptions& o, const Common& common) {
  apply(common);
  if (o.selection.all_files && !o.selection.include.empty())
    fail(Errc::kUsage, "pull: found --include and --all-files, expected one of them");
  const PullReport r = fetch(o.model, o.selection, common);
  if (common.json)
    return print_json({{"name", r.repository},
                       {"revision", r.revision},
                       {"commit", r.commit},
                       {"files", r.files},
                       {"bytes", r.bytes},
                       {"fetched_bytes", r.fetched_bytes},
                       {"unverified", r.unverified},
                       {"path", r.path.string()}});
  print_line(fmt::format("{} {} ({}): {} files, {} ({} fetched now) in {}", r.repository, r.revision,
                         r.commit.substr(0, 12), r.files.size(), byte_text(r.bytes),
                         byte_text(r.fetched_bytes), r.path.string()));
}

struct RemoveOptions {
  std::string model;
  bool yes = false, dry_run = false;
};

bool confirmed(const Removal& removal) {
  if (::isatty(0) == 0 || ::isatty(2) == 0)
    fail(Errc::kUsage, "remove: there is no terminal to ask on. Fix: --yes, or --dry-run to look first.");
  std::fprintf(stderr, "Remove %llu files, %s? [y/N] ", static_cast<unsigned long long>(removal.files),
               byte_text(removal.bytes).c_str());
  std::string answer;
  std::getline(std::cin, answer);
  check_interrupt();
  return answer == "y" || answer == "Y" || answer == "yes";
}

void run_remove(const RemoveOptions& o, const Common& common) {
  apply(common);
  const Removal removal = plan_removal(o.model);
  if (!common.json) {
    for (const std::string& commit : removal.commits)
      print_line(fmt::format("{} {}", removal.repository, commit));
    flush_output();
  }
  bool is_removed = false;
  if (!o.dry_run && (o.yes || confirmed(removal))) {
    remove_cached(removal);
    is_removed = true;
  }
  if (common.json)
    return print_json({{"name", removal.repository},
                       {"revisions", removal.commits},
                       {"refs", removal.refs},
                       {"files", removal.files},
                       {"bytes", removal.bytes},
                       {"removed", is_removed}});
  print_line(fmt::format("{} {} in {} files", byte_text(removal.bytes),
                         is_removed  ? "freed"
                         : o.dry_run ? "would be freed"
                                     : "kept",
                         removal.files));
}

}  // namespace

ModelFolder find_model(const std::string& model, const Common& common) {
  if (common.pull && is_missing(model)) fetch(model, {}, common);
  return ModelFolder::find(model);
}

void add_pull(CLI::App& app) {
  auto o = std::make_shared<PullVerbOptions>();
  Verb verb(app, "pull", "Fetch a model from the Hugging Face hub into the cache");
  auto common = add_common(verb, "lyceum pull sentence-transformers/all-MiniLM-L6-v2");
  verb.option("model", o->model, "ORG/NAME[@REVISION], or a short name of `lyceum list --names`").required();
  verb.option(
          "--include", o->selection.include,
          "A glob of the files to fetch, instead of those that Lyceum reads ('*' matches '/' too); again for "
          "another")
      .one_each();
  verb.option("--exclude", o->selection.exclude, "A glob of files to leave out; again for another")
      .one_each();
  verb.flag("--all-files", o->selection.all_files, "Everything that the repository has");
  verb.run([o, common] { run_pull(*o, *common); });
}

void add_remove(CLI::App& app) {
  auto o = std::make_shared<RemoveOptions>();
  Verb verb(app, "remove", "Take a model, or one revision of it, out of the cache");
  auto common = add_common(verb, "lyceum remove sentence-transformers/all-MiniLM-L6-v2 --dry-run");
  verb.option("model", o->model, "ORG/NAME (every revision), ORG/NAME@REVISION, or a short name").required();
  verb.flag("--yes,-y", o->yes, "Do not ask");
  verb.flag("--dry-run", o->dry_run, "Say what would go, and leave it");
  verb.run([o, common] { run_remove(*o, *common); });
}

}  // namespace lyceum::app
