#include <gtest/gtest.h>

#include "check/reference_case.h"

namespace lyceum {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(LYCEUM_SOURCE_DIR) / "src/models/electra/golden";
constexpr const char* kFolders[] = {"discriminator", "generator"};
constexpr double kRelative = 2e-5;  // as BERT's, whose encoder this is

TEST(Electra, OutputsLossAndEveryGradientAreTheReferences) {
  for (const char* folder : kFolders)
    EXPECT_EQ(check::equals_reference(kGolden / folder, kRelative), "") << folder;
}

TEST(Electra, PaddingOrderThreadsAndInstructionSetsChangeNoBit) {
  for (const char* folder : kFolders) {
    EXPECT_EQ(check::padding_changes_no_bit(kGolden / folder), "") << folder;
    EXPECT_EQ(check::rows_do_not_depend_on_each_other(kGolden / folder), "") << folder;
    EXPECT_EQ(check::threads_and_instruction_sets_change_no_bit(kGolden / folder), "") << folder;
  }
}

}  // namespace
}  // namespace lyceum
