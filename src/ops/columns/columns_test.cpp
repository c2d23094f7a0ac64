#include "ops/columns/columns.h"

#include <gtest/gtest.h>

#include "check/gradcheck.h"
#include "check/message_of.h"

namespace lyceum {
namespace {

using check::random_tensor;

const Shape kShapes[] = {{1, 1}, {2, 3}, {5, 17}, {3, 33}, {0, 4}};

check::Op elementwise(const std::function<double(double, double)>& f) {
  return [f](const std::vector<Tensor>& in) {
    return check::generate(in[0].shape(),
                           [&](std::int64_t i) { return f(check::at(in[0], i), check::at(in.back(), i)); });
  };
}

TEST(Columns, AddMultiplyAndScaleEqualTheirDefinitionsWithEveryGradient) {
  const auto sum = [](const std::vector<Tensor>& in) { return add(in[0], in[1]); };
  const auto product = [](const std::vector<Tensor>& in) { return multiply(in[0], in[1]); };
  const auto scaled = [](const std::vector<Tensor>& in) { return scale(in[0], -2.5f); };
  for (const Shape& shape : kShapes) {
    const Tensor a = random_tensor(shape, 1), b = random_tensor(shape, 2);
    for (const bool views : {false, true}) {
      const std::vector<Tensor> in{views ? check::strided(a) : a, views ? check::strided(b) : b};
      EXPECT_EQ(check::gradcheck(sum, elementwise([](double u, double v) { return u + v; }), in), "")
          << shape.text();
      EXPECT_EQ(check::gradcheck(product, elementwise([](double u, double v) { return u * v; }), in), "")
          << shape.text();
      EXPECT_EQ(check::gradcheck(scaled, elementwise([](double u, double) { return u * -2.5; }), {in[0]}), "")
          << shape.text();
    }
  }
}

TEST(Columns, ATensorUsedTwiceGetsBothGradients) {
  const Tensor x = random_tensor({3, 5}, 1);
  EXPECT_EQ(check::gradcheck([](const auto& in) { return add(in[0], in[0]); },
                             elementwise([](double u, double) { return 2 * u; }), {x}),
            "");
  EXPECT_EQ(check::gradcheck([](const auto& in) { return multiply(in[0], in[0]); },
                             elementwise([](double u, double) { return u * u; }), {x}),
            "");
}

TEST(Columns, ASliceIsAViewWithAGradientOfZerosElsewhere) {
  const Tensor x = random_tensor({5, 17}, 1);
  for (const auto& [begin, end] : {std::pair<std::int64_t, std::int64_t>{0, 17}, {3, 8}, {16, 17}, {4, 4}}) {
    const std::int64_t first = begin, width = end - begin;
    const auto op = [&, last = end](const std::vector<Tensor>& in) {
      return slice_columns(in[0], first, last);
    };
    const auto definition = [&](const std::vector<Tensor>& in) {
      return check::generate(
          {5, width}, [&](std::int64_t i) { return check::at(in[0], i / width * 17 + first + i % width); });
    };
    EXPECT_EQ(check::gradcheck(op, definition, {x}), "") << begin << " to " << end;
    EXPECT_EQ(check::gradcheck(op, definition, {check::strided(x)}), "")
        << begin << " to " << end << ", of a view";
    EXPECT_EQ(slice_columns(x, begin, end).storage(), x.storage());
  }
}

TEST(Columns, PartsOfOneTensorShareItsGradient) {
  const auto swapped = [](const std::vector<Tensor>& in) {
    const Tensor parts[] = {slice_columns(in[0], 2, 5), slice_columns(in[0], 0, 2)};
    return concat_columns(parts);
  };
  const auto definition = [](const std::vector<Tensor>& in) {
    return check::generate({3, 5},
                           [&](std::int64_t i) { return check::at(in[0], i / 5 * 5 + (i % 5 + 2) % 5); });
  };
  EXPECT_EQ(check::gradcheck(swapped, definition, {random_tensor({3, 5}, 1)}), "");
}

TEST(Columns, JoinedPartsStandSideBySideWithTheirGradients) {
  for (const std::int64_t rows : {0, 1, 5}) {
    const Tensor a = random_tensor({rows, 3}, 1), b = random_tensor({rows, 17}, 2),
                 c = random_tensor({rows, 1}, 3);
    const auto op = [](const std::vector<Tensor>& in) { return concat_columns(in); };
    const auto definition = [&](const std::vector<Tensor>& in) {
      return check::generate({rows, 21}, [&](std::int64_t i) {
        const std::int64_t r = i / 21, col = i % 21;
        if (col < 3) return check::at(in[0], r * 3 + col);
        return col < 20 ? check::at(in[1], r * 17 + col - 3) : check::at(in[2], r);
      });
    };
    EXPECT_EQ(check::gradcheck(op, definition, {a, b, c}), "") << rows;
    EXPECT_EQ(check::gradcheck(op, definition, {a, check::strided(b), c}), "") << rows << ", a view";
    EXPECT_EQ(check::gradcheck(op, definition, {a, b, c}, {.differentiable = {false, true, false}}), "")
        << rows << ", constants";
  }
}

TEST(Columns, ATransposeSwapsRowsAndColumnsAndSoDoesItsGradient) {
  const auto op = [](const std::vector<Tensor>& in) { return transpose(in[0]); };
  for (const Shape& shape : kShapes) {
    const auto definition = [&](const std::vector<Tensor>& in) {
      return check::generate({shape[1], shape[0]}, [&](std::int64_t i) {
        return check::at(in[0], i % shape[0] * shape[1] + i / shape[0]);
      });
    };
    EXPECT_EQ(check::gradcheck(op, definition, {random_tensor(shape, 1)}), "") << shape.text();
    EXPECT_EQ(check::gradcheck(op, definition, {check::strided(random_tensor(shape, 1))}), "")
        << shape.text() << ", of a view";
  }
}

TEST(Columns, HaveTheSameBitsForEveryThreadCountAndInstructionSet) {
  const auto all_of_them = [](const std::vector<Tensor>& in) {
    const Tensor parts[] = {multiply(in[0], in[1]), scale(slice_columns(in[0], 5, 40), 0.3f)};
    return concat_columns(parts);
  };
  EXPECT_EQ(
      check::same_bits_everywhere([&] {
        return check::with_gradients(all_of_them, {random_tensor({200, 99}, 1), random_tensor({200, 99}, 2)});
      }),
      "");
}

TEST(Columns, SayWhatDoesNotFit) {
  const Tensor a = random_tensor({2, 3}, 1), b = random_tensor({3, 3}, 2);
  EXPECT_EQ(check::message_of(Errc::kData, [&] { add(a, b); }),
            "add: found [2, 3] and [3, 3], expected one shape");
  EXPECT_EQ(check::message_of(Errc::kData, [&] { multiply(a, b); }),
            "multiply: found [2, 3] and [3, 3], expected one shape");
  const Tensor parts[] = {a, b};
  EXPECT_EQ(check::message_of(Errc::kData, [&] { concat_columns(parts); }),
            "concat_columns: part is [3], expected [T]");
  EXPECT_EQ(check::message_of(Errc::kInternal, [&] { concat_columns({}); }), "concat_columns: found no part");
  EXPECT_EQ(check::message_of(Errc::kInternal, [&] { slice_columns(a, 1, 4); }),
            "columns: found [1, 4), expected a part of [0, 3)");
}

}  // namespace
}  // namespace lyceum
