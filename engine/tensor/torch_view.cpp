// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/tensor/torch_view.h"

#include "engine/base/check.h"
#include "engine/base/error.h"

#include <ATen/ops/from_blob.h>
#include <c10/util/Exception.h>

namespace lorikeet::tensor {

namespace {

constexpr const char* kReport = "this is a bug in Lorikeet; please report it with this line";

at::ScalarType scalarTypeOf(DType dtype)
{
    switch (dtype) {
    case DType::F32: return at::kFloat;
    case DType::BF16: return at::kBFloat16;
    case DType::F16: return at::kHalf;
    case DType::F64: return at::kDouble;
    case DType::I32: return at::kInt;
    case DType::I64: return at::kLong;
    case DType::U8: return at::kByte;
    }
    return at::kFloat;
}

}  // namespace

at::Tensor view(const Mat& mat)
{
    LORIKEET_CHECK(mat.data != nullptr, "view of a buffer that this job does not have");
    return at::from_blob(mat.data, {mat.rows, mat.cols}, at::TensorOptions().dtype(scalarTypeOf(mat.dtype)));
}

void rethrowTorchError(std::exception_ptr error)
{
    try {
        std::rethrow_exception(error);
    } catch (const Error&) {
        throw;
    } catch (const c10::OutOfMemoryError& e) {
        throw Error(ErrorCode::DoesNotFit, e.what_without_backtrace(), "close other programs, or lower recipe.micro_batch or recipe.context");
    } catch (const c10::Error& e) {
        throw Error(ErrorCode::Internal, std::string("LibTorch: ") + e.what_without_backtrace(), kReport);
    } catch (const std::exception& e) {
        throw Error(ErrorCode::Internal, std::string("LibTorch: ") + e.what(), kReport);
    }
}

}  // namespace lorikeet::tensor
