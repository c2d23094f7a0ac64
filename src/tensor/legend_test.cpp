#include "tensor/legend.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "check/message_of.h"

// Every allocation of this program is counted, so that "allocates nothing" can be tested.
namespace {
thread_local int t_allocations = 0;
}  // namespace
[[gnu::noinline]] void* operator new(std::size_t bytes) {  // else GCC sees malloc meet delete
  ++t_allocations;
  if (void* data = std::malloc(bytes)) return data;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* data) noexcept { std::free(data); }
[[gnu::noinline]] void operator delete(void* data, std::size_t) noexcept { std::free(data); }

namespace lyceum {
namespace {

std::string rejected(const auto& body) { return check::message_of(Errc::kData, body); }

TEST(Legend, BindsLettersOnFirstUse) {
  Legend d("op");
  d.bind("x", Shape{7, 5}, "T C");
  d.bind("w", Shape{15, 5, 2}, "3C C 2");
  EXPECT_EQ(d['T'], 7);
  EXPECT_EQ(d['C'], 5);
  d.bind("empty", Shape{0}, "Z");
  EXPECT_EQ(d['Z'], 0);
  d.bind("a scalar", Shape{}, "");
  d.set('D', 9, "the spec");
  EXPECT_EQ(d['D'], 9);
  d.bind("b", Shape{18}, "2H");
  EXPECT_EQ(d['H'], 9);
}

TEST(Legend, AllocatesNothingWhenAllIsWell) {
  const Shape x{7, 5}, w{15, 5};
  const int before = t_allocations;
  for (int i = 0; i < 100; ++i) {
    Legend d("linear");
    d.set('D', 3, "the spec");
    d.bind("x", x, "T C");
    d.bind("w", w, "3C C");
  }
  EXPECT_EQ(t_allocations, before);
  try {
    Legend("linear").bind("x", x, "T");
    FAIL();
  } catch (const Error&) {
  }
  EXPECT_GT(t_allocations, before);  // the counter counts
}

TEST(Legend, SaysWhatWasFoundExpectedAndWhoBoundTheLetter) {
  EXPECT_EQ(rejected([] {
              Legend d("linear");
              d.bind("x", Shape{10, 768}, "T C");
              d.bind("w", Shape{512, 64}, "D C");
            }),
            "linear: w is [512, 64], expected [D, C] with C = 768 as bound by x");
  EXPECT_EQ(rejected([] {
              Legend d("op");
              d.set('T', 3, "the layout");
              d.bind("a", Shape{4}, "C");
              d.bind("x", Shape{3, 5}, "T C");
            }),
            "op: x is [3, 5], expected [T, C] with T = 3 as bound by the layout, C = 4 as bound by a");
}

TEST(Legend, RejectsAnotherNumberOfDimensions) {
  EXPECT_EQ(rejected([] { Legend("op").bind("x", Shape{2, 3}, "T"); }), "op: x is [2, 3], expected [T]");
  EXPECT_EQ(rejected([] { Legend("op").bind("x", Shape{2}, "T C"); }), "op: x is [2], expected [T, C]");
  EXPECT_EQ(rejected([] { Legend("op").bind("x", Shape{}, "T"); }), "op: x is [], expected [T]");
}

TEST(Legend, RejectsWhatIsNoMultipleAndAnotherNumber) {
  EXPECT_EQ(rejected([] { Legend("op").bind("x", Shape{10}, "3C"); }), "op: x is [10], expected [3C]");
  EXPECT_EQ(rejected([] { Legend("op").bind("x", Shape{7, 2}, "T 1"); }), "op: x is [7, 2], expected [T, 1]");
  EXPECT_EQ(rejected([] {
              Legend d("op");
              d.bind("x", Shape{4}, "C");
              d.bind("w", Shape{11}, "3C");
            }),
            "op: w is [11], expected [3C] with C = 4 as bound by x");
}

TEST(Legend, ALetterThatStandsTwiceInOneShapeMustAgreeWithItself) {
  EXPECT_NO_THROW(Legend("op").bind("x", Shape{4, 4}, "N N"));
  EXPECT_EQ(rejected([] { Legend("op").bind("x", Shape{4, 5}, "N N"); }), "op: x is [4, 5], expected [N, N]");
}

}  // namespace
}  // namespace lyceum
