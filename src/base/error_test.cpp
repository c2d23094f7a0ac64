#include "base/error.h"

#include "check/expect_error.h"

namespace lyceum {
namespace {

TEST(Error, ControlCharactersOfHostileNamesAreShownAsNumbers) {
  check::expect_error(Errc::kData, R"(tensor 'a\x00b\x0a\x1b[2J\x7f' is missing)", [] {
    fail(Errc::kData, "tensor '{}' is missing", std::string("a\0b\n\x1b[2J\x7F", 9));
  });
}

TEST(Error, OtherTextStaysAsItIs) {
  check::expect_error(Errc::kIo, "caf\xC3\xA9 {} \\", [] { fail(Errc::kIo, "caf\xC3\xA9 {{}} \\"); });
}

}  // namespace
}  // namespace lyceum
