// Tiny models of a family with what the reference computes of them (golden/make_golden.py): the comparisons
// that every family passes. Each gives an empty text, or what is wrong.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "check/temporary_folder.h"
#include "formats/model_folder.h"
#include "nn/model.h"
#include "nn/named_tensors.h"

namespace lyceum::check {

// case.safetensors of a golden folder: inputs ("in.NAME") and outputs with gradients ("out.NAME").
struct ReferenceCase {
  NamedTensors inputs, outputs;
};
ReferenceCase reference_case(const std::filesystem::path& folder);
std::unique_ptr<Model> load_folder(const std::filesystem::path& folder);
// input_ids, attention_mask, token_type_ids, position_ids.
NamedTensors tokens_only(const NamedTensors& inputs);

// A folder of its own with a golden's configuration and changed tensors.
class ChangedFolder {
 public:
  ChangedFolder(const std::filesystem::path& golden, const std::function<void(NamedTensors&)>& change,
                const std::function<void(std::string&)>& config = {});
  std::unique_ptr<Model> model() const { return load_folder(folder_.path()); }
  ModelFolder folder() const { return ModelFolder::find(folder_.path().string()); }

 private:
  TemporaryFolder folder_;
};

double largest(const Tensor& t);
double difference(const Tensor& a, const Tensor& b);  // the largest; infinite where one is not a number

// Outputs, loss and every gradient, relative to the largest value of each.
std::string equals_reference(const std::filesystem::path& folder, double relative);
// More places in each row, masked and full of other tokens: the same bits of outputs, and of gradients where
// the case has plain labels.
std::string padding_changes_no_bit(const std::filesystem::path& folder);
// A row alone and in a batch of another order has the bits that it has in the batch.
std::string rows_do_not_depend_on_each_other(const std::filesystem::path& folder);
// 1, 2 and 3 threads on every instruction set: the same bits of outputs and gradients.
std::string threads_and_instruction_sets_change_no_bit(const std::filesystem::path& folder);

// The last three, one after another.
std::string keeps_its_bits(const std::filesystem::path& folder);

}  // namespace lyceum::check
