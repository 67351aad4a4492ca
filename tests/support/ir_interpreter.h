// Runs a graph of the converter in plain scalar arithmetic, straight from the definitions in
// runtime/schema/model.fbs. Shares no code with the runtime or the passes: the oracle for both.
#ifndef EARSHOT_TESTS_SUPPORT_IR_INTERPRETER_H_
#define EARSHOT_TESTS_SUPPORT_IR_INTERPRETER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "converter/ir/graph.h"

namespace earshot::test {

// Everything is computed in double; weights in any type are read as what they stand for. Between runs states
// live on. Anything wrong (unknown name, a view that leaves its base, an id outside the table) throws
// std::runtime_error. Borrows the graph.
class IrInterpreter {
 public:
  // Whether states keep numbers as their type can hold them, as the runtime does, or exactly, to measure a
  // graph without that noise.
  enum class StatePrecision { kAsDeclared, kExact };

  explicit IrInterpreter(const ir::Graph& graph, StatePrecision precision = StatePrecision::kAsDeclared);

  // Row-major, of the shape the input has for the symbols of the next Run.
  void SetInput(const std::string& name, std::vector<double> values) { inputs_[name] = std::move(values); }

  // One number of a state.
  void SetState(const std::string& name, int64_t row, int64_t col, double value);

  void Run(const std::string& method, const std::map<std::string, int64_t>& symbols);

  // Any value of the method that ran last, by name, row-major.
  std::vector<double> Read(const std::string& value);

 private:
  // A window into stored numbers.
  struct Matrix {
    double* data = nullptr;
    int64_t rows = 0;
    int64_t cols = 0;
    int64_t stride = 0;
    double& At(int64_t row, int64_t col) const { return data[row * stride + col]; }
  };

  void Allocate();
  std::vector<double>& StorageOf(int value);
  Matrix View(int value);
  void Eval(const ir::Op& op);
  void RoundState(int value, const Matrix& out) const;

  // One number of the result of a dense layer.
  static double DenseSum(const Matrix& x, int64_t row, const Matrix& weight, int64_t col, double bias);

  // One for each kind of op.
  void Compute(const ir::Linear& linear, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::Conv1d& conv, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::LayerNorm& norm, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::Add& add, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::Embedding& embedding, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::Attention& attention, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::Activate& activate, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::FeedForward& layers, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::ScaleShift& scale_shift, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::Binary& binary, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::Unary& unary, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::Normalize& normalize, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::Softmax& softmax, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::Reduce& reduce, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::ArgMax& arg_max, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::MatMul& product, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::Conv2d& conv, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::Rotary& rotary, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::Lstm& lstm, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::RelativeShift& shift, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::LinearAttention& attention, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::ReplaceRows& replace, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::ScatterAdd& scatter, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::MixBlocks& mix, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::RankedSoftmax& ranked, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::BucketSort& sort, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::TopRows& top, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::ClusterAttention& attention, const std::vector<Matrix>& in, const Matrix& out);
  void Compute(const ir::DropListed& drop, const std::vector<Matrix>& in, const Matrix& out);

  const ir::Graph& graph_;
  StatePrecision precision_;
  std::map<int, std::vector<double>> tensors_;  // dequantized on first use
  std::vector<std::vector<double>> states_;
  std::map<std::string, std::vector<double>> inputs_;

  const ir::Method* method_ = nullptr;
  std::vector<int64_t> symbols_;
  std::vector<std::vector<double>> values_;  // activations, inputs and outputs of the method
};

}  // namespace earshot::test

#endif  // EARSHOT_TESTS_SUPPORT_IR_INTERPRETER_H_
