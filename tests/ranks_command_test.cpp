#include "tests/ranks_command.h"

namespace lyceum {
namespace {

constexpr int kLines = check::unless_sanitized(3000, 700);

TEST_F(RanksCommand, EmbedGivesTheBytesOfOneProcess) {
  const std::string lines = write_lines("lines.txt", kLines);
  const RunResult want = alone({"embed", model, "--input", lines, "--output", (t / "1.npy").string()});
  ASSERT_EQ(want.status, 0) << want.text();
  for (const char* processes : {"2", "3"}) {
    const fs::path file = t / (std::string(processes) + ".npy");
    const RunResult r =
        together(std::stoi(processes), {"embed", model, "--input", lines, "--output", file.string()});
    ASSERT_EQ(r.status, 0) << r.text();
    EXPECT_EQ(read_text(file), read_text(t / "1.npy")) << processes;
    EXPECT_NE(r.err.find(fmt::format("{} rows of 8 values", kLines)), std::string::npos) << r.err;
    EXPECT_EQ(occurrences(r.err, "texts were cut"), 1) << r.err;
  }
  expect_same_output({"embed", model, "--input", lines, "--json"});
  expect_same_output({"embed", model, "-", "--json"}, "a dog\n\nthe \xff cat\n");
  expect_same_output({"embed", model, "one text", "a cat"});
  expect_same_output({"embed", model, "-"}, "");
}

TEST_F(RanksCommand, RerankGivesTheBytesOfOneProcess) {
  const std::string lines = write_lines("passages.txt", kLines);
  expect_same_output({"rerank", golden("rerank"), "the cat", lines, "--json"});
  expect_same_output({"rerank", golden("rerank"), "the cat", lines, "--top", "7", "--text", "--json"});
  expect_same_output({"rerank", golden("rerank"), "the cat", lines, "--top", "3", "--raw"});
}

TEST_F(RanksCommand, ClassifyGivesTheBytesOfOneProcess) {
  const std::string lines = write_lines("lines.txt", kLines);
  expect_same_output({"classify", golden("classify"), "--input", lines, "--json"});
  expect_same_output({"classify", golden("classify"), "-", "--pairs", "--json"},
                     "a cat\tthe dog\na\tb\nin\tit\n");
  expect_same_output({"classify", golden("classify"), "-", "--labels", "dog,mat", "--top", "1"},
                     "a cat\nthe dog\n");
}

TEST_F(RanksCommand, IndexGivesTheBytesOfOneProcess) {
  for (int i = 0; i < 60; ++i)
    fs::rename(write_lines("lines.txt", 1 + i % 17), [&] {
      fs::create_directories(t / "notes");
      return t / ("notes/" + std::to_string(i) + ".txt");
    }());
  for (const int processes : {1, 2, 3}) {
    const Words words{"index",    (t / "notes").string(),
                      "--model",  model,
                      "--output", (t / (std::to_string(processes) + ".index")).string(),
                      "--json"};
    const RunResult r = processes == 1 ? alone(words) : together(processes, words);
    ASSERT_EQ(r.status, 0) << r.text();
    EXPECT_EQ(read_text(t / (std::to_string(processes) + ".index")), read_text(t / "1.index")) << processes;
  }
  // so do the options of the vectors, which every process takes from the index
  const auto cut = [&](int processes, const Words& options) {
    const std::string file = (t / (std::to_string(processes) + ".cut")).string();
    const Words words = Words{"index", (t / "notes").string(), "--output", file} + options;
    return processes == 1 ? alone(words) : together(processes, words);
  };
  const Words options{"--model", model,     "--truncate-dim", "3",        "--normalize", "--pooling",
                      "cls",     "--dtype", "int8",           "--prompt", "the cat "};
  for (const int processes : {1, 2}) {
    ASSERT_EQ(cut(processes, options).status, 0);
    write_lines("notes/0.txt", 5, 4 + processes);
    const RunResult r = cut(processes, {});
    EXPECT_EQ(r.status, 0) << r.text();
    EXPECT_NE(r.out.find("59 unchanged"), std::string::npos) << r.text();
    write_lines("notes/0.txt", 5, 4);
    EXPECT_EQ(cut(processes, {}).status, 0);
  }
  EXPECT_EQ(alone({"search", (t / "1.cut").string(), "the dog", "--json"}).out,
            alone({"search", (t / "2.cut").string(), "the dog", "--json"}).out);
  expect_failure(cut(2, {"--truncate-dim", "4"}), 1, "made with the embedding options");
  write_lines("notes/0.txt", 1);
  // the model comes from the index; what is there stays
  const RunResult again =
      together(2, {"index", (t / "notes").string(), "--output", (t / "2.index").string()});
  EXPECT_EQ(again.status, 0) << again.text();
  EXPECT_NE(again.out.find("60 unchanged"), std::string::npos) << again.text();
  EXPECT_EQ(together(2, {"index", "--output", (t / "2.index").string(), "--verify"}).status, 0);
  EXPECT_EQ(
      together(2, {"index", (t / "notes").string(), "--output", (t / "2.index").string(), "--remove"}).out,
      "60 files deleted\n");
}

TEST_F(RanksCommand, ADeadProcessIsReportedAndResumingGoesOn) {
  const std::string slow = write_slow_model(),
                    lines = write_lines("lines.txt", check::unless_sanitized(2500, 1200));
  const auto words = [&](const fs::path& file) {
    return Words{"embed", slow, "--input", lines, "--output", file.string(), "--resume"};
  };
  ASSERT_EQ(alone(words(t / "want.npy")).status, 0);
  for (const int victim : {1, 0}) {
    const fs::path file = t / (std::to_string(victim) + ".npy"), part = file.string() + ".part";
    std::error_code none;
    const RunResult r = killed(
        victim, words(file), [&] { return fs::exists(part, none) && fs::file_size(part, none) > 200 * 512; });
    EXPECT_NE(r.status, 0) << r.text();
    EXPECT_NE(r.err.find("signal 9"), std::string::npos) << "mpirun names it\n" << r.text();
    EXPECT_FALSE(fs::exists(file));
    const auto kept = fs::file_size(part);
    const RunResult resumed = together(3, words(file));
    ASSERT_EQ(resumed.status, 0) << resumed.text();
    EXPECT_NE(resumed.err.find(fmt::format("going on after {} rows", (kept - 128) / 512)), std::string::npos)
        << resumed.text();
    EXPECT_EQ(read_text(file), read_text(t / "want.npy"));
  }
}

TEST_F(RanksCommand, AnIndexKeepsWhatWasCommittedWhenAProcessDies) {
  const std::string slow = write_slow_model();
  for (int i = 0; i < 120; ++i) {
    const fs::path lines = write_lines("lines.txt", 20, i);
    check::write_file(t / ("notes/" + std::to_string(i) + ".txt"), std::to_string(i) + read_text(lines));
  }
  const auto words = [&](const fs::path& file) {
    return Words{"index", (t / "notes").string(), "--model", slow, "--output", file.string(), "--json"};
  };
  const RunResult whole = alone(words(t / "want.index"));
  ASSERT_EQ(whole.status, 0) << whole.text();
  std::error_code none;
  const auto begun = fs::file_size(t / "want.index", none) / 5;
  const RunResult r = killed(1, words(t / "x.index"), [&] {
    return fs::exists(t / "x.index", none) && fs::file_size(t / "x.index", none) > begun;
  });
  EXPECT_NE(r.status, 0) << r.text();
  EXPECT_NE(r.err.find("signal 9"), std::string::npos) << r.text();
  const RunResult resumed = together(2, words(t / "x.index"));
  ASSERT_EQ(resumed.status, 0) << resumed.text();
  EXPECT_LT(number_in(resumed.out, "\"embedded\":"), number_in(whole.out, "\"embedded\":"))
      << "what was embedded is kept";
  const Words search{"search", (t / "want.index").string(), "the dog ran", "--json"};
  Words in_resumed = search;
  in_resumed[1] = (t / "x.index").string();
  EXPECT_EQ(alone(in_resumed).out, alone(search).out);
  EXPECT_EQ(alone({"index", "--output", (t / "x.index").string(), "--verify"}).status, 0);
}

TEST_F(RanksCommand, WhatIsWrongIsSaidOnceWithItsStatus) {
  expect_failure(together(2, {"embed", "/missing", "a text"}), 1, "found neither");
  expect_failure(together(2, {"embed", model, "--input", "/missing.txt"}), 1, "/missing.txt: cannot open");
  expect_failure(together(2, {"rerank", golden("classify"), "q", write_lines("p.txt", 5)}), 3,
                 "found 3 labels");
  expect_failure(together(2, {"embed", model, "a", "--resume"}), 2, "--resume needs --output");
  const RunResult usage = together(2, {"embed"});
  EXPECT_EQ(usage.status, 2) << usage.text();
  EXPECT_EQ(occurrences(usage.err, "model is required"), 1) << usage.text();
  expect_failure(together(2, {"embed", model, "a", "--tokens"}), 2, "found 2 processes");

  // in the place of the input where it is: what comes before it is printed
  std::string text;
  for (int i = 0; i < 3000; ++i)
    text += i == 1500 ? "the cat sat on the mat in the park and ran on and on in it " : "a dog";
  for (std::size_t at = 0; (at = text.find("a dog", at)) != std::string::npos; at += 6) text.insert(at, "\n");
  const Words words{"classify", golden("classify"), "-", "--no-truncate", "--json"};
  for (int i = 0; i < 3; ++i) text.insert(text.find("the cat"), "the cat sat on the mat ");
  const RunResult want = alone(words, text), got = together(2, words, text);
  EXPECT_EQ(got.status, 1) << got.text();
  EXPECT_EQ(got.out, want.out);
  EXPECT_GT(occurrences(want.out, "\n"), 1000);
  EXPECT_EQ(got.err.substr(0, want.err.size()), want.err);
}

TEST_F(RanksCommand, OtherVerbsAreRefused) {
  expect_failure(together(2, {"tokenize", model, "a"}), 2, "found a launcher of several processes");
  EXPECT_EQ(together(1, {"tokenize", model, "a"}).out, alone({"tokenize", model, "a"}).out);
}

TEST_F(RanksCommand, WithoutTheModuleNothingIsWritten) {
  EXPECT_NE(alone({"doctor"}).out.find("MPI: Open MPI v"), std::string::npos);
  check::write_file(t / "lib/liblyceum_mpi.so", "none");
  const Setting libraries("LD_LIBRARY_PATH", t / "lib");
  expect_failure(together(2, {"embed", model, "a", "--output", (t / "v.npy").string()}), 3,
                 "found 2 processes started by a launcher");
  EXPECT_FALSE(fs::exists(t / "v.npy") || fs::exists(t / "v.npy.part"));
  EXPECT_EQ(alone({"embed", model, "a"}).status, 0);
  EXPECT_NE(alone({"doctor"}).out.find("MPI: none ("), std::string::npos);
}

TEST_F(RanksCommand, ALauncherOfAnotherMpiIsRefused) {
  const Setting rank("PMI_RANK", "0"), size("PMI_SIZE", "2");
  expect_failure(alone({"embed", model, "a", "--output", (t / "v.npy").string()}), 3,
                 "the launcher speaks of process 0 of 2, MPI of 0 of 1");
  EXPECT_FALSE(fs::exists(t / "v.npy"));
}

TEST_F(RanksCommand, ProcessesThatDifferAreNamed) {
  const RunResult words =
      mpirun(1, {LYCEUM_COMMAND, "embed", model, "a", ":", "-n", "1", LYCEUM_COMMAND, "embed", model, "b"});
  expect_failure(words, 1, "process 1 of 2 has another command line");
  check::write_tiny_bert(t / "0/m", {.sentence = true});
  check::write_tiny_bert(t / "1/m", {.seed = 2, .sentence = true});
  const Words in_own_folder{"sh", "-c", "cd " + t.path().string() + "/$OMPI_COMM_WORLD_RANK; exec \"$@\"",
                            "sh", LYCEUM_COMMAND};
  expect_failure(mpirun(2, in_own_folder + Words{"embed", "m", "a"}), 1, "process 1 of 2 has another model");
  fs::remove_all(t / "1/m");
  const RunResult missing = mpirun(2, in_own_folder + Words{"embed", "m", "a"});
  expect_failure(missing, 1, "process 1 of 2, on ");
  EXPECT_NE(missing.err.find("model 'm': found neither"), std::string::npos) << missing.text();
}

TEST_F(RanksCommand, ThreadsAreSharedUnlessTheyAreGiven) {
  const auto threads = [&](const Words& more) {
    return number_in(together(2, Words{"embed", model, "a", "--verbose"} + more).err,
                     "2 processes on 1 machines, ");
  };
  const int all = number_in(alone({"doctor", "--json"}).out, "\"threads\":");
  EXPECT_EQ(threads({}), std::max(1, (all + 1) / 2));
  EXPECT_EQ(threads({"--threads", "3"}), 3);
}

}  // namespace
}  // namespace lyceum
