#include "tensor/dtype.h"

#include <array>

namespace lyceum {
namespace {

struct Entry {
  std::string_view name;
  int bits;
};
// In the order of the enumeration.
constexpr std::array<Entry, kDTypes> kTable{
    {{"F32", 32},    {"F64", 64},    {"F16", 16},    {"BF16", 16},   {"I8", 8},      {"U8", 8},   {"I16", 16},
     {"U16", 16},    {"I32", 32},    {"U32", 32},    {"I64", 64},    {"U64", 64},    {"BOOL", 8}, {"C64", 64},
     {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4}}};

}  // namespace

int dtype_bits(DType type) noexcept { return kTable[static_cast<std::size_t>(type)].bits; }

std::string_view dtype_name(DType type) noexcept { return kTable[static_cast<std::size_t>(type)].name; }

std::optional<DType> dtype_from_name(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kTable.size(); ++i)
    if (kTable[i].name == name) return static_cast<DType>(i);
  return std::nullopt;
}

}  // namespace lyceum
