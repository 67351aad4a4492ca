// Compares two graphs of the converter.
#ifndef EARSHOT_TESTS_SUPPORT_SAME_GRAPH_H_
#define EARSHOT_TESTS_SUPPORT_SAME_GRAPH_H_

#include <string>

#include "converter/ir/graph.h"

namespace earshot::test {

// Says where two graphs first differ: in tensors (bit by bit), states, methods, tokenizer or settings; empty
// if they are the same. Names and metadata of the models are not compared.
std::string FirstDifference(const ir::Graph& a, const ir::Graph& b);

}  // namespace earshot::test

#endif  // EARSHOT_TESTS_SUPPORT_SAME_GRAPH_H_
