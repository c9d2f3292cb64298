// SPDX-License-Identifier: GPL-3.0-or-later
// Compiled for AVX-512 with bf16 products; see engine/kernels/CMakeLists.txt.
#include "engine/kernels/cpu/bf16_dot_table.h"

#include "engine/kernels/cpu/attention_dot.h"
#include "engine/kernels/cpu/tables.h"

namespace lorikeet::kernels {

namespace {

/// A pair must not cross a head.
bool fits(const Mat& q, std::int64_t headSize) { return q.dtype == DType::BF16 && headSize % 2 == 0; }

void forward(Context& context, const AttentionForward& args)
{
    if (!fits(args.q, args.headSize))
        return avx512Table().attentionForward(context, args);
    avx512bf16::attentionForwardWith<avx512bf16::BF16, avx512bf16::DotForwardTile>(args);
}

void backward(Context& context, const AttentionBackward& args)
{
    if (!fits(args.q, args.headSize))
        return avx512Table().attentionBackward(context, args);
    avx512bf16::attentionBackwardWith<avx512bf16::BF16, avx512bf16::DotBackwardTask>(context, args);
}

}  // namespace

const OpTable& avx512Bf16Table()
{
    static const OpTable table = [] {
        OpTable made = avx512Table();
        made.name = "cpu avx512 bf16";
        made.attentionForward = forward;
        made.attentionBackward = backward;
        return made;
    }();
    return table;
}

}  // namespace lorikeet::kernels
