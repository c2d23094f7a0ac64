#include "formats/pickle.h"

#include <gtest/gtest.h>

#include "check/expect_error.h"
#include "check/torch_archive.h"

namespace lyceum {
namespace {

using check::expect_error;
using check::pickle_of;
using check::pickled_call;
using check::pickled_global;
using check::pickled_text;
using Kind = PickleValue::Kind;

Pickle parsed(const std::string& bytes) { return parse_pickle(bytes, "input"); }
void pickle_refused(Errc code, const std::string& part, const std::string& bytes) {
  expect_error(code, part, [&] { parsed(bytes); });
}
std::string repeated(const std::string& text, int count) {
  const auto times = static_cast<std::size_t>(count);
  if (text.size() == 1) return std::string(times, text[0]);
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(Pickle, PlainValuesAreRead) {
  const std::string bytes = "\x80\x04(K\x07J\xfe\xff\xff\xffM\x01\x02\x8a\x02\xff\x7f" +
                            std::string("\x8a\0", 2) + "G\x3f\xe0" + std::string(6, '\0') +
                            "\x8c\x02hi\x88\x89NC\x01x]l.";
  const std::string good = bytes.substr(0, bytes.size() - 2) + "t.";
  const Pickle p = parsed(good);
  const PickleValue& root = p[p.root()];
  ASSERT_EQ(root.kind, Kind::kTuple);
  std::string all;
  for (const PickleId id : root.items) all += describe(p, id) + "; ";
  EXPECT_EQ(
      all,
      "the number 7; the number -2; the number 513; the number 32767; the number 0; the number 0.5; 'hi'; "
      "True; False; None; 1 bytes; a list of 0; ");
}

TEST(Pickle, ACallIsARecordOfNameArgumentsItemsAndState) {
  const Pickle p =
      parsed(pickle_of(pickled_call(pickled_global("argparse", "Namespace"), {pickled_text("x")}) + "}" +
                       pickled_text("k") + "K\x01sb" + pickled_text("a") + "K\x02s"));
  const PickleValue& call = p[p.root()];
  ASSERT_EQ(call.kind, Kind::kCall);
  EXPECT_EQ(p[call.callee].text, "argparse.Namespace");
  EXPECT_EQ(p[call.arguments].items.size(), 1u);
  EXPECT_EQ(p[call.state].items.size(), 2u);
  EXPECT_TRUE(call.has_pairs);
  EXPECT_EQ(p[call.items[1]].integer, 2);
}

TEST(Pickle, NothingIsCalledAndWhatRunsCommandsIsReported) {
  for (const auto& [module, name] : {std::pair{"os", "system"},
                                     {"posix", "system"},
                                     {"nt", "system"},
                                     {"subprocess", "Popen"},
                                     {"builtins", "eval"},
                                     {"builtins", "exec"},
                                     {"__builtin__", "execfile"},
                                     {"builtins", "__import__"},
                                     {"importlib", "import_module"},
                                     {"os.path", "join"},
                                     {"runpy", "_run_code"}})
    for (const std::string& global :
         {pickled_global(module, name), pickled_text(module) + pickled_text(name) + "\x93"}) {
      SCOPED_TRACE(std::string(module) + "." + name);
      pickle_refused(Errc::kData, "It was not run",
                     pickle_of(pickled_call(global, {pickled_text("touch /tmp/x")})));
      pickle_refused(Errc::kData, std::string(module) + "." + name, pickle_of(global));
    }
  // Unknown names are inert: a class with a __setstate__ of its own, a function, an attribute by getattr.
  EXPECT_EQ(
      describe(parsed(pickle_of(pickled_global("evil", "Class") + ")\x81" + pickled_text("state") + "b")), 0),
      "evil.Class");
  const Pickle p =
      parsed(pickle_of(pickled_call(pickled_global("builtins", "getattr"), {"N", pickled_text("x")})));
  EXPECT_EQ(describe(p, p.root()), "a builtins.getattr");
}

TEST(Pickle, EveryFaultNamesItsPlace) {
  pickle_refused(Errc::kFormat, "no protocol", "(lp0\n.");
  pickle_refused(Errc::kFormat, "found the protocol 6", "\x80\x06N.");
  pickle_refused(Errc::kFormat, "found the protocol 1", "\x80\x01N.");
  pickle_refused(Errc::kFormat, "opcode at byte 3: needs 1 bytes, found 0", "\x80\x02N");
  pickle_refused(Errc::kFormat, "needs 1 bytes", "");
  pickle_refused(Errc::kFormat, "needs 2000 bytes, found 1",
                 "\x80\x02X\xd0\x07" + std::string(2, '\0') + ".");
  pickle_refused(Errc::kFormat, "needs 18446744073709551615 bytes",
                 "\x80\x04\x8d" + std::string(8, '\xff') + ".");
  pickle_refused(Errc::kFormat, "needs 4294967295 bytes", "\x80\x04\x8b" + std::string(4, '\xff') + ".");
  pickle_refused(Errc::kFormat, "a frame of", "\x80\x04\x95" + std::string(8, '\x7f') + "N.");
  pickle_refused(Errc::kFormat, "opcode at byte 2: takes a value", "\x80\x02.");
  pickle_refused(Errc::kFormat, "opcode at byte 2: takes a value", pickle_of("0"));
  pickle_refused(Errc::kFormat, "opcode at byte 4: takes a value",
                 pickle_of("N(0"));  // not from below the mark
  pickle_refused(Errc::kFormat, "a mark where there is none", pickle_of("t"));
  pickle_refused(Errc::kFormat, "left on the stack", pickle_of("NN"));
  pickle_refused(Errc::kFormat, "left on the stack", pickle_of("(N"));
  pickle_refused(Errc::kFormat, "1 bytes behind the end", pickle_of("N") + "x");
  pickle_refused(Errc::kFormat, "memo's place 5, which holds nothing", pickle_of("h\x05"));
  pickle_refused(Errc::kFormat, "the memo's place 4294967295", pickle_of("Nr\xff\xff\xff\xff"));
  pickle_refused(Errc::kFormat, "adds keys and values to a list", pickle_of("]NNs"));
  pickle_refused(Errc::kFormat, "adds items to a dict", pickle_of("}Na"));
  pickle_refused(Errc::kFormat, "a key without a value", pickle_of("}(Nu"));
  pickle_refused(Errc::kFormat, "gives a state to a dict", pickle_of("}Nb"));
  pickle_refused(Errc::kFormat, "something else than texts", pickle_of("NN\x93"));
  pickle_refused(Errc::kFormat, "no end of a global's name", pickle_of("cabc"));
  pickle_refused(Errc::kFormat, "a global of 301 bytes",
                 pickle_of(pickled_text(std::string(300, 'a')) + pickled_text("b") + "\x93"));
  for (const char* opcode :
       {"I1\n", "L1L\n", "S'a'\n", "P1\n", "ia\nb\n", "o", "\x82\x01", "2", "d", "l", "p0\n"})
    pickle_refused(Errc::kFormat, "which torch.save does not write", pickle_of(opcode));
}

TEST(Pickle, BombsEndAtTheirLimits) {
  // Doubling through the memo makes few values; nothing walks them all.
  std::string doubling = "]q" + std::string(1, '\0');
  for (int i = 1; i < 200; ++i) {
    const std::string before(1, static_cast<char>(i - 1));
    doubling += "]q" + std::string(1, static_cast<char>(i)) + "(" + "h" + before + "h" + before + "e";
  }
  doubling += "(" + repeated("0", 0) + "t";
  EXPECT_LT(parsed(pickle_of("(" + doubling + "t")).size(), 1000u);
  // A list that holds itself, and nesting as deep as the file is long.
  EXPECT_EQ(parsed(pickle_of("]q" + std::string(1, '\0') + "h" + std::string(1, '\0') + "a")).size(), 1u);
  EXPECT_EQ(parsed(pickle_of(repeated("(", 100'000) + repeated("t", 100'000))).size(), 100'000u);
  pickle_refused(Errc::kFormat, "more than 2000000 values", pickle_of(repeated(")", 2'000'001)));
  pickle_refused(Errc::kFormat, "a stack of", pickle_of(repeated("N", 16'000'001)));
  pickle_refused(Errc::kFormat, "open marks", pickle_of(repeated("(", 16'000'001)));
  std::string places = "(" + repeated("N", 4'000'000) + "tq" + std::string(1, '\0');
  places += repeated("]h" + std::string(1, '\0') + "a", 3);
  EXPECT_NO_THROW(parsed(pickle_of("(" + places + "t")));
  pickle_refused(Errc::kFormat, "places in its values",
                 pickle_of("(" + repeated("(" + repeated("N", 5'000'000) + "t", 4)));
  pickle_refused(Errc::kLimit, "expected at most 100000000", std::string(100'000'001, 'N'));
}

}  // namespace
}  // namespace lyceum
