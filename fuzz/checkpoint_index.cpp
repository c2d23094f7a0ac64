// A model.safetensors.index.json over two good shards.
#include "check/temporary_folder.h"
#include "formats/checkpoint.h"
#include "formats/model_folder.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lyceum;
  using List = std::vector<std::pair<std::string, Tensor>>;
  static const check::TemporaryFolder folder;
  static const bool written = [] {
    write_safetensors(folder / "s1.safetensors",
                      List{{"a", Tensor::full({2}, 1)}, {"b", Tensor::full({0, 3}, 1)}});
    write_safetensors(folder / "s2.safetensors", List{{"c", Tensor::full({2, 2}, 1)}});
    return true;
  }();
  fuzz::require(written, "the shards are there");
  check::write_file(folder / "model.safetensors.index.json", fuzz::text_of(data, size));
  fuzz::answer([] {
    const Checkpoint c = Checkpoint::open(ModelFolder::find(folder.path().string()));
    for (const std::string& name : c.names()) {
      const TensorInfo* e = c.find_info(name);
      fuzz::require(e != nullptr && c.find(name) != nullptr && c.find(name)->shape() == e->shape,
                    "a name has its tensor");
      fuzz::require(c.file_of(name).parent_path() == folder.path(), "shards lie in the folder");
    }
    fuzz::answer([&] { c.take("d", {2}); });
  });
  return 0;
}
