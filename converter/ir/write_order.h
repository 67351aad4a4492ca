// Follows the ops of a method in their order and keeps account of which parts of each value have been
// written. Nothing is written twice, but for the queries of an attention that computes in place.
#ifndef EARSHOT_CONVERTER_IR_WRITE_ORDER_H_
#define EARSHOT_CONVERTER_IR_WRITE_ORDER_H_

#include <vector>

#include "converter/ir/graph.h"
#include "runtime/core/status.h"

namespace earshot::ir {

// Precondition of everything here: the method's values have been verified one by one, and all operands exist.
class WriteOrder {
 public:
  explicit WriteOrder(const Method& method);

  // Call for each op in order. kInternal if it reads what has not been written, or writes what it must not.
  Status Step(const Op& op);

  // After the last op: every output must be whole.
  Status VerifyOutputs() const;

 private:
  // A window of a value that is no view.
  struct Region {
    Dim row_begin;
    Dim rows;
    int64_t col_begin = 0;
    int64_t col_end = 0;
  };

  Region Whole(int base) const;
  Region RegionOf(int value) const;
  int BaseOf(int value) const;
  const Value& ValueAt(int value) const { return method_.values[static_cast<size_t>(value)]; }
  bool AreDisjoint(const Region& a, const Region& b) const;
  bool IsWrittenInRows(const std::vector<Region>& parts, const Region& region) const;
  bool IsWritten(int base, const Region& region) const;

  const Method& method_;
  std::vector<std::vector<Region>> written_;  // by value
};

}  // namespace earshot::ir

#endif  // EARSHOT_CONVERTER_IR_WRITE_ORDER_H_
