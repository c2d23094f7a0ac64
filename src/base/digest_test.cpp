#include "base/digest.h"

#include <gtest/gtest.h>

#include <string_view>

namespace lyceum {
namespace {

std::string digest_of(Digest digest, std::string_view text) {
  digest.update(text.data(), text.size());
  return digest.hex();
}

// FIPS 180-4's examples (csrc.nist.gov, "Cryptographic Standards and Guidelines", SHA256.pdf and SHA1.pdf)
TEST(Digest, TheStandardsExamples) {
  EXPECT_EQ(digest_of(Digest(Digest::Kind::kSha256), "abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest_of(Digest(Digest::Kind::kSha1), "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(digest_of(Digest(Digest::Kind::kSha256), ""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Digest, GitsNameOfAFile) {  // git hash-object
  EXPECT_EQ(digest_of(git_blob_digest(0), ""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  EXPECT_EQ(digest_of(git_blob_digest(6), "hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
}

TEST(Digest, PiecesGiveWhatTheWholeGives) {
  const std::string text(100'003, 'x');
  for (const Digest::Kind kind : {Digest::Kind::kSha256, Digest::Kind::kSha1}) {
    Digest pieces(kind);
    for (std::size_t at = 0, step = 1; at < text.size(); at += step, step = step % 257 + 1)
      pieces.update(text.data() + at, std::min(step, text.size() - at));
    EXPECT_EQ(pieces.hex(), digest_of(Digest(kind), text));
  }
}

}  // namespace
}  // namespace lyceum
