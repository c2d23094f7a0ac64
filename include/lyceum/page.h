// A report: one HTML file with everything inside, which asks the network for nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lyceum/chart.h"

namespace lyceum {

struct PageTable {
  std::string caption;
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  // a column of numbers stands on the right
};

// Parts appear in the order in which they are added. All texts are plain: what they hold of HTML is shown,
// not obeyed.
class Page {
 public:
  explicit Page(std::string_view title);
  void heading(std::string_view text);
  void paragraph(std::string_view text);
  void code(std::string_view text);    // lines as they stand, such as a command
  void table(const PageTable& table);  // Errc::kUsage unless each row is as long as the header
  void chart(const Chart& chart);      // in a browser the pointer shows the values of line charts
  std::string html() const;

 private:
  std::string title_, body_;
};

}  // namespace lyceum
