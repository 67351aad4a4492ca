// Numbers and tables as reports print them.
#include "platform/cli/units.h"

#include <catch2/catch_test_macros.hpp>
#include <limits>

#include "platform/cli/printable.h"
#include "platform/cli/statistics.h"
#include "platform/cli/text_table.h"

namespace earshot::cli {
namespace {

TEST_CASE("Grouped puts a comma before every third digit from the right") {
  CHECK(Grouped(0) == "0");
  CHECK(Grouped(999) == "999");
  CHECK(Grouped(1000) == "1,000");
  CHECK(Grouped(1234567) == "1,234,567");
}

TEST_CASE("Megabytes keeps three digits, in powers of 1000") {
  CHECK(Megabytes(999) == "999 B");
  CHECK(Megabytes(1000) == "1.00 kB");
  CHECK(Megabytes(99'940) == "99.9 kB");
  CHECK(Megabytes(999'499) == "999 kB");
  CHECK(Megabytes(999'500) == "1.00 MB");
  CHECK(Megabytes(71'200'000) == "71.2 MB");
  CHECK(Megabytes(1'213'000'000) == "1213 MB");
}

TEST_CASE("Clock shows hours only where there are any, and no nonsense") {
  CHECK(Clock(0) == "0:00");
  CHECK(Clock(59.4) == "0:59");
  CHECK(Clock(59.6) == "1:00");
  CHECK(Clock(3599.6) == "1:00:00");
  CHECK(Clock(-1) == "-:--");
  CHECK(Clock(std::numeric_limits<double>::infinity()) == "-:--");
  CHECK(Clock(std::numeric_limits<double>::quiet_NaN()) == "-:--");
}

TEST_CASE("A table aligns columns by characters, not bytes, and leaves no spaces at line ends") {
  TextTable table({{"name"}, {"n", TextTable::Align::kRight}, {""}});
  table.AddRow({"été", "5"});
  table.AddRow({"summer", "12", "note"});
  CHECK(table.ToString(1) ==
        " name     n\n"
        " été      5\n"
        " summer  12  note\n");
}

TEST_CASE("A table without titles has no line for them") {
  TextTable table({{""}, {""}});
  table.AddRow({"a", "b"});
  CHECK(table.ToString(0) == "a  b\n");
}

TEST_CASE("Printable takes the teeth out of terminal control sequences and keeps text") {
  CHECK(Printable("a\x1b[2Jb\tc\nd\x7f") == "a [2Jb c d ");
  CHECK(Printable("x\xc2\x9b"
                  "2J") == "x 2J");  // U+009B is a control sequence introducer too
  CHECK(Printable("\xc3\xa9\xc2\xa0") == "\xc3\xa9\xc2\xa0");
}

TEST_CASE("Quantiles are interpolated between neighbours") {
  const Spread spread = SpreadOf({40, 10, 30, 20, 50, 60});
  CHECK(spread.median == 35);
  CHECK(spread.p10 == 15);
  CHECK(spread.p90 == 55);
  CHECK(SpreadOf({7}).p90 == 7);
  CHECK(SpreadOf({}).median == 0);
}

}  // namespace
}  // namespace earshot::cli
