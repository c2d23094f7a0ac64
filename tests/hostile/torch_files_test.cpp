// Files of weights that are pickles in an archive.
#include "base/file.h"
#include "check/torch_archive.h"
#include "formats/safetensors.h"
#include "tests/hostile/hostile.h"

namespace lyceum {
namespace {

TEST_F(Hostile, FilesOfTorch) {
  using namespace check;
  const NamedTensors tensors = tiny_bert_tensors();
  const std::string good = torch_file_of(tensors);
  // The weights in pytorch_model.bin; and such a file of one tensor.
  const auto bin = [](const std::string& bytes) {
    return [bytes](const fs::path& m) {
      fs::remove(m / "model.safetensors");
      write_file(m / "pytorch_model.bin", bytes);
    };
  };
  const auto pickled = [&](const std::string& value) {
    return bin(torch_archive(pickle_of(value), {std::string(768, '\0')}));
  };
  const auto one = [&](PickledTensor t) {
    t.storage_elements = 192;
    return pickled(pickled_dict({{kWord, pickled_tensor(t)}}));
  };
  const auto call = [&](const char* module, const char* name, const std::string& argument) {
    return pickled(
        pickled_dict({{"a", pickled_tensor({.storage_elements = 192})},
                      {kWord, pickled_call(pickled_global(module, name), {pickled_text(argument)})}}));
  };
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string bytes = good;
    for (std::size_t at = 0; (at = bytes.find(from, at)) != std::string::npos; at += to.size())
      bytes.replace(at, from.size(), to);
    return bin(bytes);
  };
  const fs::path proof = folder / "executed";
  const std::string command = "touch " + proof.string();
  const Words file{"pytorch_model.bin"}, pickle{"pytorch_model.bin", "pickle, opcode at byte"},
      tensor{"pytorch_model.bin", kWord};
  std::string doubling = "]q" + std::string(1, '\0');
  for (char i = 1; i < 100; ++i)
    doubling += std::string("]q") + i + "(h" + std::string(1, static_cast<char>(i - 1)) + "h" +
                std::string(1, static_cast<char>(i - 1)) + "e";
  const fs::path as_it_is = model();
  bin(good)(as_it_is);
  EXPECT_EQ(run({"embed", as_it_is.string(), "the cat"}).status, 0);
  expect_all_refused({
      {"empty", bin(""), 1, file},
      {"a few bytes", bin("PK"), 1, file},
      {"HTML", bin("<!DOCTYPE html>"), 1, file},
      {"of Git LFS",
       bin("version https://git-lfs.github.com/spec/v1\n"),
       1,
       {"pytorch_model.bin", "Git LFS"}},
      {"cut", bin(good.substr(0, good.size() / 2)), 1, file},
      {"cut by a byte", bin(good.substr(0, good.size() - 1)), 1, file},
      {"of before 1.6",
       bin(read_text(fs::path(LYCEUM_SOURCE_DIR) / "src/formats/golden/legacy.pt")),
       3,
       {"pytorch_model.bin", "1.6", "torch.save"}},
      {"a whole module",
       bin(read_text(fs::path(LYCEUM_SOURCE_DIR) / "src/formats/golden/whole_module.pt")),
       3,
       {"pytorch_model.bin", "torch.nn.modules.linear.Linear", "state_dict"}},
      {"a program", bin(read_text(fs::path(LYCEUM_SOURCE_DIR) / "src/formats/golden/script.pt")), 3, file},
      {"a zip of something else", bin(zip_of({{"a/b.txt", "x"}})), 1, {"pytorch_model.bin", "data.pkl"}},
      {"a path in the archive",
       changed("archive/version", "archive/../sion"),
       1,
       {"pytorch_model.bin", "path"}},
      {"an entry twice", changed("archive/data/1", "archive/data/0"), 1, {"pytorch_model.bin", "twice"}},
      {"no byte order", changed("little", "middle"), 1, {"pytorch_model.bin", "byteorder"}},
      {"os.system", call("os", "system", command), 1, {"pytorch_model.bin", "os.system", "not run"}},
      {"posix.system", call("posix", "system", command), 1, {"posix.system", "not run"}},
      {"builtins.eval",
       call("builtins", "eval", "__import__('os').system('" + command + "')"),
       1,
       {"builtins.eval"}},
      {"an unknown call", call("evil", "run", command), 3, {"pytorch_model.bin", kWord, "evil.run"}},
      {"a state for an unknown class",
       pickled(pickled_global("evil", "Class") + ")\x81}" + pickled_text("__setstate__") + "Nsb"),
       3,
       {"pytorch_model.bin", "evil.Class"}},
      {"no pickle", pickled(""), 1, pickle},
      {"doubling lists", pickled(doubling), 1, pickle},
      {"deep lists", pickled(repeated("(", 1'000'000) + repeated("t", 1'000'000)), 3, {"a tuple of 1"}},
      {"deep parameters",
       pickled("}" + pickled_text(kWord) +
               repeated(pickled_global("torch._utils", "_rebuild_parameter"), 10'000) + "N" +
               repeated("\x85R", 10'000) + "s"),
       3, tensor},
      {"many values", pickled(repeated(")", 3'000'000)), 1, pickle},
      {"a tall stack", pickled(repeated("N", 20'000'000)), 1, pickle},
      {"a huge text", pickled("X\xff\xff\xff\xff"), 1, pickle},
      {"a huge number", pickled("\x8b\xff\xff\xff\x7f"), 1, pickle},
      {"a far place of the memo", pickled("Nr\xff\xff\xff\xff"), 1, pickle},
      {"strides beyond", one({.sizes = {24, 8}, .strides = {9, 1}}), 1, tensor},
      {"an offset beyond", one({.offset = 1, .sizes = {24, 8}, .strides = {8, 1}}), 1, tensor},
      {"wrapping strides", one({.sizes = {24, 8}, .strides = {std::int64_t{1} << 61, 1}}), 1, tensor},
      {"wrapping sizes", one({.sizes = {std::int64_t{1} << 62, 8}, .strides = {0, 0}}), 1, tensor},
      {"a size repeated", one({.sizes = {1 << 30, 1 << 30}, .strides = {0, 0}}), 1, tensor},
      {"a negative size", one({.sizes = {-24, -8}, .strides = {8, 1}}), 1, tensor},
      {"a negative stride", one({.sizes = {24, 8}, .strides = {-8, 1}}), 1, tensor},
      {"a storage outside", one({.key = "../../etc/passwd", .sizes = {24, 8}, .strides = {8, 1}}), 1, tensor},
      {"another shape", one({.sizes = {8, 24}, .strides = {1, 8}}), 1, file},
      {"missing tensors", pickled(pickled_dict({{"a", pickled_tensor({.storage_elements = 192})}})), 1, file},
      {"doubles",
       [&](const fs::path& m) {
         NamedTensors t = tensors;
         t[kWord] = Tensor::zeros({24, 8}, DType::kF64);
         bin(torch_file_of(t))(m);
       },
       3,
       {kWord, "F64", "lyceum convert"}},
      {"an index of nothing",
       [](const fs::path& m) {
         fs::remove(m / "model.safetensors");
         write_file(m / "pytorch_model.bin.index.json", R"({"weight_map":{"a":"../x.bin"}})");
       },
       1,
       {"pytorch_model.bin.index.json", "../x.bin"}},
  });
  EXPECT_FALSE(fs::exists(proof));
  expect_all_refused({{"a bad dense module",
                       [](const fs::path& m) {
                         fs::remove(m / "2_Dense/model.safetensors");
                         write_file(m / "2_Dense/pytorch_model.bin", "x");
                       },
                       1,
                       {"2_Dense/pytorch_model.bin"}}},
                     {.sentence = true, .dense_width = 4});
}

}  // namespace
}  // namespace lyceum
