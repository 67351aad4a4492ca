// Scalar evaluation of assignments and of attention within them, in double precision.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "tests/support/ir_interpreter.h"

namespace earshot::test {
namespace {

// A row and its class.
struct Place {
  int64_t row = 0;
  int64_t row_class = 0;
};

bool ByClassAndRow(const Place& a, const Place& b) {
  return std::pair(a.row_class, a.row) < std::pair(b.row_class, b.row);
}

using Table = std::vector<std::vector<double>>;

// What a query sees at one of its places: the logarithm of the sum of its weights, and the mean of values.
struct Part {
  double log_sum = -std::numeric_limits<double>::infinity();
  std::vector<double> mean;
};

std::vector<Place> WithoutNeighbours(const std::vector<Place>& list, const ir::ClusterAttention& attention) {
  const auto before = int64_t{attention.before} * attention.chunk,
             after = int64_t{attention.after} * attention.chunk;
  return {list.begin() + before, list.end() - after};
}

// One head of ClusterAttention.
struct ClusterHead {
  const ir::ClusterAttention& attention;
  Table q, k, v;
  std::vector<Place> queries, keys;

  // How often the rows meet in chunks of one round.
  int64_t Meetings(int64_t row, int64_t key) const {
    const int64_t chunk = attention.chunk, num_rows = std::ssize(q), count = std::ssize(queries);
    int64_t meetings = 0;
    for (int64_t i = 0; i < count; ++i) {
      if (queries[static_cast<size_t>(i)].row != row) continue;
      for (int64_t j = i / num_rows * num_rows; j < (i / num_rows + 1) * num_rows; ++j) {
        const Place &a = queries[static_cast<size_t>(i)], &b = queries[static_cast<size_t>(j)];
        if (b.row != key || a.row_class != b.row_class) continue;
        for (int64_t back = -int64_t{attention.after}; back <= int64_t{attention.before}; ++back)
          meetings += (i / chunk - j / chunk - back) % (count / chunk) == 0 ? 1 : 0;
      }
    }
    return meetings;
  }

  bool Sees(const Place& query, const Place& key) const {
    const bool is_masked = query.row_class % 2 != 0;
    const int64_t own_class = is_masked ? query.row_class - 1 : query.row_class;
    if (is_masked && attention.masked == ir::MaskedQuery::Everything)
      return key.row_class == own_class || key.row_class == own_class + 1;
    const bool is_memory = key.row >= std::ssize(k) - int64_t{attention.memories};
    if (is_masked && attention.masked == ir::MaskedQuery::Memories && !is_memory) return false;
    if (key.row == query.row && attention.own == ir::OwnKey::OnlyIfAlone) return false;
    return key.row_class == own_class && (!attention.causal || key.row <= query.row || is_memory);
  }

  double Score(int64_t row, int64_t key) const {
    double sum = 0;
    for (size_t d = 0; d < q.front().size(); ++d)
      sum += q[static_cast<size_t>(row)][d] * k[static_cast<size_t>(key)][d];
    return sum * static_cast<double>(attention.scale);
  }

  // Scores and rows of the keys that the query at a place sees.
  std::vector<std::pair<double, int64_t>> Seen(int64_t place) const {
    const Place query = queries[static_cast<size_t>(place)];
    const int64_t chunk = attention.chunk;
    const int64_t first = chunk == 0 ? 0 : place / chunk * chunk;
    const int64_t end =
        chunk == 0 ? std::ssize(keys) : first + (attention.before + 1 + attention.after) * chunk;
    std::vector<std::pair<double, int64_t>> seen;
    bool has_own = false;
    for (int64_t i = first; i < end; ++i) {
      const Place& key = keys[static_cast<size_t>(i)];
      has_own = has_own || (key.row == query.row && key.row_class == query.row_class);
      if (!Sees(query, key)) continue;
      const double count =
          attention.pairs_once ? static_cast<double>(Meetings(query.row, key.row)) + 1e-9 : 1.0;
      seen.emplace_back(Score(query.row, key.row) - std::log(count), key.row);
    }
    if (seen.empty() && has_own && attention.own == ir::OwnKey::OnlyIfAlone)
      seen.emplace_back(Score(query.row, query.row) - 5e4, query.row);
    return seen;
  }

  Part Attended(int64_t place) const {
    const std::vector<std::pair<double, int64_t>> seen = Seen(place);
    Part part = {.mean = std::vector<double>(v.front().size(), 0.0)};
    if (seen.empty()) return part;
    const double largest = std::ranges::max(seen).first;
    double sum = 0;
    for (const auto& [score, key] : seen) {
      sum += std::exp(score - largest);
      for (size_t d = 0; d < part.mean.size(); ++d)
        part.mean[d] += std::exp(score - largest) * v[static_cast<size_t>(key)][d];
    }
    for (double& mean : part.mean) mean /= sum;
    part.log_sum = largest + std::log(sum);
    return part;
  }

  Table Merged() const {
    std::vector<std::vector<Part>> parts(q.size());
    for (int64_t place = 0; place < std::ssize(queries); ++place)
      parts[static_cast<size_t>(queries[static_cast<size_t>(place)].row)].push_back(Attended(place));
    Table result;
    for (const std::vector<Part>& of_row : parts) {
      const bool by_sums = attention.merge == ir::Merge::LogSumExp;
      double largest = -std::numeric_limits<double>::infinity();
      for (const Part& part : of_row) largest = std::max(largest, part.log_sum);
      double divisor = by_sums ? 0.0 : static_cast<double>(attention.epsilon);
      result.emplace_back(v.front().size(), 0.0);
      for (const Part& part : of_row) {
        const bool is_empty = std::isinf(part.log_sum);
        const double weight = !by_sums ? 1.0 : is_empty ? 0.0 : std::exp(part.log_sum - largest);
        divisor += weight;
        for (size_t d = 0; d < part.mean.size(); ++d) result.back()[d] += weight * part.mean[d];
      }
      for (double& x : result.back()) x = divisor > 0 ? x / divisor : 0.0;
    }
    return result;
  }
};

}  // namespace

void IrInterpreter::Compute(const ir::BucketSort& sort, const std::vector<Matrix>& in, const Matrix& out) {
  const Matrix& buckets = in.at(0);
  const int64_t heads = sort.heads, rounds = buckets.cols / heads, chunk = sort.chunk;
  const auto is_masked = [&](int64_t row) { return in.size() > 1 && in[1].At(row, 0) == 0; };
  for (int64_t head = 0; head < heads; ++head) {
    std::vector<Place> list;
    for (int64_t round = 0; round < rounds; ++round) {
      std::vector<int64_t> rows;
      for (int64_t row = 0; row < buckets.rows; ++row) rows.push_back(row);
      const auto bucket_of = [&](int64_t row) { return buckets.At(row, head * rounds + round); };
      std::ranges::stable_sort(rows, [&](int64_t a, int64_t b) {
        const bool a_last = sort.masked_last && is_masked(a), b_last = sort.masked_last && is_masked(b);
        if (a_last || b_last) return b_last && !a_last;
        return bucket_of(a) < bucket_of(b);
      });
      for (const int64_t row : rows) {
        const int64_t number = sort.same_bucket ? std::llround(bucket_of(row)) * rounds + round : 0;
        list.push_back({row, 2 * number + (is_masked(row) ? 1 : 0)});
      }
    }
    const int64_t count = std::ssize(list), length = chunk == 0 ? count : chunk;
    for (int64_t begin = 0; begin < count; begin += length)
      std::sort(list.begin() + begin, list.begin() + begin + length, ByClassAndRow);
    for (int64_t place = 0; place < out.rows; ++place) {
      const int64_t at = place - int64_t{sort.before} * chunk;
      const bool is_inside = at >= 0 && at < count;
      const Place entry = is_inside || sort.cyclic
                              ? list[static_cast<size_t>((at + count * out.rows) % count)]
                              : Place{0, -1};
      out.At(place, head) = static_cast<double>(entry.row);
      out.At(place, heads + head) = static_cast<double>(entry.row_class);
    }
  }
}

void IrInterpreter::Compute(const ir::TopRows& top, const std::vector<Matrix>& in, const Matrix& out) {
  const Matrix& scores = in.at(0);
  const int64_t heads = top.heads, clusters = scores.cols / heads;
  int64_t members = int64_t{top.count} + top.memories;
  for (int64_t col = 0; col < scores.cols; ++col) {
    const int64_t head = col / clusters, cluster = col % clusters;
    std::vector<int64_t> rows;
    for (int64_t row = 0; row < scores.rows; ++row) rows.push_back(row);
    std::ranges::stable_sort(rows,
                             [&](int64_t a, int64_t b) { return scores.At(a, col) > scores.At(b, col); });
    std::vector<Place> list;
    for (int64_t i = 0; i < int64_t{top.count}; ++i) {
      const int64_t row = rows[static_cast<size_t>(i)];
      list.push_back({row, 2 * cluster + (in.size() > 1 && in[1].At(row, 0) == 0 ? 1 : 0)});
    }
    for (int64_t i = 0; i < int64_t{top.memories}; ++i)
      list.push_back({scores.rows + cluster * int64_t{top.memories} + i, 2 * cluster});
    std::ranges::sort(list, ByClassAndRow);
    for (int64_t i = 0; i < members; ++i) {
      out.At(cluster * members + i, head) = static_cast<double>(list[static_cast<size_t>(i)].row);
      out.At(cluster * members + i, heads + head) =
          static_cast<double>(list[static_cast<size_t>(i)].row_class);
    }
  }
}

void IrInterpreter::Compute(const ir::ClusterAttention& attention, const std::vector<Matrix>& in,
                            const Matrix& out) {
  const int64_t dim = out.cols / attention.num_heads;
  const auto columns = [](const Matrix& matrix, int64_t begin, int64_t count) {
    Table table;
    for (int64_t row = 0; row < matrix.rows; ++row) {
      table.emplace_back();
      for (int64_t col = begin; col < begin + count; ++col) table.back().push_back(matrix.At(row, col));
    }
    return table;
  };
  for (int64_t head = 0; head < int64_t{attention.num_heads}; ++head) {
    const auto places = [&](const Matrix& assignment) {
      const int64_t lists = assignment.cols / 2, list = lists == 1 ? 0 : head;
      std::vector<Place> result;
      for (int64_t i = 0; i < assignment.rows; ++i)
        result.push_back(
            {std::llround(assignment.At(i, list)), std::llround(assignment.At(i, lists + list))});
      return result;
    };
    const ClusterHead oracle = {.attention = attention,
                                .q = columns(in.at(0), head * dim, dim),
                                .k = columns(in.at(1), head * dim, dim),
                                .v = columns(in.at(2), head * dim, dim),
                                .queries = WithoutNeighbours(places(in.at(3)), attention),
                                .keys = places(in.back())};
    const Table result = oracle.Merged();
    for (int64_t row = 0; row < out.rows; ++row) {
      for (int64_t d = 0; d < dim; ++d)
        out.At(row, head * dim + d) = result[static_cast<size_t>(row)][static_cast<size_t>(d)];
    }
  }
}

void IrInterpreter::Compute(const ir::DropListed&, const std::vector<Matrix>& in, const Matrix& out) {
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t col = 0; col < out.cols; ++col) out.At(row, col) = in.at(0).At(row, col);
  }
  const int64_t heads = in.at(1).cols / 2;
  for (int64_t place = 0; place < in[1].rows; ++place) {
    for (int64_t head = 0; head < heads; ++head) {
      const int64_t cluster = std::llround(in[1].At(place, heads + head)) / 2;
      out.At(std::llround(in[1].At(place, head)), head * (out.cols / heads) + cluster) = 0.0;
    }
  }
}

}  // namespace earshot::test
