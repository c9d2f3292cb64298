// SPDX-License-Identifier: GPL-3.0-or-later
// LibTorch's view of our matrices, and its exceptions turned into ours.
#pragma once

#include "engine/tensor/mat.h"

#include <ATen/core/Tensor.h>

#include <exception>

namespace lorikeet::tensor {

/// A CPU tensor over the same memory, shape [rows, cols]. Does not own.
[[nodiscard]] at::Tensor view(const Mat& mat);

/// Turns the exception in flight into an Error without LibTorch's stack trace. @throws Error
[[noreturn]] void rethrowTorchError(std::exception_ptr error);

/// Runs f; whatever LibTorch throws arrives as Error.
template <typename F>
auto guardTorch(const F& f)
{
    try {
        return f();
    } catch (...) {
        rethrowTorchError(std::current_exception());
    }
}

}  // namespace lorikeet::tensor
