// Keys of config.json that mean the same in every family.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/checkpoint.h"
#include "kernels/activation.h"

namespace lyceum {

class JsonFields;

// architectures[0]; `fallback` where there is none.
std::string architecture_of(const JsonFields& config, std::string fallback);

// Throws Errc::kUnsupported, naming file and key, for an activation that this build lacks.
Activation activation_of(const JsonFields& config, const std::string& key, Activation fallback);

// id2label: {"0": "negative", ...} in any order, every number from 0 on once. Empty where it is not given.
std::vector<std::string> labels_of(const JsonFields& config);

// regression, single_label_classification or multi_label_classification; empty where it is not given. Throws
// Errc::kFormat for another one.
std::string problem_type_of(const JsonFields& config);

// A probability from 0 to 1; with 1, which serves, nothing can be trained (ops/dropout).
float dropout_of(const JsonFields& config, const std::string& key, float fallback);

// How many outputs the classifier NAME.weight has, by the file. `labels` must be as many (else Errc::kData);
// where there are none, they become LABEL_0, LABEL_1, ...
std::int64_t classifier_outputs(const Checkpoint& checkpoint, const std::string& name,
                                std::vector<std::string>& labels);

}  // namespace lyceum
