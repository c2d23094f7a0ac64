// Parts of data sets as files of a study: few labels, less text.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace lyceum::papers {

// `count` lines of a .jsonl file, drawn without replacement and written in the order drawn; all of them,
// shuffled, where there are fewer. The same seed gives the same lines. `wanted`: only lines of which it says
// so.
void write_sample(const std::string& from, const std::string& to, std::int64_t count, std::uint64_t seed,
                  const std::function<bool(const std::string& line)>& wanted = {});

// Passages of about 2000 bytes, each of consecutive paragraphs of one book, spread evenly over all books, of
// `bytes` together or all there is. Books are lines that are paragraphs, with a form feed behind each book;
// so are passages: data.separator = "\f\n".
void write_passages(const std::string& from, const std::string& to, std::int64_t bytes);

// Reviews, one a line with <br /> for a new line, as write_passages leaves books: each paragraph a line, a
// form feed behind each review.
void write_reviews(const std::string& from, const std::string& to);

}  // namespace lyceum::papers
