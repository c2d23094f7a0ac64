// The families of this build, and the way from a model's folder to a model.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "formats/model_folder.h"
#include "nn/model.h"

namespace lyceum {

struct Family {
  std::string name;
  std::vector<std::string> model_types;    // config.json's model_type
  std::vector<std::string> architectures;  // config.json's architectures[0]
  // Throws what the family's configuration and weights give reason for.
  std::unique_ptr<Model> (*load)(const std::string& config_json, const std::string& where,
                                 const Checkpoint& checkpoint);
  // Of InitialValues; null: one deviation for all.
  double (*deviation_of)(const std::string& name, double deviation, std::int64_t layers) = nullptr;
};

class FamilyRegistry {
 public:
  void add(Family family) { families_.push_back(std::move(family)); }
  const std::vector<Family>& families() const noexcept { return families_; }

 private:
  std::vector<Family> families_;
};

// Written by the build from the list LYCEUM_MODELS: calls each family by name.
void register_all(FamilyRegistry& registry);
const std::vector<Family>& families();

struct LoadedModel {
  std::unique_ptr<Model> model;
  std::vector<std::string> unused;  // tensors of the files that the model does not need
  std::uint64_t file_bytes = 0;
};
// Reads config.json and the weights, those of an adapter's folder merged (nn/merged_adapter.h); `compute` as
// Model::set_compute, or as the files are. Throws Errc::kUnsupported for a family or class that this build
// lacks, with the list of those it has.
LoadedModel load_model(const ModelFolder& folder, std::optional<Compute> compute = {});
// The same of a configuration that stands in no folder, over a checkpoint that may make what it lacks.
// `where` names the configuration in errors.
LoadedModel load_model(const std::string& config_json, const std::string& where, const Checkpoint& checkpoint,
                       std::optional<Compute> compute = {});
// The family's class whose name ends in one of these, `current` if it does, else with most of its beginning
// ("XLMRoberta"); empty where there is none.
std::string class_ending_in(const Family& family, const std::string& current,
                            const std::vector<std::string>& endings);
// The family that serves a configuration. Throws as load_model.
const Family& family_of(const std::string& config_json, const std::string& where);

}  // namespace lyceum
