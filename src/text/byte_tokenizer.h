// The vocabulary of bytes: 256 ids, each the byte itself, and no special token.
//
// As a file it is a byte-level BPE without merges whose 256 symbols have the ids of their bytes, which the
// reference library loads with equal ids. The reference reads text only, so that is said of valid UTF-8; here
// any bytes are read, and bytes that are no UTF-8 are ids like all others. Back from ids, both give text:
// what is no UTF-8 becomes U+FFFD, one for each maximal subpart.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "text/tokenizer.h"

namespace lyceum {

std::shared_ptr<const Tokenizer> byte_tokenizer();

// The text of its tokenizer.json: a Tokenizer::from_json of it is byte_tokenizer().
std::string byte_tokenizer_json();

// tokenizer.json and tokenizer_config.json in this folder. The second names the reference's general class:
// that of a model's type (GPT-2's) would add special tokens behind the last id. Throws Errc::kIo.
void write_byte_tokenizer(const std::filesystem::path& folder);

}  // namespace lyceum
