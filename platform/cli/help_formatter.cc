// CLI11's layout without its notation for types, ranges and counts, which the descriptions tell in words.
#include "platform/cli/help_formatter.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

namespace earshot::cli {
namespace {

class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string text;
    if (option->nonpositional() && option->get_type_size() != 0) text += " " + option->get_type_name();
    if (!option->get_default_str().empty()) text += " [" + option->get_default_str() + "]";
    return text;
  }
};

}  // namespace

void SetHelpFormatter(CLI::App& app) {
  constexpr size_t kColumnWidth = 36;
  auto formatter = std::make_shared<HelpFormatter>();
  formatter->column_width(kColumnWidth);
  app.formatter(formatter);
}

}  // namespace earshot::cli
