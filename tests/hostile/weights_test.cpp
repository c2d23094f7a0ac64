// Files of weights: safetensors, and their index.
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "formats/safetensors.h"
#include "tests/hostile/hostile.h"

namespace lyceum {
namespace {

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

}  // namespace
}  // namespace lyceum
