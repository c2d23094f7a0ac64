#include <gtest/gtest.h>

#include "check/reference_case.h"

namespace lyceum {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(LYCEUM_SOURCE_DIR) / "src/models/mpnet/golden";
constexpr const char* kFolders[] = {"body", "tagger"};
constexpr double kRelative = 2e-5;  // as BERT's, whose encoder this is

TEST(MpNet, OutputsLossAndEveryGradientAreTheReferences) {
  for (const char* folder : kFolders)
    EXPECT_EQ(check::equals_reference(kGolden / folder, kRelative), "") << folder;
}

TEST(MpNet, PaddingOrderThreadsAndInstructionSetsChangeNoBit) {
  for (const char* folder : kFolders) EXPECT_EQ(check::keeps_its_bits(kGolden / folder), "") << folder;
}

}  // namespace
}  // namespace lyceum
