#include "check/torch_archive.h"

#include <zlib.h>

#include "base/error.h"

namespace lyceum::check {
namespace {

std::string number(std::uint64_t value, std::size_t bytes) {
  std::string out(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>(value >> (8 * i));
  return out;
}

std::string integers(const std::vector<std::int64_t>& values) {
  std::vector<std::string> items;
  for (const std::int64_t value : values) items.push_back(pickled_integer(value));
  return pickled_tuple(items);
}

const char* storage_class(DType type) {
  switch (type) {
    case DType::kF32:
      return "FloatStorage";
    case DType::kF64:
      return "DoubleStorage";
    case DType::kF16:
      return "HalfStorage";
    case DType::kBF16:
      return "BFloat16Storage";
    case DType::kI64:
      return "LongStorage";
    default:
      fail(Errc::kInternal, "torch_file_of: found {}, expected F32, F64, F16, BF16 or I64", dtype_name(type));
  }
}

}  // namespace

std::string zip_of(const ZipParts& parts) {
  std::string out, directory;
  for (const auto& [name, bytes] : parts) {
    const auto crc =
        ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
    // version, flags, method, time and date, checksum, both sizes, length of the name, length of extra fields
    const std::string common = number(0, 2) + number(0, 2) + number(0, 4) + number(crc, 4) +
                               number(bytes.size(), 4) + number(bytes.size(), 4) + number(name.size(), 2) +
                               number(0, 2);
    directory +=
        "PK\1\2" + number(20, 2) + number(20, 2) + common + number(0, 10) + number(out.size(), 4) + name;
    out += "PK\3\4" + number(20, 2) + common + name + bytes;
  }
  const std::string counts = number(parts.size(), 2) + number(parts.size(), 2);
  return out + directory + "PK\5\6" + number(0, 4) + counts + number(directory.size(), 4) +
         number(out.size(), 4) + number(0, 2);
}

std::string pickled_text(const std::string& text) { return "X" + number(text.size(), 4) + text; }

std::string pickled_integer(std::int64_t value) {  // LONG1
  return "\x8a\x08" + number(static_cast<std::uint64_t>(value), 8);
}

std::string pickled_global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}

std::string pickled_tuple(const std::vector<std::string>& items) {
  std::string out = "(";
  for (const std::string& item : items) out += item;
  return out + "t";
}

std::string pickled_call(const std::string& callee, const std::vector<std::string>& arguments) {
  return callee + pickled_tuple(arguments) + "R";
}

std::string pickled_dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "}(";
  for (const auto& [key, value] : items) out += pickled_text(key) + value;
  return out + "u";
}

std::string pickle_of(const std::string& value) { return "\x80\x02" + value + "."; }

std::string pickled_tensor(const PickledTensor& tensor) {
  const std::string storage = pickled_tuple({pickled_text("storage"), pickled_global("torch", tensor.storage),
                                             pickled_text(tensor.key), pickled_text("cpu"),
                                             pickled_integer(tensor.storage_elements)}) +
                              "Q";
  return pickled_call(pickled_global("torch._utils", "_rebuild_tensor_v2"),
                      {storage, pickled_integer(tensor.offset), integers(tensor.sizes),
                       integers(tensor.strides), "\x89", "N"});
}

std::string torch_archive(const std::string& pickle, const std::vector<std::string>& storages) {
  ZipParts parts{{"archive/data.pkl", pickle}, {"archive/byteorder", "little"}};
  for (std::size_t i = 0; i < storages.size(); ++i)
    parts.emplace_back("archive/data/" + std::to_string(i), storages[i]);
  parts.emplace_back("archive/version", "3\n");
  return zip_of(parts);
}

std::string torch_file_of(const NamedTensors& tensors) {
  std::vector<std::string> storages;
  std::vector<std::pair<std::string, std::string>> items;
  for (const auto& [name, value] : tensors) {
    const Tensor tensor = value.contiguous();
    PickledTensor p{.storage = storage_class(tensor.dtype()),
                    .key = std::to_string(storages.size()),
                    .storage_elements = tensor.elements(),
                    .sizes = {tensor.shape().sizes().begin(), tensor.shape().sizes().end()}};
    p.strides.assign(p.sizes.size(), 1);
    for (std::size_t i = p.sizes.size(); i-- > 1;) p.strides[i - 1] = p.strides[i] * p.sizes[i];
    items.emplace_back(name, pickled_tensor(p));
    storages.emplace_back(reinterpret_cast<const char*>(tensor.raw()), tensor.bytes());
  }
  return torch_archive(pickle_of(pickled_dict(items)), storages);
}

}  // namespace lyceum::check
