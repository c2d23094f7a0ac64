#include "formats/torch_file.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "formats/pickle.h"
#include "formats/zip_archive.h"

namespace lyceum {
namespace {

using Kind = PickleValue::Kind;

constexpr std::uint64_t kMostRepeated = 16'000'000;  // bytes of a tensor that repeats its storage's elements
constexpr int kDeepestTensor = 4;                    // a parameter around a tensor
constexpr const char* kStateDictKeys[] = {"model", "state_dict", "module", "model_state_dict"};

struct TypeName {
  std::string_view name;
  DType type;
};
// torch.FloatStorage and its like; files of today name a dtype where there is no such class.
constexpr TypeName kStorages[] = {
    {"torch.FloatStorage", DType::kF32},       {"torch.DoubleStorage", DType::kF64},
    {"torch.HalfStorage", DType::kF16},        {"torch.BFloat16Storage", DType::kBF16},
    {"torch.CharStorage", DType::kI8},         {"torch.ByteStorage", DType::kU8},
    {"torch.ShortStorage", DType::kI16},       {"torch.IntStorage", DType::kI32},
    {"torch.LongStorage", DType::kI64},        {"torch.BoolStorage", DType::kBool},
    {"torch.ComplexFloatStorage", DType::kC64}};
constexpr TypeName kDtypes[] = {{"torch.float32", DType::kF32},
                                {"torch.float64", DType::kF64},
                                {"torch.float16", DType::kF16},
                                {"torch.bfloat16", DType::kBF16},
                                {"torch.int8", DType::kI8},
                                {"torch.uint8", DType::kU8},
                                {"torch.int16", DType::kI16},
                                {"torch.uint16", DType::kU16},
                                {"torch.int32", DType::kI32},
                                {"torch.uint32", DType::kU32},
                                {"torch.int64", DType::kI64},
                                {"torch.uint64", DType::kU64},
                                {"torch.bool", DType::kBool},
                                {"torch.complex64", DType::kC64},
                                {"torch.float8_e5m2", DType::kF8E5M2},
                                {"torch.float8_e4m3fn", DType::kF8E4M3},
                                {"torch.float8_e8m0fnu", DType::kF8E8M0}};
constexpr std::string_view kUntyped[] = {"torch.storage.UntypedStorage", "torch.UntypedStorage"};

template <class List>
std::optional<DType> find_type(const List& list, std::string_view name) {
  for (const TypeName& entry : list)
    if (entry.name == name) return entry.type;
  return std::nullopt;
}

std::string_view text_of(std::span<const std::byte> bytes, std::size_t begin, std::size_t end) {
  return {reinterpret_cast<const char*>(bytes.data()) + begin, end - begin};
}

// What is no zip archive: most of it is known.
[[noreturn]] void refuse_other(std::string_view bytes, const std::string& what) {
  const char* advice =
      "Fix: in Python, torch.save(torch.load(FILE, map_location=\"cpu\", weights_only=True), FILE) writes it "
      "anew.";
  // the pickled number that begins the five pickles: PROTO 2, LONG1 of 10 bytes
  if (bytes.starts_with(std::string_view("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14)))
    fail(Errc::kUnsupported, "{}: found the layout of PyTorch before version 1.6, expected a zip archive. {}",
         what, advice);
  if (bytes.size() > 262 && bytes.substr(257, 5) == "ustar")
    fail(Errc::kUnsupported, "{}: found a tar archive, as PyTorch before version 0.1.10 wrote. {}", what,
         advice);
  if (bytes.starts_with("version https://git-lfs"))
    fail(Errc::kFormat,
         "{}: found a pointer of Git LFS in place of the file. Fix: `git lfs pull` in its repository.", what);
  fail(Errc::kFormat, "{}: found {} bytes that are no zip archive, expected a file of torch.save", what,
       bytes.size());
}

class TorchReader {
 public:
  TorchReader(std::span<const std::byte> bytes, const std::string& what) : bytes_(bytes), what_(what) {}
  std::vector<TorchEntry> read();

 private:
  struct Region {  // a storage
    std::size_t begin = 0, bytes = 0;
    std::optional<DType> type;
  };
  using Pairs = std::vector<PickleId>;

  std::string at(PickleId id) const { return fmt::format("{}: pickle, byte {}", what_, pickle_[id].offset); }
  std::optional<std::string_view> record(const std::string& name) const {
    const auto it = records_.find(prefix_ + name);
    if (it == records_.end()) return std::nullopt;
    return text_of(bytes_, it->second.begin, it->second.end);
  }
  void find_records();
  std::string_view callee_of(PickleId id) const {
    const PickleValue& v = pickle_[id];
    if (v.kind != Kind::kCall || pickle_[v.callee].kind != Kind::kGlobal) return {};
    return pickle_[v.callee].text;
  }
  // Keys and values of a dict or an OrderedDict; null for anything else.
  const Pairs* pairs_of(PickleId id) const {
    const PickleValue& v = pickle_[id];
    const bool is_dict = v.kind == Kind::kDict ||
                         (callee_of(id) == "collections.OrderedDict" && (v.has_pairs || v.items.empty()));
    return is_dict ? &v.items : nullptr;
  }
  bool has_tensors(PickleId id) const {
    const Pairs* pairs = pairs_of(id);
    if (pairs == nullptr) return false;
    for (std::size_t i = 1; i < pairs->size(); i += 2)
      if (callee_of((*pairs)[i]).starts_with("torch._utils._rebuild_")) return true;
    return false;
  }
  const Pairs& state_dict() const;
  const PickleValue& tuple_of(PickleId id, std::size_t least, const std::string& name) const;
  std::int64_t integer_of(PickleId id, const std::string& name, const char* what) const;
  std::vector<std::int64_t> integers_of(PickleId id, const std::string& name, const char* what) const;
  Region storage_of(PickleId id, const std::string& name) const;
  TorchEntry tensor_of(PickleId id, const std::string& name, int depth) const;
  TorchEntry placed(PickleId id, const std::string& name, const PickleValue& arguments, DType type,
                    const Region& region) const;

  std::span<const std::byte> bytes_;
  const std::string& what_;
  std::string prefix_;  // the folder inside the archive, with its slash
  std::map<std::string, ZipEntry> records_;
  Pickle pickle_;
};

void TorchReader::find_records() {
  for (ZipEntry& entry : parse_zip(bytes_, what_)) {
    const std::size_t slash = entry.name.find('/');
    if (slash != std::string::npos && std::string_view(entry.name).substr(slash) == "/data.pkl") {
      if (!prefix_.empty())
        fail(Errc::kFormat, "{}: found '{}data.pkl' and '{}', expected one of them", what_, prefix_,
             entry.name);
      prefix_ = entry.name.substr(0, slash + 1);
    }
    std::string name = entry.name;
    records_.emplace(std::move(name), std::move(entry));
  }
  if (prefix_.empty())
    fail(Errc::kFormat, "{}: found a zip archive without 'FOLDER/data.pkl', expected a file of torch.save",
         what_);
  if (record("constants.pkl"))
    fail(Errc::kUnsupported,
         "{}: found a TorchScript program, expected a state dict. Fix: in Python, "
         "torch.save(torch.jit.load(FILE).state_dict(), OTHER).",
         what_);
  for (const auto& [name, entry] : records_)
    if (entry.is_compressed)
      fail(Errc::kUnsupported,
           "{}: '{}' is compressed, expected stored entries, which are used in place. Fix: load it with "
           "torch.load and write it again with torch.save.",
           what_, name);
  const std::string_view order = record("byteorder").value_or("little");
  if (order == "big")
    fail(Errc::kUnsupported,
         "{}: found numbers of a big-endian machine, expected little-endian ones. Fix: load it with torch "
         "and save it again on a little-endian machine.",
         what_);
  if (order != "little") fail(Errc::kFormat, "{}: 'byteorder' is neither 'little' nor 'big'", what_);
}

const TorchReader::Pairs& TorchReader::state_dict() const {
  const PickleId root = pickle_.root();
  const Pairs* pairs = pairs_of(root);
  if (pairs == nullptr)
    fail(Errc::kUnsupported,
         "{}: found {} at the root of the pickle, expected a state dict. Fix: in Python, "
         "torch.save(model.state_dict(), FILE).",
         what_, describe(pickle_, root));
  for (const char* key : kStateDictKeys)
    for (std::size_t i = 0; i < pairs->size(); i += 2)
      if (const PickleValue& k = pickle_[(*pairs)[i]];
          k.kind == Kind::kText && k.text == key && has_tensors((*pairs)[i + 1]))
        return *pairs_of((*pairs)[i + 1]);
  if (has_tensors(root)) return *pairs;
  std::string keys;
  for (std::size_t i = 0; i < std::min<std::size_t>(pairs->size(), 10); i += 2)
    keys += (i ? ", " : "") + describe(pickle_, (*pairs)[i]);
  fail(Errc::kData,
       "{}: found no tensors in the dict of {} at the root (its keys begin with: {}), expected a state dict "
       "there or under 'model', 'state_dict', 'module' or 'model_state_dict'",
       what_, pairs->size() / 2, keys.empty() ? "none" : keys);
}

const PickleValue& TorchReader::tuple_of(PickleId id, std::size_t least, const std::string& name) const {
  const PickleValue& v = pickle_[id];
  if (v.kind != Kind::kTuple || v.items.size() < least)
    fail(Errc::kFormat, "{}: tensor '{}': found {}, expected a tuple of {} or more", at(id), name,
         describe(pickle_, id), least);
  return v;
}

std::int64_t TorchReader::integer_of(PickleId id, const std::string& name, const char* what) const {
  const PickleValue& v = pickle_[id];
  if (v.kind != Kind::kInteger || v.integer < 0 || v.integer > (std::int64_t{1} << 62))
    fail(Errc::kFormat, "{}: tensor '{}': its {}: found {}, expected a whole number from 0 to 2^62", at(id),
         name, what, describe(pickle_, id));
  return v.integer;
}

std::vector<std::int64_t> TorchReader::integers_of(PickleId id, const std::string& name,
                                                   const char* what) const {
  if (callee_of(id) == "torch.Size") id = tuple_of(pickle_[id].arguments, 1, name).items[0];
  const PickleValue& v = tuple_of(id, 0, name);
  if (v.items.size() > static_cast<std::size_t>(Shape::kMaxDims))
    fail(Errc::kFormat, "{}: tensor '{}': its {}: found {} dimensions, expected at most {}", at(id), name,
         what, v.items.size(), Shape::kMaxDims);
  std::vector<std::int64_t> out;
  for (const PickleId item : v.items) out.push_back(integer_of(item, name, what));
  return out;
}

// ('storage', class, key, device, elements)
TorchReader::Region TorchReader::storage_of(PickleId id, const std::string& name) const {
  if (pickle_[id].kind != Kind::kReference)
    fail(Errc::kFormat, "{}: tensor '{}': found {}, expected a storage", at(id), name, describe(pickle_, id));
  const PickleValue& parts = tuple_of(pickle_[id].arguments, 5, name);
  const PickleValue &mark = pickle_[parts.items[0]], &type = pickle_[parts.items[1]],
                    &key = pickle_[parts.items[2]];
  if (mark.kind != Kind::kText || mark.text != "storage" || type.kind != Kind::kGlobal ||
      key.kind != Kind::kText)
    fail(Errc::kFormat, "{}: tensor '{}': its storage is not (\"storage\", class, key, device, elements)",
         at(id), name);
  Region region{.type = find_type(kStorages, type.text)};
  if (!region.type && std::find(std::begin(kUntyped), std::end(kUntyped), type.text) == std::end(kUntyped))
    fail(Errc::kUnsupported,
         "{}: tensor '{}': found a storage of the class {}, expected one of F32, I64, ...", at(id), name,
         describe(pickle_, parts.items[1]));
  const auto bytes = key.text.size() <= 64 ? record("data/" + std::string(key.text)) : std::nullopt;
  if (!bytes)
    fail(Errc::kFormat, "{}: tensor '{}': the archive has no storage {} in '{}data/'", at(id), name,
         describe(pickle_, parts.items[2]), prefix_);
  const std::int64_t elements = integer_of(parts.items[4], name, "storage's elements");
  const auto size = static_cast<std::uint64_t>(region.type ? dtype_bits(*region.type) / 8 : 1);
  if (bytes->size() % size != 0 || bytes->size() / size != static_cast<std::uint64_t>(elements))
    fail(Errc::kFormat, "{}: tensor '{}': its storage {} has {} bytes, expected {} elements of {} bytes",
         at(id), name, describe(pickle_, parts.items[2]), bytes->size(), elements, size);
  region.begin = static_cast<std::size_t>(bytes->data() - reinterpret_cast<const char*>(bytes_.data()));
  region.bytes = bytes->size();
  return region;
}

// _rebuild_tensor_v2(storage, offset, size, stride, ...), _rebuild_tensor_v3 with a dtype at the seventh
// place.
TorchEntry TorchReader::tensor_of(PickleId id, const std::string& name, int depth) const {
  const std::string_view callee = callee_of(id);
  if (depth < kDeepestTensor &&
      (callee == "torch._utils._rebuild_parameter" || callee == "torch._utils._rebuild_parameter_with_state"))
    return tensor_of(tuple_of(pickle_[id].arguments, 1, name).items[0], name, depth + 1);
  const bool has_dtype = callee == "torch._utils._rebuild_tensor_v3";
  if (!has_dtype && callee != "torch._utils._rebuild_tensor_v2")
    fail(Errc::kUnsupported, "{}: '{}' is {}, expected a dense tensor. It was not built.", at(id), name,
         describe(pickle_, id));
  const PickleValue& arguments = tuple_of(pickle_[id].arguments, has_dtype ? 7 : 4, name);
  const Region region = storage_of(arguments.items[0], name);
  std::optional<DType> type = region.type;
  if (has_dtype) {
    const PickleId dtype = arguments.items[6];
    type = pickle_[dtype].kind == Kind::kGlobal ? find_type(kDtypes, pickle_[dtype].text) : std::nullopt;
    if (!type)
      fail(Errc::kUnsupported, "{}: tensor '{}': found the dtype {}, expected torch.float32 or its like",
           at(id), name, describe(pickle_, dtype));
  }
  if (!type) fail(Errc::kFormat, "{}: tensor '{}': found bytes without a number format", at(id), name);
  return placed(id, name, arguments, *type, region);
}

TorchEntry TorchReader::placed(PickleId id, const std::string& name, const PickleValue& arguments, DType type,
                               const Region& region) const {
  const std::int64_t offset = integer_of(arguments.items[1], name, "offset");
  const std::vector<std::int64_t> sizes = integers_of(arguments.items[2], name, "size"),
                                  strides = integers_of(arguments.items[3], name, "strides");
  if (sizes.size() != strides.size())
    fail(Errc::kFormat, "{}: tensor '{}': found {} sizes and {} strides", at(id), name, sizes.size(),
         strides.size());
  TorchEntry entry{.info = {.name = name, .dtype = type}};
  try {
    entry.info.shape = Shape(sizes);
  } catch (const Error& error) {
    fail(Errc::kFormat, "{}: tensor '{}': {}", at(id), name, error.what());
  }
  const auto size = static_cast<std::int64_t>(dtype_bits(type) / 8);
  const auto held = static_cast<std::int64_t>(region.bytes) / size;
  const Shape& shape = entry.info.shape;
  std::int64_t last = offset, packed = 1;
  bool fits = offset <= held;
  for (std::size_t i = sizes.size(); i-- > 0;) {
    entry.strides[i] = strides[i];
    if (shape.elements() == 0 || sizes[i] <= 1) continue;
    fits = fits && (strides[i] == 0 || sizes[i] - 1 <= held / strides[i]);
    if (fits) last += (sizes[i] - 1) * strides[i];  // at most held more in each of at most 8 dimensions
    entry.is_contiguous &= strides[i] == packed;
    packed *= sizes[i];
  }
  if (!fits || (shape.elements() > 0 && last >= held))
    fail(Errc::kFormat,
         "{}: tensor '{}': the offset {}, the size {} and the strides reach beyond the {} elements of its "
         "storage",
         at(id), name, offset, shape.text(), held);
  if (!entry.is_contiguous && shape.elements() > held &&
      shape.elements() > static_cast<std::int64_t>(kMostRepeated) / size)
    fail(Errc::kFormat, "{}: tensor '{}': its size {} repeats the {} elements of its storage beyond {} bytes",
         at(id), name, shape.text(), held, kMostRepeated);
  entry.begin = region.begin + static_cast<std::size_t>(offset * size);
  return entry;
}

std::vector<TorchEntry> TorchReader::read() {
  const std::string_view start = text_of(bytes_, 0, bytes_.size());
  if (!start.starts_with("PK")) refuse_other(start, what_);
  find_records();
  pickle_ = parse_pickle(*record("data.pkl"), what_ + ": " + prefix_ + "data.pkl");
  std::vector<TorchEntry> entries;
  std::set<std::string> names;
  using Place = std::tuple<std::size_t, DType, std::vector<std::int64_t>, std::vector<std::int64_t>>;
  std::map<Place, std::string> first_names;
  const Pairs& pairs = state_dict();
  if (pairs.size() / 2 > kMostTensors)
    fail(Errc::kFormat, "{}: found {} tensors, expected at most {}", what_, pairs.size() / 2, kMostTensors);
  for (std::size_t i = 0; i < pairs.size(); i += 2) {
    const PickleValue &key = pickle_[pairs[i]], &value = pickle_[pairs[i + 1]];
    if (value.kind != Kind::kCall || pairs_of(pairs[i + 1]) != nullptr) continue;  // numbers, None, ...
    if (key.kind != Kind::kText || key.text.size() > kLongestTensorName || !is_utf8(key.text))
      fail(Errc::kFormat, "{}: found the name {}, expected UTF-8 of at most {} bytes", at(pairs[i]),
           describe(pickle_, pairs[i]), kLongestTensorName);
    const std::string name(key.text);
    if (name.ends_with("_extra_state")) continue;  // R: what a module keeps beside its tensors
    if (!names.insert(name).second) fail(Errc::kFormat, "{}: the name '{}' stands twice", at(pairs[i]), name);
    TorchEntry entry = tensor_of(pairs[i + 1], name, 0);
    const Shape& shape = entry.info.shape;
    if (shape.elements() > 0) {
      const auto sizes = shape.sizes();
      const auto [first, fresh] = first_names.emplace(Place{entry.begin,
                                                            entry.info.dtype,
                                                            {sizes.begin(), sizes.end()},
                                                            {entry.strides.begin(), entry.strides.end()}},
                                                      name);
      if (!fresh) entry.info.twin_of = first->second;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

// Copies elements that stand `strides` apart into row-major order.
void gather(const std::byte* from, const TorchEntry& entry, std::byte* to) {
  const Shape& shape = entry.info.shape;
  const auto size = static_cast<std::size_t>(dtype_bits(entry.info.dtype) / 8);
  const auto step = [&](int dim) {
    return static_cast<std::size_t>(entry.strides[static_cast<std::size_t>(dim)]) * size;
  };
  std::array<std::int64_t, Shape::kMaxDims> index{};
  const int inner = shape.dims() - 1;  // a tensor that is not contiguous has a dimension
  while (true) {
    const std::byte* row = from;
    for (int d = 0; d < inner; ++d)
      row += static_cast<std::size_t>(index[static_cast<std::size_t>(d)]) * step(d);
    for (std::int64_t i = 0; i < shape[inner]; ++i, to += size, row += step(inner))
      std::memcpy(to, row, size);
    int d = inner - 1;
    for (; d >= 0; --d) {
      auto& place = index[static_cast<std::size_t>(d)];
      if (++place < shape[d]) break;
      place = 0;
    }
    if (d < 0) return;
  }
}

}  // namespace

std::vector<TorchEntry> parse_torch_file(std::span<const std::byte> bytes, const std::string& what) {
  return TorchReader(bytes, what).read();
}

TorchFile TorchFile::open(const std::filesystem::path& path) {
  TorchFile f;
  f.file_ = MappedFile::open(path);
  f.entries_ = parse_torch_file(f.file_->bytes(), path.string());
  return f;
}

Tensor TorchFile::tensor(const TorchEntry& entry) const {
  const TensorInfo& info = entry.info;
  if (entry.is_contiguous) return mapped_tensor(file_, entry.begin, info.shape, info.dtype);
  Tensor copy = Tensor::empty(info.shape, info.dtype);
  gather(file_->bytes().data() + entry.begin, entry, copy.mutable_raw());
  return copy;
}

}  // namespace lyceum
