#include "formats/safetensors.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "formats/tensor_info.h"

namespace lyceum {
namespace {

constexpr std::uint64_t kMostHeader = 100'000'000;  // the reference's limit

// A header is JSON of objects three deep. Its parse tree takes some thirty times the text: bound what is
// worth parsing.
Json parse_header(std::string_view text, const std::string& what) {
  std::size_t commas = static_cast<std::size_t>(std::count(text.begin(), text.end(), ','));
  if (commas > 8 * kMostTensors)
    fail(Errc::kFormat, "{}: the header lists more than {} values, expected at most {} tensors", what, commas,
         kMostTensors);
  return parse_json(text, what, {.depth = 4, .bytes = kMostHeader});
}

SafetensorsEntry parse_entry(const std::string& name, const Json& value, std::size_t data_begin,
                             const std::string& what) {
  if (name.size() > kLongestTensorName)
    fail(Errc::kFormat, "{}: found a tensor's name of {} bytes, expected at most {}", what, name.size(),
         kLongestTensorName);
  const JsonFields fields(value, what + ": tensor '" + name + "'");
  SafetensorsEntry entry;
  entry.name = name;
  const std::string type = fields.text("dtype");
  const auto dtype = dtype_from_name(type);
  if (!dtype) fields.wrong("dtype", "a known type such as F32, BF16 or I64");
  entry.dtype = *dtype;
  std::vector<std::int64_t> sizes;
  const auto whole = [&](const char* key, const Json& item) {
    if (!item.is_number_unsigned() || item.get<std::uint64_t>() > (std::uint64_t{1} << 62))
      fields.wrong(key, "whole numbers from 0 to 2^62");
    return item.get<std::uint64_t>();
  };
  for (const Json& item : fields.array("shape"))
    sizes.push_back(static_cast<std::int64_t>(whole("shape", item)));
  try {
    entry.shape = Shape(sizes);
  } catch (const Error& error) {
    fail(Errc::kFormat, "{}: {}", fields.where(), error.what());
  }
  const Json& offsets = fields.array("data_offsets");
  if (offsets.size() != 2) fields.wrong("data_offsets", "two numbers");
  const std::uint64_t begin = whole("data_offsets", offsets[0]), end = whole("data_offsets", offsets[1]);
  const auto elements = static_cast<std::uint64_t>(entry.shape.elements()),
             bits = static_cast<std::uint64_t>(dtype_bits(entry.dtype));
  if (elements > (std::uint64_t{1} << 57))
    fail(Errc::kFormat, "{}: found the shape {}, too large for any file", fields.where(), entry.shape.text());
  if (elements * bits % 8 != 0)
    fail(Errc::kFormat, "{}: {} elements of {} do not fill whole bytes", fields.where(), elements, type);
  if (begin > end || end - begin != elements * bits / 8)
    fail(Errc::kFormat, "{}: found data_offsets [{}, {}], expected {} bytes for {} {}", fields.where(), begin,
         end, elements * bits / 8, type, entry.shape.text());
  entry.begin = data_begin + static_cast<std::size_t>(begin);
  entry.end = data_begin + static_cast<std::size_t>(end);
  return entry;
}

}  // namespace

SafetensorsHeader parse_safetensors(std::span<const std::byte> bytes, const std::string& what) {
  if (bytes.size() < 8)
    fail(Errc::kFormat, "{}: found {} bytes, expected a safetensors file of at least 8", what, bytes.size());
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | std::to_integer<std::uint64_t>(bytes[static_cast<std::size_t>(i)]);
  if (length > kMostHeader)
    fail(Errc::kFormat, "{}: found a header of {} bytes, expected at most {}", what, length, kMostHeader);
  if (length > bytes.size() - 8)
    fail(Errc::kFormat,
         "{}: found a header of {} bytes in a file of {}. Fix: the file is cut short; copy it again.", what,
         length, bytes.size());
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8,
                              static_cast<std::size_t>(length));
  if (text.empty() || text[0] != '{')
    fail(Errc::kFormat, "{}: the header does not begin with '{{': this is not a safetensors file", what);
  if (!is_utf8(text)) fail(Errc::kFormat, "{}: the header is not UTF-8", what);
  const Json json = parse_header(text, what);
  SafetensorsHeader header;
  const std::size_t data_begin = 8 + static_cast<std::size_t>(length);
  for (const auto& [name, value] : json.items()) {
    if (name != "__metadata__") {
      header.entries.push_back(parse_entry(name, value, data_begin, what));
      continue;
    }
    const JsonFields metadata(value, what + ": __metadata__");
    for (const auto& [key, item] : value.items()) header.metadata[key] = metadata.text(key);
  }
  std::sort(header.entries.begin(), header.entries.end(), [](const auto& a, const auto& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::size_t at = data_begin;
  for (const SafetensorsEntry& entry : header.entries) {
    if (entry.begin != at)
      fail(Errc::kFormat,
           "{}: tensor '{}' begins at byte {}, expected {}: tensors must follow one another without gap or "
           "overlap",
           what, entry.name, entry.begin - data_begin, at - data_begin);
    at = entry.end;
    if (at > bytes.size())
      fail(Errc::kFormat,
           "{}: tensor '{}' ends at byte {}, expected at most {} (the file's size). Fix: the file is cut "
           "short; copy it again.",
           what, entry.name, at, bytes.size());
  }
  if (at != bytes.size())
    fail(Errc::kFormat, "{}: found {} bytes behind the last tensor, expected none", what, bytes.size() - at);
  return header;
}

Safetensors Safetensors::open(const std::filesystem::path& path) {
  Safetensors s;
  s.file_ = MappedFile::open(path);
  s.header_ = parse_safetensors(s.file_->bytes(), path.string());
  return s;
}

Tensor Safetensors::tensor(const SafetensorsEntry& entry) const {
  return mapped_tensor(file_, entry.begin, entry.shape, entry.dtype);
}

}  // namespace lyceum
