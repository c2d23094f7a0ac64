// The tensors that `forward` reads.
#include <sys/stat.h>

#include "base/file.h"
#include "formats/safetensors.h"
#include "tests/hostile/hostile.h"

namespace lyceum {
namespace {

Tensor whole(const Shape& shape, const std::vector<std::int64_t>& values) {
  return Tensor::of<std::int64_t>(shape, values);
}

TEST_F(Hostile, InputsOfForward) {
  struct Input {
    std::string name, architecture;
    NamedTensors tensors;
    int status;
    Words says;
    Words options;
  };
  const Tensor ids = whole({1, 4}, {2, 5, 7, 3});
  const std::int64_t far = std::int64_t{1} << 62;
  const std::vector<Input> inputs{
      {"nothing", "BertModel", {}, 1, {"input_ids"}, {}},
      {"an id beyond the vocabulary",
       "BertModel",
       {{"input_ids", whole({1, 4}, {2, 5, 24, 3})}},
       1,
       {"input_ids[0, 2]", "24"},
       {}},
      {"a negative id",
       "BertModel",
       {{"input_ids", whole({1, 4}, {2, -1, 7, 3})}},
       1,
       {"input_ids[0, 1]", "-1"},
       {}},
      {"a huge id",
       "BertModel",
       {{"input_ids", whole({1, 4}, {2, INT64_MAX, INT64_MIN, 3})}},
       1,
       {"input_ids[0, 1]"},
       {}},
      {"ids that are fractions",
       "BertModel",
       {{"input_ids", Tensor::zeros({1, 4})}},
       1,
       {"input_ids", "F32"},
       {}},
      {"ids in doubles",
       "BertModel",
       {{"input_ids", Tensor::zeros({1, 4}, DType::kF64)}},
       1,
       {"input_ids", "F64"},
       {}},
      {"ids of rank 1", "BertModel", {{"input_ids", whole({4}, {2, 5, 7, 3})}}, 1, {"input_ids", "[4]"}, {}},
      {"ids of rank 3",
       "BertModel",
       {{"input_ids", whole({1, 1, 4}, {2, 5, 7, 3})}},
       1,
       {"input_ids", "[1, 1, 4]"},
       {}},
      {"ids of rank 0", "BertModel", {{"input_ids", whole({}, {2})}}, 1, {"input_ids", "[]"}, {}},
      {"rows without a token",
       "BertModel",
       {{"input_ids", Tensor::zeros({2, 0}, DType::kI64)}},
       1,
       {"input_ids", "[2, 0]"},
       {}},
      {"rows without end",
       "BertModel",
       {{"input_ids", Tensor::zeros({std::int64_t{1} << 40, 0}, DType::kI64)}},
       1,
       {"input_ids"},
       {}},
      {"places without end",
       "BertModel",
       {{"input_ids", Tensor::zeros({0, far}, DType::kI64)}},
       1,
       {"2^62"},
       {}},
      {"more tokens than positions",
       "BertModel",
       {{"input_ids", Tensor::zeros({1, 17}, DType::kI64)}},
       1,
       {"position", "16"},
       {}},
      {"a mask of another shape",
       "BertModel",
       {{"input_ids", ids}, {"attention_mask", whole({4}, {1, 1, 1, 1})}},
       1,
       {"attention_mask", "[4]", "[1, 4]"},
       {}},
      {"a mask that is not binary",
       "BertModel",
       {{"input_ids", ids}, {"attention_mask", whole({1, 4}, {1, 1, 2, 0})}},
       1,
       {"attention_mask[0, 2]", "2"},
       {}},
      {"a negative mask",
       "BertModel",
       {{"input_ids", ids}, {"attention_mask", whole({1, 4}, {1, -1, 1, 0})}},
       1,
       {"attention_mask[0, 1]", "-1"},
       {}},
      {"a mask of fractions",
       "BertModel",
       {{"input_ids", ids}, {"attention_mask", Tensor::full({1, 4}, 1)}},
       1,
       {"attention_mask", "F32"},
       {}},
      {"a position beyond the table",
       "BertModel",
       {{"input_ids", ids}, {"position_ids", whole({1, 4}, {0, 1, 2, 16})}},
       1,
       {"position_ids[0, 3]", "16"},
       {}},
      {"a negative position",
       "BertModel",
       {{"input_ids", ids}, {"position_ids", whole({1, 4}, {-1, 1, 2, 3})}},
       1,
       {"position_ids[0, 0]", "-1"},
       {}},
      {"positions of another shape",
       "BertModel",
       {{"input_ids", ids}, {"position_ids", whole({1, 3}, {0, 1, 2})}},
       1,
       {"position_ids", "[1, 3]"},
       {}},
      {"a type beyond the table",
       "BertModel",
       {{"input_ids", ids}, {"token_type_ids", whole({1, 4}, {0, 0, 2, 0})}},
       1,
       {"token_type_id", "2"},
       {}},
      {"a negative type",
       "BertModel",
       {{"input_ids", ids}, {"token_type_ids", whole({1, 4}, {0, -1, 0, 0})}},
       1,
       {"token_type_id", "-1"},
       {}},
      {"types of another shape",
       "BertModel",
       {{"input_ids", ids}, {"token_type_ids", whole({2, 2}, {0, 0, 0, 0})}},
       1,
       {"token_type_ids", "[2, 2]"},
       {}},
      {"a label beyond the vocabulary",
       "BertForMaskedLM",
       {{"input_ids", ids}, {"labels", whole({1, 4}, {-100, 24, 5, 5})}},
       1,
       {"label", "24"},
       {}},
      {"a negative label",
       "BertForMaskedLM",
       {{"input_ids", ids}, {"labels", whole({1, 4}, {-100, -1, 5, 5})}},
       1,
       {"label", "-1"},
       {}},
      {"labels of another shape",
       "BertForMaskedLM",
       {{"input_ids", ids}, {"labels", whole({4}, {1, 2, 3, 4})}},
       1,
       {"labels", "[4]"},
       {}},
      {"labels that are fractions",
       "BertForMaskedLM",
       {{"input_ids", ids}, {"labels", Tensor::zeros({1, 4})}},
       1,
       {"labels", "F32"},
       {}},
      {"a label beyond the classes",
       "BertForTokenClassification",
       {{"input_ids", ids}, {"labels", whole({1, 4}, {0, 1, 2, 0})}},
       1,
       {"label", "2"},
       {}},
      {"a class beyond the classes",
       "BertForSequenceClassification",
       {{"input_ids", ids}, {"labels", whole({1}, {2})}},
       1,
       {"label", "2"},
       {}},
      {"two classes for one row",
       "BertForSequenceClassification",
       {{"input_ids", ids}, {"labels", whole({2}, {0, 1})}},
       1,
       {"labels", "[2]"},
       {}},
      {"a following sentence beyond two",
       "BertForNextSentencePrediction",
       {{"input_ids", ids}, {"labels", whole({1}, {-1})}},
       1,
       {"label", "-1"},
       {}},
      {"starts of another shape",
       "BertForQuestionAnswering",
       {{"input_ids", ids}, {"start_positions", whole({2}, {0, 1})}, {"end_positions", whole({1}, {1})}},
       1,
       {"start_positions", "[2]"},
       {}},
      {"starts that are fractions",
       "BertForQuestionAnswering",
       {{"input_ids", ids}, {"start_positions", Tensor::zeros({1})}, {"end_positions", whole({1}, {1})}},
       1,
       {"start_positions"},
       {}},
      {"nothing to go back from", "BertModel", {{"input_ids", ids}}, 2, {"--backward"}, {"--backward"}},
      {"a cotangent of no output",
       "BertModel",
       {{"input_ids", ids}, {"cotangent.nothing", Tensor::zeros({1})}},
       1,
       {"cotangent.nothing"},
       {"--backward"}},
      {"a cotangent of another shape",
       "BertModel",
       {{"input_ids", ids}, {"cotangent.last_hidden_state", Tensor::zeros({1, 4, 9})}},
       1,
       {"cotangent.last_hidden_state", "[1, 4, 9]"},
       {"--backward"}},
      {"a cotangent of whole numbers",
       "BertModel",
       {{"input_ids", ids}, {"cotangent.last_hidden_state", Tensor::zeros({1, 4, 8}, DType::kI64)}},
       1,
       {"cotangent.last_hidden_state", "I64"},
       {"--backward"}},
      {"a cotangent without a way back",
       "BertModel",
       {{"input_ids", ids}, {"cotangent.last_hidden_state", Tensor::zeros({1, 4, 8})}},
       2,
       {"cotangent"},
       {}},
      {"taps that are no expression", "BertModel", {{"input_ids", ids}}, 2, {"taps", "("}, {"--taps", "("}},
  };
  for (const Input& input : inputs) {
    SCOPED_TRACE(input.name);
    const fs::path m = model({.architecture = input.architecture});
    write_safetensors(m / "in.safetensors", std::vector<std::pair<std::string, Tensor>>(input.tensors.begin(),
                                                                                        input.tensors.end()));
    Words arguments{"forward",   m.string(),
                    "--inputs",  (m / "in.safetensors").string(),
                    "--outputs", (m / "out.safetensors").string()};
    arguments.insert(arguments.end(), input.options.begin(), input.options.end());
    expect_refused(run(arguments), input.status, input.says);
    EXPECT_FALSE(fs::exists(m / "out.safetensors")) << "nothing half is left";
    if (HasFailure()) return;
    fs::remove_all(m);
  }
}

TEST_F(Hostile, FilesOfForwardThatAreNone) {
  const fs::path m = model();
  write_file(folder / "text.safetensors", "hello");
  write_file(folder / "empty.safetensors", "");
  ::mkfifo((folder / "pipe.safetensors").c_str(), 0644);
  for (const char* name :
       {"text.safetensors", "empty.safetensors", "pipe.safetensors", "missing.safetensors"}) {
    SCOPED_TRACE(name);
    expect_refused(run({"forward", m.string(), "--inputs", (folder / name).string(), "--outputs",
                        (folder / "out").string()}),
                   1, {name});
  }
  for (const std::string& path : {folder.path().string(), std::string("/dev/zero")})
    expect_refused(run({"forward", m.string(), "--inputs", path, "--outputs", (folder / "out").string()}), 1,
                   {path, "regular file"});
  write_safetensors(folder / "in.safetensors",
                    std::vector<std::pair<std::string, Tensor>>{{"input_ids", whole({1, 2}, {2, 3})}});
  expect_refused(run({"forward", m.string(), "--inputs", (folder / "in.safetensors").string(), "--outputs",
                      (folder / "no/out").string()}),
                 1, {"no/out"});
  expect_refused(
      run({"forward", m.string(), "--inputs", (folder / "in.safetensors").string(), "--outputs", m.string()}),
      1, {m.string()});
}

}  // namespace
}  // namespace lyceum
