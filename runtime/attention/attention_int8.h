// Attention for many queries in 8-bit integers: what Attend computes (attention.h, same letters and shapes),
// with Q, K, V and the softmax weights rounded to 8 bits and their products summed up exactly.
//
// Rounding, in the order in which it is done; "rounded to n" means to the nearest integer in [-n, n] times
// the largest magnitude / n:
//   K        minus its mean over all Tk keys (the softmax does not see a shift that all keys share), each row
//            rounded to 127. Zhang et al. 2024 (SageAttention), section 4.2.
//   Q        times scale * log2(e), each row rounded to 127.
//   weights  2^(score - m) with m the largest score of the query within a tile of 64 keys of a range, rounded
//            to 1/255. That tile's share of the result is then scaled by 2^(m - largest score) in f32: a key
//            with much weight takes precision from no tile but its own.
//   V        minus its mean over all Tk keys, each channel rounded to 127. The result is the mean plus the
//            weighted sum over the sum of the weights before they were rounded, so what rounding takes from
//            the weights counts as weight of the mean.
// Errors of the output for Whisper's encoder are about those of one dense layer with int8 activations.
#ifndef EARSHOT_RUNTIME_ATTENTION_ATTENTION_INT8_H_
#define EARSHOT_RUNTIME_ATTENTION_ATTENTION_INT8_H_

#include <cstddef>
#include <span>

#include "runtime/attention/attention.h"

namespace earshot {

// Whether AttendInt8 is worth its rounding on this CPU: where one instruction adds four products of bytes to
// a 32-bit sum (AVX-512 VNNI, 2.4 times as fast as f32; dot products of 64-bit ARM). Where the CPU has matrix
// tiles, too (AMX), heads of up to 64 channels take a fifth less time still, with the same results bit by
// bit; the rest of the time goes into the softmax. Elsewhere bytes are widened first. Measured by
// kernels_bench for 1500 x 1500, 6 x 64, f32 and int8: AVX3 27 and 32 ms, AVX2 49 and 45, SSE4 135 and 90.
// f32 is kept on the last two as well.
bool Int8AttentionIsFaster();

// Scratch that AttendInt8 needs: K and V in 8 bits once, tiles for each of `num_threads` threads.
size_t Int8AttentionWorkspaceBytes(const AttentionShape& shape, size_t num_threads);

// Preconditions and guarantees of Attend, with Int8AttentionWorkspaceBytes for the workspace. Needs finite
// inputs. A query row without any key gets zeros. Where out is the memory of q, it must be so row by row.
void AttendInt8(const AttentionParams& params, const AttentionOperands<float>& operands,
                std::span<std::byte> workspace, const ThreadPool& pool);
void AttendInt8(const AttentionParams& params, const AttentionOperands<Float16>& operands,
                std::span<std::byte> workspace, const ThreadPool& pool);

// How a CPU rounds multiply-adds: decides weights that lie halfway between two integers.
enum class MultiplyAddRounding { kOnce, kTwice };

// The specification: scalar, the same rounding of inputs and weights, sums in double precision. Same results
// within the rounding of sums. Allocates; for tests.
void AttendInt8Reference(const AttentionParams& params, const AttentionOperands<float>& operands,
                         MultiplyAddRounding rounding);
void AttendInt8Reference(const AttentionParams& params, const AttentionOperands<Float16>& operands,
                         MultiplyAddRounding rounding);

}  // namespace earshot

#endif  // EARSHOT_RUNTIME_ATTENTION_ATTENTION_INT8_H_
