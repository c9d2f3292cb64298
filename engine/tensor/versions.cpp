// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tensor/versions.h"

#include "engine/tensor/torch_view.h"

#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>
#include <torch/headeronly/version.h>

namespace lorikeet::tensor {

std::string torchVersion() { return TORCH_VERSION; }

bool torchMultiplies()
{
    return guardTorch([] {
        const at::Tensor two = at::full({8, 8}, 2.0, at::TensorOptions().dtype(at::kFloat));
        // 8 terms of 2 x 2.
        return at::mm(two, two).data_ptr<float>()[63] == 32.0f;
    });
}

}  // namespace lorikeet::tensor
