#include <gtest/gtest.h>

#include "check/reference_case.h"

namespace lyceum {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(LYCEUM_SOURCE_DIR) / "src/models/albert/golden";
constexpr const char* kFolders[] = {"pretraining", "answering"};
constexpr double kRelative = 2e-5;  // as BERT's, whose encoder this is

TEST(Albert, OutputsLossAndEveryGradientAreTheReferences) {
  for (const char* folder : kFolders)
    EXPECT_EQ(check::equals_reference(kGolden / folder, kRelative), "") << folder;
}

TEST(Albert, PaddingOrderThreadsAndInstructionSetsChangeNoBit) {
  for (const char* folder : kFolders) EXPECT_EQ(check::keeps_its_bits(kGolden / folder), "") << folder;
}

}  // namespace
}  // namespace lyceum
