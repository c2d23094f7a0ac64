// The state of a run on disk: everything that the next step depends on, in one file that is there whole or
// not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "data/examples/example.h"
#include "nn/named_tensors.h"

namespace lyceum {

struct RunState {
  std::int64_t step = 0;        // steps that are done
  DataPosition data;            // where the next batch begins
  std::int64_t tokens = 0;      // learnt from so far
  std::int64_t skipped = 0;     // steps left out for their loss
  double best_loss = 0;         // of the best validation so far
  double best_number = 0;       // what it was the best by; the lowest is the best
  std::int64_t best_step = -1;  // at which it was; -1: there was none
  std::int64_t since_best = 0;  // validations since
  bool is_finished = false;     // early, or with the last step
  std::string model;  // a digest of what the run began with: families, shapes and names of parameters
  std::map<std::string, std::string> recipe;  // of settings, as TOML
};

std::string text_of(const RunState& state);  // JSON
// Throws Errc::kFormat and kUnsupported, naming `where`, for what is none of this build's.
RunState run_state_of(const std::string& text, const std::string& where);

struct SavedRun {
  RunState state;
  NamedTensors
      tensors;  // "model.NAME", and what optimiser and averages call theirs behind "optimizer." and "ema."
};

// DIRECTORY/checkpoints/step-NNNNNNNN.safetensors.
class Checkpoints {
 public:
  // Of the run's folder, which need not be there yet. Keeps the `keep` newest.
  Checkpoints(std::filesystem::path directory, std::int64_t keep);

  bool has_any() const { return !all().empty(); }
  // The newest that is there. Throws Errc::kFormat for one that this build did not write or that is damaged,
  // naming the file.
  std::optional<SavedRun> newest() const;
  // Errc::kIo where the system refuses (a full disk): those that were there stay.
  void save(const SavedRun& run);
  void remove_all();
  std::filesystem::path path_of(std::int64_t step) const;

 private:
  std::map<std::int64_t, std::filesystem::path> all() const;
  std::filesystem::path folder_;
  std::int64_t keep_;
};

}  // namespace lyceum
