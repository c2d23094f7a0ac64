#include "tasks/search/file_walk.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "check/temporary_folder.h"

namespace lyceum {
namespace {

namespace fs = std::filesystem;
using check::TemporaryFolder;
using check::write_file;

std::vector<std::string> walked(const fs::path& root, const fs::path& base) {
  std::vector<std::string> out;
  for (const fs::path& file : walk_files(root).files)
    out.push_back(file.lexically_relative(base).generic_string());
  return out;
}

using Names = std::vector<std::string>;

TEST(Glob, StarsStayInsideOnePart) {
  EXPECT_TRUE(glob_match("*.md", "a.md"));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_FALSE(glob_match("*.md", "b/a.md"));
  EXPECT_TRUE(glob_match("b/*.md", "b/a.md"));
  EXPECT_FALSE(glob_match("?", "/"));
  EXPECT_TRUE(glob_match("a?c", "abc"));
}

TEST(Glob, TwoStarsFillWholeParts) {
  EXPECT_TRUE(glob_match("a/**/b", "a/b"));
  EXPECT_TRUE(glob_match("a/**/b", "a/x/y/b"));
  EXPECT_FALSE(glob_match("a/**/b", "a/xb"));
  EXPECT_FALSE(glob_match("a/**/b", "ax/b"));
  EXPECT_TRUE(glob_match("a/**", "a/b/c"));
  EXPECT_FALSE(glob_match("a/**", "a"));
  EXPECT_TRUE(glob_match("**/b", "b"));
  EXPECT_TRUE(glob_match("**/a/**/b", "x/a/a/y/b"));
  EXPECT_TRUE(glob_match("foo**bar", "fooxbar"));
  EXPECT_FALSE(glob_match("foo**bar", "foo/bar"));
}

TEST(Glob, SetsAndBackslashes) {
  EXPECT_TRUE(glob_match("[a-c]x", "bx"));
  EXPECT_FALSE(glob_match("[!a-c]x", "bx"));
  EXPECT_TRUE(glob_match("[]a]x", "]x"));
  EXPECT_TRUE(glob_match("[a-]x", "-x"));
  EXPECT_TRUE(glob_match("[[:digit:]_]x", "7x"));
  EXPECT_FALSE(glob_match("[abc", "[abc"));  // as git: a set that does not end matches nothing
  EXPECT_TRUE(glob_match("\\*a", "*a"));
  EXPECT_FALSE(glob_match("\\*a", "ba"));
  EXPECT_FALSE(glob_match("a\\", "a\\"));
}

TEST(Glob, PatternsThatTakeExponentialTimeElsewhereAreQuickHere) {
  std::string stars, deep, text(4000, 'a'), path;
  for (int i = 0; i < 500; ++i) stars += "a*";
  for (int i = 0; i < 60; ++i) deep += "**/a/";
  for (int i = 0; i < 500; ++i) path += "a/";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(glob_match(stars + "b", text));
  EXPECT_FALSE(glob_match(deep + "b", path + "c"));
  EXPECT_FALSE(glob_match(std::string(2000, '*') + "b", text));
  // a few million steps; a matcher that tries every way of sharing out the letters would outlive the machine
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST(FileWalk, OrderHiddenFilesAndLinks) {
  TemporaryFolder t;
  for (const char* name : {"b.md", "a.md", "sub/c.md", ".hidden", ".git-like/x.md", "sub/.x/y.md"})
    write_file(t / name, "x");
  fs::create_directory_symlink(t / "sub", t / "link_to_folder");
  fs::create_symlink(t / "a.md", t / "link_to_file");
  fs::create_symlink("nowhere", t / "dangling");
  fs::create_directory_symlink("..", t / "sub/up");
  EXPECT_EQ(walked(t.path(), t.path()), (Names{"a.md", "b.md", "link_to_file", "sub/c.md"}));
}

TEST(FileWalk, AFileGivenByNameIsTakenWhateverItIsCalled) {
  TemporaryFolder t;
  write_file(t / ".gitignore", "*.log\n");
  write_file(t / "x.log", "x");
  write_file(t / ".hidden", "x");
  EXPECT_EQ(walked(t / "x.log", t.path()), Names{"x.log"});
  EXPECT_EQ(walked(t / ".hidden", t.path()), Names{".hidden"});
}

TEST(FileWalk, ATrailingSlashChangesNothing) {
  TemporaryFolder t;
  write_file(t / "notes/a.md", "x");
  const auto files = walk_files((t / "notes").string() + "/").files;
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0], t / "notes/a.md");
}

TEST(FileWalk, AMissingRootIsAnErrorThatNamesIt) {
  TemporaryFolder t;
  try {
    walk_files(t / "nothing");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kIo);
    EXPECT_NE(std::string(error.what()).find("nothing"), std::string::npos);
  }
}

TEST(FileWalk, IgnoreFilesOfBothNamesAndOfNestedFolders) {
  TemporaryFolder t;
  write_file(t / ".gitignore", "*.log\nbuild/\n");
  write_file(t / ".lyceumignore", "drafts\n");
  write_file(t / "sub/.gitignore", "!keep.log\n/only_here\n");
  for (const char* name : {"a.log", "build/x", "drafts/d.md", "sub/keep.log", "sub/other.log",
                           "sub/only_here", "sub/deep/only_here", "z.md"})
    write_file(t / name, "x");
  EXPECT_EQ(walked(t.path(), t.path()), (Names{"sub/deep/only_here", "sub/keep.log", "z.md"}));
}

TEST(FileWalk, IgnoreFilesAboveTheFolderCountInsideARepository) {
  TemporaryFolder t;
  write_file(t / "repo/.gitignore", "*.log\n/src/generated/\n");
  for (const char* name : {"repo/src/a.cpp", "repo/src/a.log", "repo/src/generated/b.cpp"})
    write_file(t / name, "x");
  EXPECT_EQ(walked(t / "repo/src", t.path()).size(), 3u) << "no repository";
  fs::create_directory(t / "repo/.git");
  EXPECT_EQ(walked(t / "repo/src", t.path()), Names{"repo/src/a.cpp"});
}

bool has_git() { return std::system("git --version >/dev/null 2>&1") == 0; }

// One repository with every kind of pattern; git says of each path whether it is ignored.
TEST(FileWalk, IgnoresWhatGitIgnores) {
  if (!has_git()) GTEST_SKIP() << "git is not installed";
  const char* const kPatterns[] = {"*.log",
                                   "*.log\n!important.log",
                                   "/top",
                                   "sub/",
                                   "sub",
                                   "/sub/",
                                   "sub/x",
                                   "**/x",
                                   "sub/**",
                                   "a/**/x",
                                   "a/*/x",
                                   "**/deep/**",
                                   "**",
                                   "/*\n!/sub",
                                   "/*\n!/sub\n/sub/*\n!/sub/x",
                                   "sub/\n!sub/x",
                                   "# comment\nx",
                                   "\\#x",
                                   "\\!x",
                                   "!x\nx",
                                   "x \n",
                                   "x\\ ",
                                   "x\t",
                                   "[xy]",
                                   "[!x]",
                                   "[x-z]*",
                                   "[[:alpha:]]",
                                   "?",
                                   "??",
                                   "*",
                                   "*x*",
                                   "x*\n!xx",
                                   "foo**bar",
                                   "a/",
                                   "/a/",
                                   "a//x",
                                   "./x",
                                   "x/",
                                   "[x",
                                   "\\x",
                                   "x\\",
                                   "[]]",
                                   "[a-",
                                   "[\\x]",
                                   "**x",
                                   "x**",
                                   "***/x",
                                   "a/**/**/x",
                                   "sub/*\n!sub/x\nsub/x",
                                   "/",
                                   "//",
                                   " ",
                                   "*.LOG",
                                   "deep",
                                   "a/b",
                                   "b/deep",
                                   "/**",
                                   "/**/x",
                                   "**/",
                                   "sub/**/",
                                   "!sub/",
                                   "\xEF\xBB\xBFx",
                                   "x\r",
                                   "*.log\r\n!important.log\r\n"};
  const char* const kPaths[] = {"x",          "xx",      "y",
                                "top",        "a.log",   "important.log",
                                "sub/x",      "sub/xx",  "sub/important.log",
                                "sub/top",    "a/x",     "a/b/x",
                                "a/b/deep/x", "deep/x",  "#x",
                                "!x",         "x ",      "x\t",
                                "fooxbar",    "foo/bar", "]",
                                "[x",         "b.LOG"};
  for (const char* patterns : kPatterns) {
    SCOPED_TRACE(std::string("patterns: ") + patterns);
    TemporaryFolder t;
    for (const char* path : kPaths) {  // not write_file: a thousand flushes to the disk
      fs::create_directories((t / path).parent_path());
      std::ofstream(t / path) << "x";
    }
    write_file(t / ".gitignore", patterns);
    const std::string command = "cd '" + t.path().string() +
                                "' && git init -q . 2>/dev/null && git -c core.excludesFile=/dev/null -c "
                                "core.quotePath=false ls-files -z --others "
                                "--exclude-standard > ../out." +
                                t.path().filename().string();
    ASSERT_EQ(std::system(command.c_str()), 0);
    const fs::path listing = t.path().parent_path() / ("out." + t.path().filename().string());
    const std::string out = read_text(listing);
    fs::remove(listing);
    std::set<std::string> want;
    for (std::size_t at = 0; at < out.size(); at = out.find('\0', at) + 1)
      want.insert(out.substr(at, out.find('\0', at) - at));
    want.erase(".gitignore");
    const Names got = walked(t.path(), t.path());
    EXPECT_EQ(std::set<std::string>(got.begin(), got.end()), want);
  }
}

TEST(FileWalk, NegationInsideAnIgnoredFolderDoesNotBringItBack) {
  TemporaryFolder t;
  write_file(t / ".gitignore", "sub/\n!sub/x\n");
  write_file(t / "sub/x", "x");
  write_file(t / "y", "x");
  EXPECT_EQ(walked(t.path(), t.path()), Names{"y"});
}

}  // namespace
}  // namespace lyceum
