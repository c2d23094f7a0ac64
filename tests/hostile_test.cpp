// Bad files through the command itself. Whatever the file holds, the command ends by itself, soon, within a
// bounded memory, with status 1 to 3 and one line on standard error that names the file and the place in it.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/file.h"
#include "check/run_command.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "check/torch_archive.h"
#include "formats/safetensors.h"

namespace lyceum {
namespace {

using check::RunResult;
using check::TinyBertOptions;
using check::write_file;
using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;
namespace fs = std::filesystem;

constexpr double kSeconds = 10;
constexpr std::uint64_t kAddressBytes = std::uint64_t{2}
                                        << 30;  // a good run of the tiny model maps less than half of it

class Hostile : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("HF_HUB_CACHE", (folder / "no-cache").c_str(),
             1);  // nothing of this machine is found by accident
    ::setenv("LYCEUM_HOME", (folder / "no-home").c_str(), 1);
  }

  RunResult run(const Words& arguments, const std::string& input = "", bool as_nobody = false) const {
    return check::run_command(
        LYCEUM_COMMAND, arguments,
        {.input = input, .seconds = kSeconds, .address_bytes = kAddressBytes, .as_nobody = as_nobody});
  }
  // The promise of every test here; `says` must all stand in the message.
  static void expect_refused(const RunResult& r, int status, const Words& says) {
    EXPECT_FALSE(r.timed_out);
    EXPECT_EQ(r.signal, 0);
    EXPECT_EQ(r.status, status);
    EXPECT_TRUE(r.err.starts_with("lyceum: ")) << "the message begins with the program's name";
    EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), 1) << "the message is one line";
    EXPECT_LT(r.err.size(), 2000u) << "the message can be read";
    EXPECT_EQ(r.err.find("json.exception"), std::string::npos) << "the message is ours";
    for (const std::string& part : says)
      EXPECT_NE(r.err.find(part), std::string::npos) << "the message names " << part;
    if (::testing::Test::HasFailure()) ADD_FAILURE() << r.text();
  }

  // A model of its own for each case, good until the case breaks it.
  fs::path model(const TinyBertOptions& options = {}) {
    const fs::path path = folder / ("model-" + std::to_string(++models_));
    check::write_tiny_bert(path, options);
    return path;
  }
  struct Case {
    std::string name;
    std::function<void(const fs::path& model)> spoil;
    int status;
    Words says;
  };
  void expect_all_refused(const std::vector<Case>& cases, const TinyBertOptions& options = {}) {
    for (const Case& c : cases) {
      SCOPED_TRACE(c.name);
      const fs::path path = model(options);
      c.spoil(path);
      expect_refused(run({"embed", path.string(), "the cat"}), c.status, c.says);
      fs::remove_all(path);
      if (HasFailure()) return;
    }
  }

  check::TemporaryFolder folder;

 private:
  int models_ = 0;
};

// A key of a JSON object set to a text that need not be JSON.
void put(const fs::path& file, const std::string& key, const std::string& raw) {
  Json json = Json::parse(read_text(file));
  json[key] = "@@";
  std::string text = json.dump(1);
  text.replace(text.find("\"@@\""), 4, raw);
  write_file(file, text);
}

// model.safetensors with a changed header.
void put_header(const fs::path& file, const std::string& header) {
  const std::string bytes = read_text(file);
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  std::string out(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(header.size() >> (8 * i));
  write_file(file, out + header + bytes.substr(8 + length));
}
Json header_of(const fs::path& file) {
  const std::string bytes = read_text(file);
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  return Json::parse(bytes.substr(8, length));
}
void edit_header(const fs::path& model, const std::function<void(Json&)>& edit) {
  Json header = header_of(model / "model.safetensors");
  edit(header);
  put_header(model / "model.safetensors", header.dump());
}
void edit_tensors(const fs::path& model, const std::function<void(NamedTensors&)>& edit) {
  NamedTensors tensors = check::tiny_bert_tensors();
  edit(tensors);
  write_safetensors(model / "model.safetensors",
                    std::vector<std::pair<std::string, Tensor>>(tensors.begin(), tensors.end()));
}

std::string repeated(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}
std::string little_endian(std::uint64_t value) {
  std::string out(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(value >> (8 * i));
  return out;
}

// A header of so many tensors that no data follows.
std::string many_tensors(int count) {
  std::string out = "{";
  for (int i = 0; i < count; ++i)
    out += (i ? ",\"t" : "\"t") + std::to_string(i) + R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
  return out + "}";
}

const std::string kWord = "embeddings.word_embeddings.weight";

TEST_F(Hostile, TheModelThatTheCasesSpoilIsGood) {
  for (const TinyBertOptions& options : {TinyBertOptions{}, TinyBertOptions{.shards = 3},
                                         TinyBertOptions{.sentence = true, .dense_width = 4}}) {
    const RunResult r = run({"embed", model(options).string(), "the cat", "--json"});
    EXPECT_EQ(r.status, 0) << r.text();
    EXPECT_NE(r.out.find("embedding"), std::string::npos) << r.text();
  }
}

TEST_F(Hostile, WeightFiles) {
  const auto weights = [](const std::function<std::string(std::string)>& change) {
    return [change](const fs::path& m) {
      write_file(m / "model.safetensors", change(read_text(m / "model.safetensors")));
    };
  };
  const auto header = [](const std::function<void(Json&)>& edit) {
    return [edit](const fs::path& m) { edit_header(m, edit); };
  };
  const auto raw_header = [](const std::string& text) {
    return [text](const fs::path& m) { put_header(m / "model.safetensors", text); };
  };
  const Words file{"model.safetensors"}, tensor{"model.safetensors", kWord};
  expect_all_refused({
      {"empty", weights([](const std::string&) { return ""; }), 1, file},
      {"a few bytes", weights([](const std::string&) { return "abc"; }), 1, file},
      {"cut in the length", weights([](const std::string& b) { return b.substr(0, 7); }), 1, file},
      {"cut in the header", weights([](const std::string& b) { return b.substr(0, 100); }), 1, file},
      {"cut in the data", weights([](const std::string& b) { return b.substr(0, b.size() - 1); }), 1, file},
      {"too long", weights([](const std::string& b) { return b + "x"; }), 1, file},
      {"all zeros", weights([](const std::string& b) { return std::string(b.size(), '\0'); }), 1, file},
      {"a pickle", weights([](const std::string&) { return "\x80\x02}q\x00."; }), 1, file},
      {"huge header length",
       weights([](const std::string& b) { return std::string(8, '\xFF') + b.substr(8); }), 1, file},
      {"header length of 2^63",
       weights([](const std::string& b) { return little_endian(std::uint64_t{1} << 63) + b.substr(8); }), 1,
       file},
      {"header longer than the file",
       weights([](const std::string& b) { return little_endian(b.size()) + b.substr(8); }), 1, file},
      {"header length 0", weights([](const std::string& b) { return little_endian(0) + b.substr(8); }), 1,
       file},
      {"header is not JSON", raw_header("{this is not JSON}"), 1, file},
      {"header is a list", raw_header("[]"), 1, file},
      {"header is not UTF-8", raw_header("{\"\xFF\xFE\":1}"), 1, file},
      {"nesting bomb", raw_header("{\"a\":" + std::string(1 << 20, '[')), 1, {"model.safetensors", "nested"}},
      {"many keys", raw_header("{" + repeated("\"a\":{},", 500'000) + "\"b\":{}}"), 1, file},
      {"many values", raw_header("{\"a\":[" + repeated("0,", 4'000'000) + "0]}"), 1, file},
      {"a tensor twice",
       [](const fs::path& m) {
         const Json h = header_of(m / "model.safetensors");
         put_header(m / "model.safetensors",
                    "{\"" + kWord + "\":" + h[kWord].dump() + "," + h.dump().substr(1));
       },
       1, tensor},
      {"many tensors", raw_header(many_tensors(100'000)), 1, file},
      {"too many tensors", raw_header(many_tensors(1'000'000)), 1, {"model.safetensors", "at most"}},
      {"overlapping tensors", header([](Json& h) {
         h[kWord]["data_offsets"] = {
             0, h[kWord]["data_offsets"][1].get<int>() - h[kWord]["data_offsets"][0].get<int>()};
       }),
       1, file},
      {"a gap", header([](Json& h) {
         for (auto& [name, t] : h.items())
           if (name != "__metadata__" && name != "embeddings.LayerNorm.bias")
             t["data_offsets"] = {t["data_offsets"][0].get<int>() + 4, t["data_offsets"][1].get<int>() + 4};
       }),
       1, file},
      {"offsets backwards", header([](Json& h) {
         h[kWord]["data_offsets"] = {8, 0};
       }),
       1, tensor},
      {"offsets negative", header([](Json& h) {
         h[kWord]["data_offsets"] = {-8, 0};
       }),
       1, tensor},
      {"offsets huge", header([](Json& h) {
         h[kWord]["data_offsets"] = {0, 18446744073709551615u};
       }),
       1, tensor},
      {"offsets fractional", header([](Json& h) {
         h[kWord]["data_offsets"] = {0.5, 8};
       }),
       1, tensor},
      {"wrapping dimensions", header([](Json& h) {
         h[kWord]["shape"] = {4294967296, 4294967296};
       }),
       1, tensor},
      {"wrapping bytes", header([](Json& h) {
         h[kWord]["shape"] = {4611686018427387904, 1};
       }),
       1, tensor},
      {"negative dimension", header([](Json& h) {
         h[kWord]["shape"] = {-24, -8};
       }),
       1, tensor},
      {"nine dimensions", header([](Json& h) { h[kWord]["shape"] = {24, 8, 1, 1, 1, 1, 1, 1, 1}; }), 1,
       tensor},
      {"shape is a text", header([](Json& h) { h[kWord]["shape"] = "24, 8"; }), 1, tensor},
      {"no shape", header([](Json& h) { h[kWord].erase("shape"); }), 1, tensor},
      {"unknown number format", header([](Json& h) { h[kWord]["dtype"] = "F31"; }), 1, tensor},
      {"number format is a number", header([](Json& h) { h[kWord]["dtype"] = 32; }), 1, tensor},
      {"metadata is a list",
       header([](Json& h) { h["__metadata__"] = {1}; }),
       1,
       {"model.safetensors", "__metadata__"}},
      {"a long name", header([](Json& h) { h[std::string(100'000, 'n')] = 1; }), 1, file},
      {"wrong number format",
       [](const fs::path& m) {
         edit_tensors(m, [](NamedTensors& t) { t[kWord] = Tensor::zeros({24, 8}, DType::kI32); });
       },
       3,
       {kWord, "I32"}},
      {"wrong shape",
       [](const fs::path& m) { edit_tensors(m, [](NamedTensors& t) {
                                 t[kWord] = Tensor::zeros({25, 8});
                               }); },
       1,
       {"model.safetensors", kWord, "[25, 8]", "[24, 8]"}},
      {"wrong rank",
       [](const fs::path& m) {
         edit_tensors(m, [](NamedTensors& t) { t[kWord] = Tensor::zeros({24 * 8}); });
       },
       1, tensor},
      {"no elements",
       [](const fs::path& m) { edit_tensors(m, [](NamedTensors& t) {
                                 t[kWord] = Tensor::zeros({0, 8});
                               }); },
       1, tensor},
      {"missing tensor", [](const fs::path& m) { edit_tensors(m, [](NamedTensors& t) { t.erase(kWord); }); },
       1, tensor},
      {"no tensors", [](const fs::path& m) { edit_tensors(m, [](NamedTensors& t) { t.clear(); }); }, 1, file},
      {"missing", [](const fs::path& m) { fs::remove(m / "model.safetensors"); }, 1, file},
      {"only weights of TensorFlow",
       [](const fs::path& m) { fs::rename(m / "model.safetensors", m / "tf_model.h5"); },
       3,
       {"tf_model.h5", "model.safetensors"}},
      {"a folder",
       [](const fs::path& m) {
         fs::remove(m / "model.safetensors"), fs::create_directory(m / "model.safetensors");
       },
       1,
       {"model.safetensors", "folder"}},
      {"a pipe",
       [](const fs::path& m) {
         fs::remove(m / "model.safetensors"), ::mkfifo((m / "model.safetensors").c_str(), 0644);
       },
       1,
       {"model.safetensors", "pipe"}},
      {"a device",
       [](const fs::path& m) {
         fs::remove(m / "model.safetensors"), fs::create_symlink("/dev/zero", m / "model.safetensors");
       },
       1,
       {"model.safetensors", "/dev/zero"}},
      {"a link out of the folder",
       [](const fs::path& m) {
         fs::rename(m / "model.safetensors", m.parent_path() / "elsewhere.safetensors");
         fs::create_symlink("../elsewhere.safetensors", m / "model.safetensors");
       },
       1,
       {"model.safetensors", "elsewhere.safetensors"}},
      {"a link to itself",
       [](const fs::path& m) {
         fs::remove(m / "model.safetensors"),
             fs::create_symlink("model.safetensors", m / "model.safetensors");
       },
       1, file},
  });
}

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

TEST_F(Hostile, TensorsWithoutElementsAreNoHarm) {
  const fs::path m = model();
  edit_tensors(m, [](NamedTensors& t) {
    t["more.a"] = Tensor::zeros({0});
    t["more.b"] = Tensor::zeros({3, 0});
  });
  const RunResult r = run({"embed", m.string(), "the cat", "--json"});
  EXPECT_EQ(r.status, 0) << r.text();
}

TEST_F(Hostile, ShardsAndTheirIndex) {
  const std::string index = "model.safetensors.index.json", shard = "model-00001-of-00002.safetensors";
  const auto text = [&](const std::string& content) {
    return [&, content](const fs::path& m) { write_file(m / index, content); };
  };
  const auto shard_of_word = [&](const std::string& where) {
    return [&, where](const fs::path& m) {
      Json json = Json::parse(read_text(m / index));
      json["weight_map"][kWord] = where;
      write_file(m / index, json.dump());
    };
  };
  expect_all_refused(
      {
          {"empty", text(""), 1, {index}},
          {"not JSON", text("weight_map"), 1, {index}},
          {"a list", text("[]"), 1, {index}},
          {"no map", text("{}"), 1, {index, "weight_map"}},
          {"an empty map", text(R"({"weight_map":{}})"), 1, {index}},
          {"a map that is none", text(R"({"weight_map":"model.safetensors"})"), 1, {index, "weight_map"}},
          {"nesting bomb", text(std::string(1 << 20, '[')), 1, {index, "nested"}},
          {"nesting bomb of objects", text(repeated("{\"a\":", 1 << 18)), 1, {index, "nested"}},
          {"key twice", text(R"({"weight_map":{"a":"x","a":"y"}})"), 1, {index, "\"a\""}},
          {"path up", shard_of_word("../other.safetensors"), 1, {index, kWord, "../other.safetensors"}},
          {"absolute path", shard_of_word("/etc/passwd"), 1, {index, kWord, "/etc/passwd"}},
          {"path of a device", shard_of_word("/dev/zero"), 1, {index, kWord}},
          {"path down", shard_of_word("sub/x.safetensors"), 1, {index, kWord}},
          {"path with NUL",
           shard_of_word(std::string("model-00001-of-00002.safetensors\0x", 34)),
           1,
           {index, kWord}},
          {"two points", shard_of_word(".."), 1, {index, kWord}},
          {"a missing shard",
           shard_of_word("model-00003.safetensors"),
           1,
           {index, "model-00003.safetensors"}},
          {"the wrong shard",
           [&](const fs::path& m) {
             Json json = Json::parse(read_text(m / index));
             const std::string where = json["weight_map"][kWord];
             json["weight_map"][kWord] = where == shard ? "model-00002-of-00002.safetensors" : shard;
             write_file(m / index, json.dump());
           },
           1,
           {index, kWord}},
          {"a shard twice over",
           [&](const fs::path& m) {
             fs::copy_file(m / shard, m / "model-00002-of-00002.safetensors",
                           fs::copy_options::overwrite_existing);
           },
           1,
           {".safetensors"}},
          {"a shard cut short",
           [&](const fs::path& m) { fs::resize_file(m / shard, fs::file_size(m / shard) - 1); },
           1,
           {shard}},
          {"a shard links out",
           [&](const fs::path& m) {
             fs::rename(m / shard, m.parent_path() / "moved.safetensors");
             fs::create_symlink(m.parent_path() / "moved.safetensors", m / shard);
           },
           1,
           {shard, "moved.safetensors"}},
      },
      {.shards = 2});
}

TEST_F(Hostile, NumbersOfTheConfiguration) {
  const Words keys{"vocab_size",          "hidden_size",       "num_hidden_layers",
                   "num_attention_heads", "intermediate_size", "max_position_embeddings",
                   "type_vocab_size",     "layer_norm_eps",    "pad_token_id"};
  const Words values{
      "NaN", "Infinity", "-Infinity", "-7", "1e400", "1e18", "9223372036854775808", "-9223372036854775809",
      "1.5", "\"8\"",    "[]",        "{}", "true"};
  for (const std::string& key : keys)
    for (const std::string& value : values) {
      SCOPED_TRACE(key + ": " + value);
      const fs::path m = model();
      put(m / "config.json", key, value);
      const bool is_number = value != "1e400" && value != "-Infinity" &&
                             value.find("9223") == std::string::npos;  // no JSON: named by their line
      expect_refused(run({"embed", m.string(), "the cat"}), 1,
                     is_number ? Words{"config.json", key} : Words{"config.json"});
      if (HasFailure()) return;
      fs::remove_all(m);
    }
}

TEST_F(Hostile, Configurations) {
  const auto set = [](const std::string& key, const std::string& raw) {
    return [=](const fs::path& m) { put(m / "config.json", key, raw); };
  };
  const auto text = [](const std::string& content) {
    return [=](const fs::path& m) { write_file(m / "config.json", content); };
  };
  const Words file{"config.json"};
  expect_all_refused({
      {"no heads", set("num_attention_heads", "0"), 1, {"config.json", "num_attention_heads"}},
      {"heads that do not divide the width",
       set("num_attention_heads", "3"),
       1,
       {"config.json", "hidden_size", "3"}},
      {"more heads than width", set("num_attention_heads", "16"), 1, {"config.json", "num_attention_heads"}},
      {"no width", set("hidden_size", "0"), 1, {"config.json", "hidden_size"}},
      {"another width", set("hidden_size", "16"), 1, {"model.safetensors", "embeddings", "config.json"}},
      {"a wide model", set("hidden_size", "65536"), 1, {"model.safetensors", "embeddings", "config.json"}},
      {"a huge vocabulary", set("vocab_size", "16777216"), 1, {"model.safetensors", kWord}},
      {"no vocabulary", set("vocab_size", "0"), 1, {"config.json", "vocab_size"}},
      {"no positions", set("max_position_embeddings", "0"), 1, {"config.json", "max_position_embeddings"}},
      {"more layers", set("num_hidden_layers", "4096"), 1, {"model.safetensors", "encoder.layer.1."}},
      {"too many layers", set("num_hidden_layers", "1000000000"), 1, {"config.json", "num_hidden_layers"}},
      {"an unknown activation", set("hidden_act", "\"swiglu\""), 3, {"config.json", "hidden_act", "swiglu"}},
      {"an activation that is no name", set("hidden_act", "7"), 1, {"config.json", "hidden_act"}},
      {"a decoder", set("is_decoder", "true"), 3, {"config.json", "is_decoder"}},
      {"relative positions",
       set("position_embedding_type", "\"relative_key\""),
       3,
       {"config.json", "position_embedding_type"}},
      {"another family", set("model_type", "\"llama\""), 3, {"config.json", "model_type", "llama"}},
      {"another class",
       set("architectures", "[\"BertForMultipleChoice\"]"),
       3,
       {"config.json", "architectures", "BertForMultipleChoice"}},
      {"classes that are none",
       set("architectures", "{\"0\":\"BertModel\"}"),
       1,
       {"config.json", "architectures"}},
      {"a class that is a number", set("architectures", "[1]"), 1, {"config.json", "architectures"}},
      {"an unknown problem", set("problem_type", "\"guess\""), 1, {"config.json", "problem_type"}},
      {"empty", text(""), 1, file},
      {"a list", text("[]"), 1, file},
      {"nothing known", text("{}"), 3, {"config.json", "model_type"}},
      {"not JSON", text("model_type: bert"), 1, file},
      {"a comment", text("{/* */\"model_type\":\"bert\"}"), 1, file},
      {"not UTF-8", text("{\"model_type\":\"b\xFF\"}"), 1, file},
      {"a NUL", text(std::string("{\"model_type\":\"bert\"}\0", 22)), 1, file},
      {"nesting bomb", text("{\"a\":" + std::string(1 << 22, '[')), 1, {"config.json", "nested"}},
      {"nesting bomb of objects", text(repeated("{\"a\":", 1 << 20)), 1, {"config.json", "nested"}},
      {"a key twice", text(R"({"model_type":"bert","model_type":"bert"})"), 1, {"config.json", "model_type"}},
      {"an endless line", text(std::string(17 << 20, ' ')), 1, file},
      {"a folder",
       [](const fs::path& m) { fs::remove(m / "config.json"), fs::create_directory(m / "config.json"); },
       1,
       {"config.json", "folder"}},
      {"a pipe",
       [](const fs::path& m) { fs::remove(m / "config.json"), ::mkfifo((m / "config.json").c_str(), 0644); },
       1,
       {"config.json", "pipe"}},
      {"missing", [](const fs::path& m) { fs::remove(m / "config.json"); }, 1, file},
      {"a link out of the folder",
       [](const fs::path& m) {
         fs::rename(m / "config.json", m.parent_path() / "other.json");
         fs::create_symlink("../other.json", m / "config.json");
       },
       1,
       {"config.json", "other.json"}},
  });
}

// A good tokenizer.json for the tiny vocabulary.
Json good_tokenizer() {
  Json vocab = Json::object();
  for (std::size_t i = 0; i < check::tiny_vocabulary().size(); ++i) vocab[check::tiny_vocabulary()[i]] = i;
  return {{"version", "1.0"},
          {"added_tokens", {{{"id", 2}, {"content", "[CLS]"}, {"special", true}}}},
          {"normalizer", {{"type", "BertNormalizer"}, {"lowercase", true}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"post_processor", {{"type", "BertProcessing"}, {"cls", {"[CLS]", 2}}, {"sep", {"[SEP]", 3}}}},
          {"decoder", {{"type", "WordPiece"}}},
          {"model", {{"type", "WordPiece"}, {"unk_token", "[UNK]"}, {"vocab", vocab}}}};
}

TEST_F(Hostile, TokenizerFiles) {
  const auto edit = [](const std::function<void(Json&)>& change) {
    return [change](const fs::path& m) {
      Json json = good_tokenizer();
      change(json);
      write_file(m / "tokenizer.json", json.dump());
      // the reference reads the pipeline of a BertTokenizer from elsewhere; the general class takes it from
      // the file
      write_file(m / "tokenizer_config.json", R"({"tokenizer_class":"PreTrainedTokenizerFast"})");
    };
  };
  const auto text = [](const std::string& content) {
    return [=](const fs::path& m) { write_file(m / "tokenizer.json", content); };
  };
  const Words file{"tokenizer.json"};
  const fs::path good = model();
  edit([](Json&) {})(good);
  EXPECT_EQ(run({"embed", good.string(), "the cat"}).status, 0) << "the file that the cases spoil is good";
  Json nested = {{"type", "Lowercase"}};
  for (int i = 0; i < 100; ++i) nested = {{"type", "Sequence"}, {"normalizers", {nested}}};
  Json doubling = {{"type", "Sequence"}, {"normalizers", Json::array()}};  // 10^40 characters of one
  for (int i = 0; i < 40; ++i)
    doubling["normalizers"].push_back(
        {{"type", "Replace"}, {"pattern", {{"String", "c"}}}, {"content", "cccccccccc"}});
  const Json sequence_a = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  expect_all_refused({
      {"empty", text(""), 1, file},
      {"not JSON", text("tokens"), 1, file},
      {"a list", text("[]"), 1, file},
      {"no model", text("{}"), 1, {"tokenizer.json", "model"}},
      {"nesting bomb", text("{\"model\":" + std::string(1 << 22, '[')), 1, {"tokenizer.json", "nested"}},
      {"not UTF-8", text("{\"model\":\"\xC3\"}"), 1, file},
      {"a key twice",
       text(R"({"model":{"type":"WordPiece","vocab":{"a":0,"a":1}}})"),
       1,
       {"tokenizer.json", "\"a\""}},
      {"an unknown model",
       edit([](Json& t) { t["model"]["type"] = "Unigram"; }),
       3,
       {"tokenizer.json", "Unigram"}},
      {"no vocabulary", edit([](Json& t) { t["model"].erase("vocab"); }), 1, {"tokenizer.json", "vocab"}},
      {"an empty vocabulary",
       edit([](Json& t) { t["model"]["vocab"] = Json::object(); }),
       1,
       {"tokenizer.json", "unk_token"}},
      {"a vocabulary that is a list",
       edit([](Json& t) {
         t["model"]["vocab"] = {"a", "b"};
       }),
       1,
       {"tokenizer.json", "vocab"}},
      {"a negative id", edit([](Json& t) { t["model"]["vocab"]["cat"] = -1; }), 1, {"tokenizer.json", "cat"}},
      {"an id beyond 32 bits",
       edit([](Json& t) { t["model"]["vocab"]["cat"] = 4294967296 + 7; }),
       1,
       {"tokenizer.json", "cat"}},
      {"an id beyond 64 bits",
       edit([](Json& t) { t["model"]["vocab"]["cat"] = 1e30; }),
       1,
       {"tokenizer.json", "cat"}},
      {"a fractional id",
       edit([](Json& t) { t["model"]["vocab"]["cat"] = 7.5; }),
       1,
       {"tokenizer.json", "cat"}},
      {"an id that is a text",
       edit([](Json& t) { t["model"]["vocab"]["cat"] = "7"; }),
       1,
       {"tokenizer.json", "cat"}},
      {"a sparse id",
       edit([](Json& t) { t["model"]["vocab"]["cat"] = (1 << 24) - 1; }),
       1,
       {"tokenizer.json", "16777215"}},
      {"one id twice",
       edit([](Json& t) { t["model"]["vocab"]["cat"] = 8; }),
       1,
       {"tokenizer.json", "cat", "dog"}},
      {"ids beyond the model", edit([](Json& t) { t["model"]["vocab"]["cat"] = 500; }), 1, {"501", "24"}},
      {"no unknown token",
       edit([](Json& t) { t["model"]["unk_token"] = "<none>"; }),
       1,
       {"tokenizer.json", "unk_token", "<none>"}},
      {"long words",
       edit([](Json& t) { t["model"]["max_input_chars_per_word"] = 1e18; }),
       1,
       {"tokenizer.json", "max_input_chars_per_word"}},
      {"a negative added id",
       edit([](Json& t) { t["added_tokens"][0]["id"] = -5; }),
       1,
       {"tokenizer.json", "added_tokens", "id"}},
      {"a huge added id",
       edit([](Json& t) { t["added_tokens"][0]["id"] = 2147483648; }),
       1,
       {"tokenizer.json", "added_tokens", "id"}},
      {"added tokens that are none",
       edit([](Json& t) {
         t["added_tokens"] = {1, 2};
       }),
       1,
       {"tokenizer.json", "added_tokens"}},
      {"an unknown normalizer",
       edit([](Json& t) { t["normalizer"]["type"] = "Nonsense"; }),
       3,
       {"tokenizer.json", "Nonsense"}},
      {"normalizers in each other",
       edit([&](Json& t) { t["normalizer"] = nested; }),
       1,
       {"tokenizer.json", "nested"}},
      {"normalizers that double",
       edit([&](Json& t) { t["normalizer"] = doubling; }),
       1,
       {"tokenizer", "characters"}},
      {"an untranslated pattern in a normalizer",
       edit([](Json& t) {
         t["normalizer"] = {{"type", "Replace"}, {"pattern", {{"Regex", "(?x:a)"}}}, {"content", ""}};
       }),
       3,
       {"tokenizer.json", "pattern"}},
      {"an untranslated pattern in a splitter",
       edit([](Json& t) {
         t["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"Regex", "\\X"}}}, {"behavior", "Isolated"}};
       }),
       3,
       {"tokenizer.json", "pattern"}},
      {"a delimiter of two characters",
       edit([](Json& t) {
         t["pre_tokenizer"] = {{"type", "CharDelimiterSplit"}, {"delimiter", "ab"}};
       }),
       1,
       {"tokenizer.json", "delimiter"}},
      {"an unknown splitter",
       edit([](Json& t) { t["pre_tokenizer"]["type"] = "Nonsense"; }),
       3,
       {"tokenizer.json", "Nonsense"}},
      {"an unknown post-processor",
       edit([](Json& t) { t["post_processor"]["type"] = "Nonsense"; }),
       3,
       {"tokenizer.json", "Nonsense"}},
      {"a special token that is none",
       edit([](Json& t) {
         t["post_processor"]["cls"] = {"[CLS]", 2000};
       }),
       1,
       {"tokenizer.json", "2000"}},
      {"a special token without id",
       edit([](Json& t) { t["post_processor"]["cls"] = "[CLS]"; }),
       1,
       {"tokenizer.json", "cls"}},
      {"a template with the text a million times",
       edit([&](Json& t) {
         t["post_processor"] = {{"type", "TemplateProcessing"},
                                {"single", Json(200'000, sequence_a)},
                                {"pair", Json::array()},
                                {"special_tokens", Json::object()}};
       }),
       3,
       {"tokenizer.json", "single"}},
      {"a template with more special tokens than fit",
       edit([&](Json& t) {
         t["post_processor"] = {{"type", "TemplateProcessing"},
                                {"single", Json(1000, {{"SpecialToken", {{"id", "[CLS]"}, {"type_id", 0}}}})},
                                {"pair", Json::array()},
                                {"special_tokens", {{"[CLS]", {{"id", "[CLS]"}, {"ids", {2}}}}}}};
       }),
       1,
       {"1000", "16"}},
      {"a template with a type that the model lacks",
       edit([&](Json& t) {
         t["post_processor"] = {{"type", "TemplateProcessing"},
                                {"single", {{{"Sequence", {{"id", "A"}, {"type_id", 9}}}}}},
                                {"pair", Json::array()},
                                {"special_tokens", Json::object()}};
       }),
       1,
       {"token_type_id", "9"}},
      {"a template with an unknown token",
       edit([&](Json& t) {
         t["post_processor"] = {{"type", "TemplateProcessing"},
                                {"single", {{{"SpecialToken", {{"id", "[NONE]"}}}}}},
                                {"pair", Json::array()},
                                {"special_tokens", Json::object()}};
       }),
       1,
       {"tokenizer.json", "[NONE]"}},
      {"an unknown decoder",
       edit([](Json& t) { t["decoder"]["type"] = "Nonsense"; }),
       3,
       {"tokenizer.json", "Nonsense"}},
      {"a folder",
       [](const fs::path& m) { fs::create_directory(m / "tokenizer.json"); },
       1,
       {"tokenizer.json", "folder"}},
      {"a pipe",
       [](const fs::path& m) { ::mkfifo((m / "tokenizer.json").c_str(), 0644); },
       1,
       {"tokenizer.json", "pipe"}},
      {"a device",
       [](const fs::path& m) { fs::create_symlink("/dev/zero", m / "tokenizer.json"); },
       1,
       {"tokenizer.json", "/dev/zero"}},
  });
}

TEST_F(Hostile, VocabularyFiles) {
  const auto vocabulary = [](const std::string& content) {
    return [=](const fs::path& m) { write_file(m / "vocab.txt", content); };
  };
  const auto config = [](const std::string& content) {
    return [=](const fs::path& m) { write_file(m / "tokenizer_config.json", content); };
  };
  std::string many = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (int i = 0; i < 200'000; ++i) many += "w" + std::to_string(i) + "\n";
  expect_all_refused({
      {"empty", vocabulary(""), 1, {"vocab.txt"}},
      {"blank lines", vocabulary("\n\n\n"), 1, {"vocab.txt"}},
      {"one word", vocabulary("the\n"), 1, {"vocab.txt", "[UNK]"}},
      {"no separator", vocabulary("[UNK]\n[CLS]\n"), 1, {"vocab.txt", "[SEP]"}},
      {"not UTF-8", vocabulary("[UNK]\n[CLS]\n[SEP]\n\xFF\xFE\n"), 1, {"vocab.txt", "UTF-8"}},
      {"more words than the model has", vocabulary(many), 1, {"200005", "24"}},
      {"binary", vocabulary(std::string(100'000, '\0')), 1, {"vocab.txt"}},
      {"configuration is not JSON", config("do_lower_case"), 1, {"tokenizer_config.json"}},
      {"configuration is a list", config("[1]"), 1, {"tokenizer_config.json"}},
      {"a flag that is a text",
       config(R"({"do_lower_case":"yes"})"),
       1,
       {"tokenizer_config.json", "do_lower_case"}},
      {"a token that is a number", config(R"({"unk_token":1})"), 1, {"tokenizer_config.json", "unk_token"}},
      {"a token without content", config(R"({"cls_token":{}})"), 1, {"tokenizer_config.json", "cls_token"}},
      {"a token that is missing",
       config(R"({"mask_token":"[M]","unk_token":"<unk>"})"),
       1,
       {"vocab.txt", "<unk>"}},
      {"nesting bomb", config(std::string(1 << 20, '[')), 1, {"tokenizer_config.json", "nested"}},
      {"missing", [](const fs::path& m) { fs::remove(m / "vocab.txt"); }, 1, {"vocab.txt"}},
      {"a folder",
       [](const fs::path& m) { fs::remove(m / "vocab.txt"), fs::create_directory(m / "vocab.txt"); },
       1,
       {"vocab.txt", "folder"}},
      {"a pipe",
       [](const fs::path& m) { fs::remove(m / "vocab.txt"), ::mkfifo((m / "vocab.txt").c_str(), 0644); },
       1,
       {"vocab.txt", "pipe"}},
  });
}

TEST_F(Hostile, SentencePipelines) {
  const auto file = [](const std::string& name, const std::string& content) {
    return [=](const fs::path& m) { write_file(m / name, content); };
  };
  const std::string bomb(1 << 20, '[');
  const auto transformer = [](const std::string& path) {
    return R"([{"path":")" + path + R"(","type":"sentence_transformers.models.Transformer"}])";
  };
  expect_all_refused(
      {
          {"modules empty", file("modules.json", ""), 1, {"modules.json"}},
          {"modules an object", file("modules.json", "{}"), 1, {"modules.json"}},
          {"modules bomb", file("modules.json", bomb), 1, {"modules.json", "nested"}},
          {"transformer alone", file("modules.json", transformer("")), 3, {"modules.json", "Transformer"}},
          {"path up", file("modules.json", transformer("../..")), 1, {"../.."}},
          {"path absolute", file("modules.json", transformer("/etc")), 1, {"/etc"}},
          {"unknown module",
           file("modules.json", R"([{"path":"","type":"os.system"}])"),
           3,
           {"modules.json", "os.system"}},
          {"pooling empty", file("1_Pooling/config.json", ""), 1, {"1_Pooling/config.json"}},
          {"pooling bomb", file("1_Pooling/config.json", bomb), 1, {"1_Pooling/config.json", "nested"}},
          {"pooling unknown",
           file("1_Pooling/config.json", R"({"pooling_mode":"median"})"),
           3,
           {"1_Pooling/config.json", "median"}},
          {"pooling modes without end",
           file("1_Pooling/config.json",
                R"({"pooling_mode":[)" + repeated("\"mean\",", 1'000'000) + R"("mean"]})"),
           3,
           {"1_Pooling/config.json", "mean"}},
          {"pooling missing",
           [](const fs::path& m) { fs::remove_all(m / "1_Pooling"); },
           1,
           {"1_Pooling/config.json"}},
          {"dense bomb", file("2_Dense/config.json", bomb), 1, {"2_Dense/config.json", "nested"}},
          {"dense of another width",
           file("2_Dense/config.json", R"({"in_features":9,"out_features":4})"),
           1,
           {"2_Dense/config.json", "in_features", "9"}},
          {"dense of huge width",
           file("2_Dense/config.json", R"({"in_features":8,"out_features":99999999999})"),
           1,
           {"2_Dense/config.json", "out_features"}},
          {"dense with other weights",
           file("2_Dense/config.json", R"({"in_features":8,"out_features":5})"),
           1,
           {"2_Dense/model.safetensors", "linear.weight"}},
          {"dense without weights",
           [](const fs::path& m) { fs::remove(m / "2_Dense/model.safetensors"); },
           1,
           {"2_Dense", "model.safetensors", "pytorch_model.bin"}},
          {"dense weights cut",
           [](const fs::path& m) { fs::resize_file(m / "2_Dense/model.safetensors", 100); },
           1,
           {"2_Dense/model.safetensors"}},
          {"dense activation",
           file("2_Dense/config.json",
                R"({"in_features":8,"out_features":4,"activation_function":"os.system"})"),
           3,
           {"2_Dense/config.json", "system"}},
          {"length 0",
           file("sentence_bert_config.json", R"({"max_seq_length":0})"),
           1,
           {"sentence_bert_config.json", "max_seq_length"}},
          {"length 1", file("sentence_bert_config.json", R"({"max_seq_length":1})"), 1, {"max_seq_length"}},
          {"length huge",
           file("sentence_bert_config.json", R"({"max_seq_length":1e30})"),
           1,
           {"sentence_bert_config.json", "max_seq_length"}},
          {"length bomb",
           file("sentence_bert_config.json", bomb),
           1,
           {"sentence_bert_config.json", "nested"}},
          {"prompts bomb",
           file("config_sentence_transformers.json", bomb),
           1,
           {"config_sentence_transformers.json", "nested"}},
          {"prompts a list",
           file("config_sentence_transformers.json", R"({"prompts":["q"]})"),
           1,
           {"config_sentence_transformers.json", "prompts"}},
          {"default prompt missing",
           file("config_sentence_transformers.json", R"({"prompts":{},"default_prompt_name":"q"})"),
           1,
           {"config_sentence_transformers.json", "default_prompt_name"}},
          {"a link out of the folder",
           [](const fs::path& m) {
             fs::rename(m / "1_Pooling", m.parent_path() / "moved_pooling");
             fs::create_symlink("../moved_pooling", m / "1_Pooling");
           },
           1,
           {"1_Pooling", "moved_pooling"}},
      },
      {.sentence = true, .dense_width = 4});
}

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

TEST_F(Hostile, ModelsThatAreNone) {
  write_file(folder / "model.gguf", "GGUF");
  write_file(folder / "text.txt", "hello");
  fs::create_directory(folder / "empty");
  const std::pair<std::string, int> cases[] = {
      {folder / "nothing", 1},     {folder / "model.gguf", 3}, {folder / "text.txt", 3},
      {folder / "empty", 1},       {"/dev/zero", 3},           {"org/name", 1},
      {"../../nothing/passwd", 1}, {"bert-base-uncased", 1},   {"a/b@../../c", 1},
      {std::string(5000, 'x'), 1}};
  for (const auto& [name, status] : cases) {
    SCOPED_TRACE(name.substr(0, 100));
    const RunResult r = run({"embed", name, "the cat"});
    if (name.size() < 1000) expect_refused(r, status, {name});
    EXPECT_EQ(r.status, status) << r.text();
  }
  expect_refused(run({"embed", "", "the cat"}), 2, {"model"});
}

TEST_F(Hostile, FilesThatMayNotBeRead) {
  const fs::path m = model();
  ::chmod(folder.path().c_str(), 0755);
  ::chmod((m / "config.json").c_str(), 0);
  const RunResult r = run({"embed", m.string(), "the cat"}, "", true);
  if (r.status == 127) GTEST_SKIP() << "the program lies where nobody may run it";
  expect_refused(r, 1, {"config.json", "Permission denied"});
  ::chmod(m.c_str(), 0);
  expect_refused(run({"embed", m.string(), "the cat"}, "", true), 1, {m.filename().string()});
  ::chmod(m.c_str(), 0755);
}

// Input lines

TEST_F(Hostile, InvalidTextIsRepairedAndCountedOrRefused) {
  const fs::path m = model();
  const std::string bad = "the \xF0\x9F\x98 cat \xED\xA0\x80\n\xC0\xAF\n";  // 1, 3 and 2 maximal subparts
  write_file(folder / "bad.txt", bad);
  write_file(folder / "bad.jsonl", "{\"text\":\"the \xFF cat\"}\n");
  const auto expect_repaired = [&](const RunResult& r, const std::string& count) {
    EXPECT_EQ(r.status, 0) << r.text();
    EXPECT_NE(r.err.find(count + " invalid UTF-8"), std::string::npos) << r.text();
  };
  for (const char* verb : {"embed", "tokenize"}) {
    expect_repaired(run({verb, m.string(), "--input", (folder / "bad.txt").string()}), "6");
    expect_repaired(run({verb, m.string(), "-"}, bad), "6");
    expect_repaired(run({verb, m.string(), "the \xFF\xFE cat"}), "2");
    expect_repaired(run({verb, m.string(), "--input", (folder / "bad.jsonl").string()}), "1");
    expect_refused(run({verb, m.string(), "--strict", "--input", (folder / "bad.txt").string()}), 1,
                   {"bad.txt", "line 1"});
    expect_refused(run({verb, m.string(), "--strict", "-"}, "good\n" + bad), 1, {"standard input", "line 2"});
  }
}

TEST_F(Hostile, InputFiles) {
  const fs::path m = model();
  const auto lines = [&](const std::string& name, const std::string& content, const Words& says) {
    SCOPED_TRACE(name);
    write_file(folder / name, content);
    expect_refused(run({"embed", m.string(), "--input", (folder / name).string(), "--json"}), 1, says);
  };
  const std::string good = "{\"text\":\"the cat\"}\n";
  lines("cut.jsonl", good + "{\"text\":\"the", {"cut.jsonl", "line 2"});
  lines("list.jsonl", "[\"the cat\"]\n", {"list.jsonl", "line 1"});
  lines("nothing.jsonl", good + "{}\n", {"nothing.jsonl", "line 2", "'text'"});
  lines("number.jsonl", good + good + "{\"text\":7}\n", {"number.jsonl", "line 3", "'text'"});
  lines("two.jsonl", "{\"text\":\"a\"} {\"text\":\"b\"}\n", {"two.jsonl", "line 1"});
  lines("twice.jsonl", "{\"text\":\"a\",\"text\":\"b\"}\n", {"twice.jsonl", "line 1", "text"});
  lines("bomb.jsonl", std::string(1 << 20, '[') + "\n", {"bomb.jsonl", "line 1", "nested"});
  lines("plain.jsonl", "the cat\n", {"plain.jsonl", "line 1"});
  expect_refused(run({"embed", m.string(), "--input", (folder / "missing.txt").string()}), 1,
                 {"missing.txt"});
  expect_refused(run({"embed", m.string(), "--input", folder.path().string()}), 1, {folder.path().string()});
  expect_refused(run({"embed", m.string(), "--input", "/dev/zero"}), 1, {"/dev/zero", "line 1"});
  expect_refused(run({"detokenize", m.string(), "5 99 7"}), 1, {"99"});
  expect_refused(run({"detokenize", m.string(), "5 -1"}), 1, {"-1"});
  expect_refused(run({"detokenize", m.string(), "99999999999999999999"}), 1, {"99999999999999999999"});
  expect_refused(run({"detokenize", m.string(), "five"}), 1, {"five"});
  expect_refused(run({"tokenize", m.string(), "--pairs", "no tab"}), 1, {"tab"});
}

TEST_F(Hostile, OutputsThatCannotBe) {
  const fs::path m = model();
  expect_refused(run({"embed", m.string(), "the cat", "--output", (folder / "no/v.npy").string()}), 1,
                 {"no/v.npy"});
  write_file(folder / "v.npy.part", std::string(500, 'x'));
  expect_refused(run({"embed", m.string(), "the cat", "--output", (folder / "v.npy").string(), "--resume"}),
                 1, {"v.npy.part"});
  fs::create_directory(folder / "w.npy.part");
  expect_refused(run({"embed", m.string(), "the cat", "--output", (folder / "w.npy").string()}), 1,
                 {"w.npy.part"});
}

// Search indexes

class HostileIndex : public Hostile {
 protected:
  void SetUp() override {
    Hostile::SetUp();
    model_ = model({.max_positions = 64});
    write_file(folder / "notes/a.txt", "The cat sat on the mat. The dog ran. The cat is playing.");
    write_file(folder / "notes/b.txt", "A dog ran on the mat.");
    const RunResult r =
        run({"index", (folder / "notes").string(), "--model", model_.string(), "--output",
             (folder / "good.index").string(), "--chunk-tokens", "8", "--chunk-overlap", "2"});
    ASSERT_EQ(r.status, 0) << r.text();
  }
  fs::path copy(const std::string& name) const {
    fs::copy_file(folder / "good.index", folder / name, fs::copy_options::overwrite_existing);
    return folder / name;
  }
  // A good index changed by SQL, as somebody who has the file can.
  fs::path changed(const std::string& name, const std::string& sql) const {
    const fs::path path = copy(name);
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
    sqlite3_free(message);
    sqlite3_close(db);
    return path;
  }
  // What it says its embedder was loaded with.
  fs::path with_options(const std::string& name, const std::string& options) const {
    return changed(name, "INSERT INTO meta VALUES('embedding_options', '" + options + "')");
  }
  RunResult search(const fs::path& index, const Words& options = {}) const {
    Words arguments{"search", index.string(), "cat", "--model", model_.string()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run(arguments);
  }
  RunResult update(const fs::path& index) const {
    return run(
        {"index", (folder / "notes").string(), "--model", model_.string(), "--output", index.string()});
  }
  fs::path model_;
};

TEST_F(HostileIndex, TheIndexThatTheCasesSpoilIsGood) {
  EXPECT_EQ(search(folder / "good.index").status, 0);
  EXPECT_EQ(search(folder / "good.index", {"--hybrid"}).status, 0);
  EXPECT_EQ(update(folder / "good.index").status, 0);
}

TEST_F(HostileIndex, IndexesThatAreNot) {
  write_file(folder / "text.index",
             "this is a text, long enough to be more than the sixteen bytes of SQLite's mark and then some "
             "more of them" +
                 std::string(2000, '.'));
  write_file(folder / "mark.index", std::string("SQLite format 3\0", 16) + std::string(2000, '\xFF'));
  fs::copy_file(model_ / "model.safetensors", folder / "tensors.index");
  const std::string bytes = read_text(folder / "good.index");
  write_file(folder / "cut.index", bytes.substr(0, bytes.size() / 2));
  const struct {
    fs::path path;
    Words says;
  } cases[] = {
      {folder / "text.index", {"text.index"}},
      {folder / "mark.index", {"mark.index"}},
      {folder / "tensors.index", {"tensors.index"}},
      {folder / "cut.index", {"cut.index"}},
      {changed("other.index", "PRAGMA application_id = 7"), {"other.index", "not a search index"}},
      {changed("version.index", "PRAGMA user_version = 99"), {"version.index", "version 99"}},
      {changed("empty.index", "DROP TABLE words; DROP TABLE chunks; DROP TABLE files"), {"empty.index"}},
      {changed("width.index", "UPDATE meta SET value = 9 WHERE key = 'width'"), {"width.index", "9"}},
      {changed("huge.index", "UPDATE meta SET value = '99999999999' WHERE key = 'width'"),
       {"huge.index", "width"}},
      {changed("words.index", "UPDATE meta SET value = 'eight' WHERE key = 'width'"),
       {"words.index", "width", "eight"}},
      {changed("nothing.index", "DELETE FROM meta WHERE key = 'width'"), {"nothing.index", "width"}},
      {changed("model.index", "UPDATE meta SET value = 'another' WHERE key = 'identity'"),
       {"model.index", "another"}},
      {with_options("o1.index", "x"), {"o1.index", "embedding_options"}},
      {with_options("o2.index", std::string(1 << 18, '[')), {"o2.index", "embedding_options", "nested"}},
      {with_options("o3.index", R"({"truncate_dim":7})"), {"o3.index", "truncate_dim", "found 7", "8"}},
      {with_options("o4.index", R"({"truncate_dim":99999999999999999999})"), {"o4.index", "truncate_dim"}},
      {with_options("o5.index", R"({"pooling":["\u001b[31m"]})"), {"o5.index", "pooling"}},
      {with_options("o6.index", R"({"normalize":"yes"})"), {"o6.index", "normalize", "yes"}},
      {with_options("o7.index", R"({"other":1})"), {"o7.index", "other"}},
      {with_options("o8.index", R"({"prompt":")" + std::string(2 << 20, 'x') + "\"}"),
       {"o8.index", "embedding_options", "bytes"}},
      // well formed, but the model cannot do it, or gives other vectors with it
      {with_options("o9.index", R"({"prompt_name":"x"})"), {"o9.index", "prompt 'x'"}},
      {with_options("o10.index", R"({"max_tokens":1})"), {"o10.index", "max_tokens"}},
      {with_options("o11.index", R"({"pooling":["cls","mean"]})"), {"o11.index", "made with the model"}},
      {with_options("o12.index", R"({"query_prompt":")" + std::string(1 << 19, 'x') + "\"}"),
       {"o12.index", "made with"}},
      {changed("o13.index",
               "INSERT INTO meta VALUES('embedding_options', '{\"truncate_dim\":9}');"
               "UPDATE meta SET value = 9 WHERE key = 'width'"),
       {"o13.index", "truncate_dim", "at most the 8"}},
      {changed("short.index", "UPDATE chunks SET vector = x'00000000' WHERE id = 2"),
       {"short.index", "passage 2", "4 bytes"}},
      {changed("nan.index", "UPDATE chunks SET vector = x'0000c07f' || substr(vector, 5) WHERE id = 1"),
       {"nan.index", "passage 1"}},
      {changed("endless.index",
               "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE tbl_name = 'chunks'; "
               "PRAGMA writable_schema = RESET;"
               "CREATE VIEW chunks AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT "
               "x AS id, x AS file, x AS line, '' AS text, '' AS hash, x'' AS vector FROM c"),
       {"endless.index", "view", "chunks"}},
      {changed("trigger.index", "CREATE TRIGGER t AFTER INSERT ON files BEGIN DELETE FROM files; END"),
       {"trigger.index", "trigger", "'t'"}},
      {changed("more.index", "CREATE TABLE more(x)"), {"more.index", "table", "'more'"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.path.filename());
    expect_refused(search(c.path), 1, c.says);
    if (HasFailure()) return;
    if (c.says.size() > 1 && c.says[1].starts_with("passage "))
      continue;  // an update does not look at the vectors of unchanged files
    expect_refused(update(c.path), 1, {c.says[0]});
    if (HasFailure()) return;
  }
  for (const char* value : {"'9223372036854775807'", "'-1'", "''", "'1e3'"}) {
    SCOPED_TRACE(value);
    expect_refused(update(changed("chunk.index", std::string("UPDATE meta SET value = ") + value +
                                                     " WHERE key = 'chunk_overlap'")),
                   1, {"chunk.index", "chunk_overlap"});
  }
}

TEST_F(HostileIndex, EveryPageMayBeOverwritten) {
  const std::string bytes = read_text(folder / "good.index");
  const std::size_t page = 4096;
  for (std::size_t at = 0; at < bytes.size(); at += page) {
    SCOPED_TRACE(at / page);
    for (const char fill : {'\0', '\xFF'}) {
      std::string spoiled = bytes;
      std::fill_n(spoiled.begin() + static_cast<std::ptrdiff_t>(at + (at == 0 ? 100 : 0)),
                  at == 0 ? page - 100 : page, fill);
      write_file(folder / "spoiled.index", spoiled);
      const RunResult r = search(folder / "spoiled.index", {"--hybrid"});
      EXPECT_EQ(r.signal, 0) << r.text();
      EXPECT_FALSE(r.timed_out) << r.text();
      if (r.status != 0)
        expect_refused(r, 1, {"spoiled.index"});  // a page that the question does not touch may be anything
    }
  }
}

TEST_F(HostileIndex, PlacesWhereNoIndexCanBe) {
  ::mkfifo((folder / "pipe.index").c_str(), 0644);
  expect_refused(search(folder / "pipe.index"), 1, {"pipe.index"});
  expect_refused(update(folder / "pipe.index"), 1, {"pipe.index"});
  expect_refused(search(folder.path()), 1, {folder.path().string()});
  expect_refused(update(folder.path()), 1, {folder.path().string()});
  expect_refused(search("/dev/zero"), 1, {"/dev/zero"});
  expect_refused(update("/dev/zero"), 1, {"/dev/zero"});
  expect_refused(search(folder / "none.index"), 1, {"none.index"});
  expect_refused(update(folder / "no/folder.index"), 1, {"no/folder.index"});
  expect_refused(run({"index", (folder / "nothing").string(), "--model", model_.string(), "--output",
                      (folder / "x.index").string()}),
                 1, {"nothing"});
}

TEST_F(HostileIndex, NotesWithOddFilesAreIndexed) {
  ::mkfifo((folder / "notes/pipe.txt").c_str(), 0644);
  fs::create_symlink("/dev/zero", folder / "notes/zero.txt");
  fs::create_symlink("..", folder / "notes/up");
  write_file(folder / "notes/empty.txt", "");
  write_file(folder / "notes/binary.bin", std::string(1000, '\0'));
  write_file(folder / "notes/bad.txt", "the cat \xFF\xFE sat");
  write_file(folder / "notes/line.txt", std::string(300'000, 'a'));
  write_file(folder / "notes/.gitignore", repeated("**/*a*a*a*a*a*a*a*a*b\n", 500) + "[\n\\\n!\n/\n" +
                                              std::string(100'000, '*') + "\n\xFF\n");
  write_file(folder / "notes" / (std::string(200, 'a') + ".txt"), "the dog");
  const RunResult r = update(folder / "good.index");
  EXPECT_EQ(r.status, 0) << r.text();
  EXPECT_EQ(r.signal, 0) << r.text();
  EXPECT_FALSE(r.timed_out) << r.text();
}

TEST_F(Hostile, MetricsOfARun) {
  const fs::path file = folder / "run/metrics.jsonl";
  const std::string good = "{\"step\":1,\"loss_nats\":2}\n";
  const auto refused = [&](const std::string& name, const std::string& bytes, const Words& says) {
    SCOPED_TRACE(name);
    write_file(file, bytes);
    expect_refused(run({"plot", (folder / "run").string(), "--output", (folder / "x.html").string()}), 1,
                   says);
    EXPECT_FALSE(fs::exists(folder / "x.html"));
  };
  const auto drawn = [&](const std::string& name, const std::string& bytes, const Words& more = {}) {
    SCOPED_TRACE(name);
    write_file(file, bytes);
    Words words{"plot", (folder / "run").string()};
    words.insert(words.end(), more.begin(), more.end());
    const RunResult r = run(words);
    EXPECT_EQ(r.status, 0) << r.text();
    EXPECT_LT(r.out.size(), 1'000'000u);
    return r.out;
  };
  refused("not text", std::string("\0\xff\n", 3) + good, {"metrics.jsonl", "line 1"});
  refused("not JSON", good + "loss 3\n" + good, {"line 2"});
  refused("nested", good + "{\"step\":1,\"a\":" + std::string(10000, '[') + "\n" + good, {"line 2"});
  refused("a list", "[1,2]\n" + good, {"line 1", "JSON object"});
  refused("no step", "{\"loss_nats\":2}\n" + good, {"line 1", "'step'"});
  refused("a step that is none", "{\"step\":1e999,\"loss_nats\":2}\n" + good, {"line 1"});
  refused("a step too large", "{\"step\":99999999999999999999,\"loss_nats\":2}\n" + good,
          {"line 1", "'step'"});
  refused("a number too large", "{\"step\":1,\"loss_nats\":1e999}\n" + good, {"line 1"});
  refused("a long line", "{\"step\":1,\"a\":\"" + std::string(std::size_t{1} << 21, 'x') + "\"}\n" + good,
          {"line 1"});
  std::string names = "{\"step\":1";
  for (int i = 0; i < 20000; ++i) names += ",\"n" + std::to_string(i) + "\":1";
  refused("many names", names + "}\n", {"10000 names"});
  refused("nothing", "", {"loss_nats"});
  refused("half a line", "{\"step\":1,\"lo", {"loss_nats"});
  fs::remove(file);
  fs::create_directories(file);
  expect_refused(run({"plot", (folder / "run").string()}), 1, {"metrics.jsonl", "folder"});
  fs::remove(file);
  expect_refused(run({"plot", "/dev/zero"}), 1, {"/dev/zero", "regular file"});

  drawn("one value", good);
  drawn("huge values",
        "{\"step\":1,\"loss_nats\":-1.7e308}\n{\"step\":9223372036854775807,\"loss_nats\":1.7e308}\n");
  drawn("tiny values", "{\"step\":1,\"loss_nats\":5e-324}\n{\"step\":2,\"loss_nats\":1e-323}\n", {"--log-y"});
  drawn("nothing but null", "{\"step\":1,\"loss_nats\":null}\n");
  drawn("rates of nothing", "{\"step\":1,\"loss_nats\":1,\"tokens\":1e308,\"tokens_per_s\":1e-308}\n",
        {"--x", "seconds"});
  const std::string out =
      drawn("a name of markup", "{\"step\":1,\"</svg><script>\":1}\n", {"--series", "</svg><script>"});
  EXPECT_EQ(out.find("<script"), std::string::npos);
  std::string jumps;
  for (int i = 0; i < 200000; ++i)
    jumps += "{\"step\":" + std::to_string(i % 2 * 1000 + i % 7) +
             ",\"loss_nats\":" + (i % 3 ? "1" : "null") + "}\n";
  drawn("steps that jump", jumps, {"--smooth", "0.5"});
}

}  // namespace
}  // namespace lyceum
