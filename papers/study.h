// One reproduction at work: runs and measurements that are done once, and the report that they end in.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lyceum/training.h"
#include "papers/paper.h"
#include "papers/report.h"

namespace lyceum::papers {

enum class Scale {
  kFull,   // the dossier's size: an hour or a few
  kQuick,  // minutes
  kTiny,   // seconds, of the tests: nothing is learnt worth a look
};
const char* name_of(Scale scale);

// Who watches; the study itself prints nothing.
class StudyObserver {
 public:
  virtual ~StudyObserver() = default;
  // The work that begins, which of how many it is; only what is not done yet is announced.
  virtual void on_part(const std::string& /*name*/, std::int64_t /*number*/, std::int64_t /*count*/) {}
  virtual void on_step(const TrainingStep&) {}
};

struct StudyOptions {
  std::filesystem::path data, output;
  Scale scale = Scale::kFull;
  std::int64_t seeds = 0;  // 0: what the paper's code says
  bool restart = false;    // what the folder has of an earlier study is removed first
  StudyObserver* observer = nullptr;
};

using Numbers = std::map<std::string, double>;

struct Run {
  std::string folder, model;  // of the run, and of its model where it is kept
  Numbers numbers;            // of its last validation, and what `measure` found
  // Errc::kInternal where there is none of this name.
  double number(const std::string& name) const;
};

struct RunSpec {
  std::string recipe;                 // a file of the paper's folder, without .toml
  std::string name;                   // of the run's folder, such as "finetune_100_seed2"
  std::vector<std::string> settings;  // over the recipe's
  bool keep_model = false;            // for runs that others go on from; else it goes when it was measured
  std::function<Numbers(const std::string& model)> measure;  // further numbers of the trained model
};

class Study {
 public:
  // Throws Errc::kIo for missing data, all of it named; Errc::kUsage for a folder that has a study of another
  // kind.
  Study(const Paper& paper, StudyOptions options);

  Scale scale() const noexcept { return options_.scale; }
  // The value for this scale.
  template <class T>
  T pick(T full, T quick, T tiny) const {
    return scale() == Scale::kFull ? full : scale() == Scale::kQuick ? quick : tiny;
  }
  // How many seeds there are; `usual` where the caller of the study has no wish of his own.
  std::int64_t seeds(std::int64_t usual) const { return options_.seeds > 0 ? options_.seeds : usual; }

  const std::filesystem::path& data_root() const noexcept { return options_.data; }
  std::string data(const std::string& name) const;  // one of Paper::data, as it lies there

  // A file of the study's own, OUTPUT/data/NAME, written by make(PATH) where it is not there yet. Its path.
  std::string file(const std::string& name, const std::function<void(const std::string& path)>& make);
  // A tokenizer learnt from these files: OUTPUT/data/NAME.
  std::string tokenizer(const std::string& name, const std::vector<std::string>& files,
                        std::int64_t vocabulary);

  // A run of a recipe, or what is kept of it where it is finished and has the same settings. A run that was
  // stopped goes on where it was.
  Run train(const RunSpec& spec);
  // The model of a run whose spec kept it.
  std::string model_of(const std::string& run) const;
  // Numbers measured once under this name: kept and read afterwards. `of`: what they depend on besides the
  // name, such as a run's folder and settings.
  Numbers measure(const std::string& name, const std::string& of, const std::function<Numbers()>& measure);

  // How a number of the validations of a finished run went, by steps; empty where that is not known yet.
  // `model`: of the run, as train() gives it.
  LineSeries validation_curve(const std::string& model, const std::string& name,
                              const std::string& number) const;

  Report& report() noexcept { return report_; }

  // For reproduce(): first all parts are counted without work, then they are done. Writes OUTPUT/report.html
  // and results.json.
  void reproduce();

 private:
  void begin_folder();
  Numbers part(const std::string& name, const std::string& key, const std::function<Numbers()>& work);
  std::string key_of(const std::string& name, const std::string& text) const;

  const Paper& paper_;
  StudyOptions options_;
  Report report_;
  bool is_planning_ = false;
  std::set<std::string> planned_;  // names of the parts that are not done yet
  std::int64_t number_ = 0;
  std::map<std::string, std::string> keys_;  // of runs by their folders
};

// The whole of `lyceum paper NAME`.
struct StudyResult {
  std::filesystem::path report, results;
  std::vector<JudgedClaim> claims;
};
StudyResult reproduce(const Paper& paper, const StudyOptions& options);

// Errc::kUsage for a name that is none, naming those there are.
const Paper& paper_named(const std::string& name);

}  // namespace lyceum::papers
