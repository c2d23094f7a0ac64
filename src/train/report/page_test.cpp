#include "lyceum/page.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "check/expect_error.h"

namespace lyceum {
namespace {

bool page_has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(Page, PartsStandInTheirOrder) {
  Page page("Report");
  page.paragraph("first");
  page.heading("second");
  page.table({.caption = "third",
              .header = {"name", "value"},
              .rows = {{"a", "1.5"}, {"b", "\u22122e\u22125"}, {"c", ""}}});
  page.chart(LineChart{.title = "fourth", .series = {{.name = "s", .x = {1, 2}, .y = {1, 2}}}});
  page.code("fifth\nline");
  const std::string html = page.html();
  std::size_t at = 0;
  for (const char* part :
       {"<title>Report", "<h1>Report", "first", "second", "third", "fourth", "fifth\nline"}) {
    const std::size_t found = html.find(part, at);
    ASSERT_NE(found, std::string::npos) << part;
    at = found;
  }
  EXPECT_TRUE(page_has(html, "<th>name</th><th class=\"number\">value</th>"));
  EXPECT_TRUE(page_has(html, "<td>a</td><td class=\"number\">1.5</td>"));
}

TEST(Page, NothingIsAskedOfTheNetwork) {
  Page page("Report");
  page.chart(LineChart{});
  const std::string html = page.html();
  EXPECT_TRUE(page_has(html, "default-src 'none'"));
  for (const char* word : {"src=", "href=", "@import", "url(", "fetch(", "XMLHttpRequest"})
    EXPECT_FALSE(page_has(html, word)) << word;
}

TEST(Page, TextsAreNeverObeyed) {
  const std::string text = "<img src=x onerror=alert(1)>\"'&{}";
  Page page(text);
  page.heading(text), page.paragraph(text), page.code(text);
  page.table({.caption = text, .header = {text}, .rows = {{text}}});
  EXPECT_FALSE(page_has(page.html(), "<img"));
}

TEST(Page, ARowOfAnotherLengthIsRefused) {
  check::expect_error(Errc::kUsage, "table 'sizes': found a row of 1 cells, expected 2", [] {
    Page("x").table({.caption = "sizes", .header = {"a", "b"}, .rows = {{"1"}}});
  });
}

}  // namespace
}  // namespace lyceum
