// Adapters of low rank over a model whose own weights stay as they are.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "formats/adapter_config.h"
#include "nn/model.h"
#include "train/recipe/recipe.h"

namespace lyceum {

struct Adapters {
  AdapterConfig config;
  std::vector<WeightPtr> weights;  // A and B of each target, under their names in adapter_model.safetensors
  std::vector<WeightPtr> whole;    // of the model, trained in full
};

// Puts an adapter onto each target of the recipe's model.lora: A uniform in +-1 / sqrt(inputs) as PEFT begins
// it (nn.init.kaiming_uniform_ with a = sqrt(5)), B zero, so that the model begins as it is. Trained in full
// are what no file had (`made`), the head of the objective's own and modules_to_save. With base = "int8" the
// matrices of the model's layers become bytes. `base`: what adapter_config.json calls the model. Throws
// Errc::kData, naming the setting, for targets and modules that the model does not have.
Adapters begin_adapters(const Recipe& recipe, Model& model, const std::vector<std::string>& made,
                        const std::string& base);

// adapter_config.json and adapter_model.safetensors. Throws Errc::kIo.
void save_adapters(const std::filesystem::path& folder, const Adapters& adapters, const Model& model);

}  // namespace lyceum
