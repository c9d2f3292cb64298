// SPDX-License-Identifier: GPL-3.0-or-later
// Causal attention over packed documents with grouped queries, in tiles, without the matrix of scores (Dao et al. 2022,
// arXiv:2205.14135). Documents do not see one another.
#pragma once

#include "engine/kernels/context.h"

namespace lorikeet::kernels {

/// Largest head that the kernels take, on every device.
inline constexpr std::int64_t kLargestHead = 256;

/// out [N, Q] and lse [N, heads] (fp32, log-sum-exp of the scaled scores) of q [N, Q], k and v [N, K]. Rows behind the last document
/// are set to zero.
struct AttentionForward {
    Mat out;
    Mat lse;
    Mat q;
    Mat k;
    Mat v;
    Mat documents;  ///< [1, D + 1] int32 starts; the last entry is the number of rows that belong to a document
    std::int64_t headSize = 0;
    double scale = 1.0;
    std::int64_t window = 0;  ///< sliding window in tokens; 0: whole document
    std::int64_t maxDocument = 0;  ///< length of the longest document
};
void attentionForward(Context& context, const AttentionForward& args);

/// dq, dk, dv of the same shapes; `delta` [N, heads] fp32 and `sum` [N, Q] fp32 (CPU, bf16 operands only) are workspace.
struct AttentionBackward {
    Mat dq;
    Mat dk;
    Mat dv;
    Mat delta;
    Mat sum;
    Mat dout;
    Mat out;
    Mat lse;
    Mat q;
    Mat k;
    Mat v;
    Mat documents;
    std::int64_t headSize = 0;
    double scale = 1.0;
    std::int64_t window = 0;
    std::int64_t maxDocument = 0;
};
void attentionBackward(Context& context, const AttentionBackward& args);

/// Generation: N new rows at positions first .. first + N - 1 see the cache rows 0 .. own position. keys and values [S, K] already
/// hold the new rows.
struct AttentionCached {
    Mat out;
    Mat q;
    Mat keys;
    Mat values;
    std::int64_t first = 0;
    std::int64_t headSize = 0;
    double scale = 1.0;
    std::int64_t window = 0;
};
void attentionCached(Context& context, const AttentionCached& args);

}  // namespace lorikeet::kernels
