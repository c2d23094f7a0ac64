// The examples in C and Python print the vectors of the C++ library; the shared library shows lyceum_* and
// nothing else.
#include <gtest/gtest.h>

#include <sstream>

#include "check/run_command.h"
#include "check/setting.h"
#include "check/temporary_folder.h"
#include "check/tiny_bert.h"
#include "lyceum/embedding_model.h"

namespace lyceum {
namespace {

using check::RunResult;

class CExamples : public testing::Test {
 protected:
  CExamples() { check::write_tiny_bert(t / "model", {.sentence = true}); }

  // The program's lines are the vectors, bit for bit: nine digits tell all floats apart.
  void expect_vectors(const std::string& program, std::vector<std::string> arguments) const {
    const std::string model = (t / "model").string();
    const std::vector<std::string> texts{"the cat sat on the mat", "", "\xc3\xa9 \xff dog"};
    arguments.push_back(model);
    arguments.insert(arguments.end(), texts.begin(), texts.end());
    const RunResult r = check::run_command(program, arguments);
    ASSERT_EQ(r.status, 0) << r.text();
    std::istringstream words(r.out);
    std::vector<float> got;
    for (std::string word; words >> word;) got.push_back(std::stof(word));
    EXPECT_EQ(got, EmbeddingModel::load(model).embed(texts));
    EXPECT_EQ(std::count(r.out.begin(), r.out.end(), '\n'), 3);
  }

  static void expect_message(const std::string& program, std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"/missing", "a text"});
    const RunResult r = check::run_command(program, arguments);
    EXPECT_EQ(r.status, 1) << r.text();
    EXPECT_NE(r.err.find("embed_texts: model '/missing': found neither"), std::string::npos) << r.text();
  }

  check::TemporaryFolder t;
};

TEST_F(CExamples, InC) {
  expect_vectors(LYCEUM_C_EXAMPLE, {});
  expect_message(LYCEUM_C_EXAMPLE, {});
  EXPECT_EQ(check::run_command(LYCEUM_C_EXAMPLE, {"model"}).status, 2);
}

#ifdef LYCEUM_PYTHON
TEST_F(CExamples, InPython) {
  const check::Setting libraries("LD_LIBRARY_PATH", LYCEUM_C_FOLDER);
  expect_vectors(LYCEUM_PYTHON, {LYCEUM_SOURCE_DIR "/examples/embed_texts.py"});
  expect_message(LYCEUM_PYTHON, {LYCEUM_SOURCE_DIR "/examples/embed_texts.py"});
}
#endif

TEST_F(CExamples, TheSharedLibraryShowsItsFunctionsOnly) {
  const RunResult r =
      check::run_command(LYCEUM_NM, {"-D", "--defined-only", "--format=posix", LYCEUM_C_LIBRARY});
  ASSERT_EQ(r.status, 0) << r.text();
  std::istringstream lines(r.out);
  int functions = 0;
  for (std::string line; std::getline(lines, line);) {
    // the version itself, as GNU's nm and as LLVM's writes it
    if (line.starts_with("LYCEUM_0 A") || line.starts_with("LYCEUM_0@@LYCEUM_0 A")) continue;
    EXPECT_TRUE(line.starts_with("lyceum_") && line.find("@@LYCEUM_0 T ") != std::string::npos) << line;
    ++functions;
  }
  EXPECT_GE(functions, 25);
  const RunResult dynamic = check::run_command(LYCEUM_READELF, {"-d", LYCEUM_C_LIBRARY});
  EXPECT_NE(dynamic.out.find("soname: [liblyceum.so.0]"), std::string::npos) << dynamic.text();
}

}  // namespace
}  // namespace lyceum
