#include <gtest/gtest.h>

#include "check/reference_case.h"

namespace lyceum {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(LYCEUM_SOURCE_DIR) / "src/models/roberta/golden";
constexpr const char* kFolders[] = {"masked_lm", "classifier"};
constexpr double kRelative = 2e-5;  // as BERT's, whose encoder this is

TEST(Roberta, OutputsLossAndEveryGradientAreTheReferences) {
  for (const char* folder : kFolders)
    EXPECT_EQ(check::equals_reference(kGolden / folder, kRelative), "") << folder;
}

TEST(Roberta, PaddingOrderThreadsAndInstructionSetsChangeNoBit) {
  for (const char* folder : kFolders) EXPECT_EQ(check::keeps_its_bits(kGolden / folder), "") << folder;
}

TEST(Roberta, PositionsCountTheTokensThatAreNotPaddingWhereverTheyStand) {
  const auto model = check::load_folder(kGolden / "masked_lm");  // pad_token_id 1
  std::vector<std::int64_t> positions(5);
  model->place(std::vector<std::int64_t>{1, 1, 7, 1, 9}, positions);
  EXPECT_EQ(positions, (std::vector<std::int64_t>{1, 1, 2, 1, 3}));
  EXPECT_EQ(model->max_positions(), 16);
  EXPECT_EQ(model->max_tokens(), 14);
}

TEST(Roberta, ASecondTextHasNoTypeOfItsOwn) {
  const auto model = check::load_folder(kGolden / "masked_lm");
  TokenPacker packer(*model);
  packer.add(std::vector<std::int32_t>{0, 5, 6, 2}, std::vector<std::int32_t>{0, 0, 1, 1});
  EXPECT_EQ(packer.finish().types, (std::vector<std::int64_t>{0, 0, 0, 0}));
}

TEST(Roberta, LabelsAreNamedByTheConfiguration) {
  EXPECT_EQ(check::load_folder(kGolden / "classifier")->labels(),
            (std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2"}));
  EXPECT_EQ(check::load_folder(kGolden / "classifier")->head(), Head::kSequence);
}

}  // namespace
}  // namespace lyceum
