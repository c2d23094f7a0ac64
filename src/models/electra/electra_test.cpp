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

// Its classes of multiple choice have a summary of their own in front of the classifier.
TEST(Electra, MultipleChoiceIsTheReferences) {
  EXPECT_EQ(check::equals_reference(kGolden / "choosing", kRelative), "");
}

TEST(Electra, PaddingOrderThreadsAndInstructionSetsChangeNoBit) {
  for (const char* folder : kFolders) EXPECT_EQ(check::keeps_its_bits(kGolden / folder), "") << folder;
}

}  // namespace
}  // namespace lyceum
