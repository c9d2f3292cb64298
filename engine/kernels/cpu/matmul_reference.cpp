// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/kernels/cpu/matmul_cpu.h"

#include "engine/tensor/torch_view.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>

namespace lorikeet::kernels {

void referenceMatmul(const Matmul& args)
{
    tensor::guardTorch([&] {
        const at::Tensor a = args.transposeA ? tensor::view(args.a).t() : tensor::view(args.a);
        const at::Tensor b = args.transposeB ? tensor::view(args.b).t() : tensor::view(args.b);
        at::Tensor c = tensor::view(args.c);
        if (args.beta == 0.0)
            at::mm_out(c, a, b).mul_(args.alpha);
        else
            at::addmm_out(c, c, a, b, args.beta, args.alpha);
    });
}

}  // namespace lorikeet::kernels
