#include "ranks/launcher.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace lyceum {
namespace {

std::optional<int> number(const char* name, int least) {
  const char* text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  int value = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  if (error != std::errc() || stop != end || value < least) return std::nullopt;
  return value;
}

}  // namespace

Launch launch_from_environment() {
  constexpr struct {
    const char *rank, *size;
  } kLaunchers[] = {{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                    {"PMI_RANK", "PMI_SIZE"},
                    {"MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"},
                    // of a Slurm step; SLURM_NTASKS alone is also set in a batch script, which is one process
                    {"PMIX_RANK", "SLURM_STEP_NUM_TASKS"}};
  for (const auto& [rank_name, size_name] : kLaunchers) {
    const auto rank = number(rank_name, 0), size = number(size_name, 1);
    if (rank && size && *rank < *size) return {*rank, *size};
  }
  if (const auto rank = number("PMIX_RANK", 0)) return {.rank = *rank, .is_size_unknown = true};
  return {};
}

}  // namespace lyceum
