// SPDX-License-Identifier: GPL-3.0-or-later
// Matrix products through cuBLASLt in the plan's workspace. cuBLASLt counts columns first: a row-major C = op(A) op(B) is its
// C^T = op(B)^T op(A)^T, so the operands change places and keep their memory.
#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/kernels/cuda/state_cuda.h"

#include <algorithm>
#include <cstdint>
#include <memory>

namespace lorikeet::kernels::cuda {

namespace {

void checkBlas(cublasStatus_t status, const char* what)
{
    if (status != CUBLAS_STATUS_SUCCESS)
        throw Error(ErrorCode::Device, std::string("cuBLASLt: ") + what + ": " + cublasLtGetStatusString(status),
                    "run 'lorikeet-cli doctor' and check the driver");
}

cudaDataType_t typeOf(DType dtype) { return dtype == DType::BF16 ? CUDA_R_16BF : CUDA_R_32F; }

template <auto Destroy>
struct Closer {
    template <typename T>
    void operator()(T* handle) const { Destroy(handle); }
};
using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, Closer<cublasLtMatrixLayoutDestroy>>;
using Description = std::unique_ptr<cublasLtMatmulDescOpaque_t, Closer<cublasLtMatmulDescDestroy>>;
using Preference = std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, Closer<cublasLtMatmulPreferenceDestroy>>;

/// Our row-major matrix as cuBLASLt's transposed one.
Layout layoutOf(const Mat& mat)
{
    cublasLtMatrixLayout_t layout = nullptr;
    checkBlas(cublasLtMatrixLayoutCreate(&layout, typeOf(mat.dtype), static_cast<std::uint64_t>(mat.cols), static_cast<std::uint64_t>(mat.rows), mat.cols),
              "a matrix layout");
    return Layout(layout);
}

Description descriptionOf(const Matmul& args)
{
    cublasLtMatmulDesc_t description = nullptr;
    // CUBLAS_COMPUTE_32F keeps fp32 operands whole: no TF32.
    checkBlas(cublasLtMatmulDescCreate(&description, CUBLAS_COMPUTE_32F, CUDA_R_32F), "a description");
    Description owner(description);
    const cublasOperation_t first = args.transposeB ? CUBLAS_OP_T : CUBLAS_OP_N;
    const cublasOperation_t second = args.transposeA ? CUBLAS_OP_T : CUBLAS_OP_N;
    checkBlas(cublasLtMatmulDescSetAttribute(description, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first), "a transpose");
    checkBlas(cublasLtMatmulDescSetAttribute(description, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second), "a transpose");
    return owner;
}

/// Largest power of two, up to 256, that divides an address.
unsigned alignmentOf(const void* address)
{
    const auto value = reinterpret_cast<std::uintptr_t>(address) | 256u;
    return static_cast<unsigned>(value & (~value + 1));
}

ProductKey keyOf(const Matmul& args)
{
    return {args.c.rows, args.c.cols, args.transposeA ? args.a.rows : args.a.cols, args.transposeA, args.transposeB, args.a.dtype, args.c.dtype,
            args.beta != 0.0, alignmentOf(args.a.data), alignmentOf(args.b.data), alignmentOf(args.c.data)};
}

/// What all calls of one product need.
struct Product {
    Description description;
    Layout first;
    Layout second;
    Layout result;
};

cublasLtMatmulAlgo_t chooseAlgorithm(cublasLtHandle_t blas, const Product& product, const Matmul& args, std::uint64_t workspaceBytes)
{
    cublasLtMatmulPreference_t raw = nullptr;
    checkBlas(cublasLtMatmulPreferenceCreate(&raw), "a preference");
    const Preference preference(raw);
    const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
        checkBlas(cublasLtMatmulPreferenceSetAttribute(raw, attribute, &value, sizeof value), "a preference");
    };
    set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspaceBytes);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<std::uint32_t>(alignmentOf(args.b.data)));
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<std::uint32_t>(alignmentOf(args.a.data)));
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, static_cast<std::uint32_t>(alignmentOf(args.c.data)));
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, static_cast<std::uint32_t>(alignmentOf(args.c.data)));
    cublasLtMatmulHeuristicResult_t found{};
    int count = 0;
    checkBlas(cublasLtMatmulAlgoGetHeuristic(blas, product.description.get(), product.first.get(), product.second.get(), product.result.get(),
                                             product.result.get(), raw, 1, &found, &count),
              "no algorithm for a product");
    LORIKEET_CHECK(count == 1, "cuBLASLt has no algorithm for " + std::to_string(args.c.rows) + " x " + std::to_string(args.c.cols));
    return found.algo;
}

}  // namespace

void matmulCublas(Context& context, const Matmul& args)
{
    LORIKEET_CHECK(args.a.dtype == DType::F32 || args.a.dtype == DType::BF16, "matmul on CUDA: fp32 and bf16 only");
    DeviceState& state = stateOf(context);
    const Product product{descriptionOf(args), layoutOf(args.b), layoutOf(args.a), layoutOf(args.c)};
    constexpr std::size_t kMostAlgorithms = 4096;
    const ProductKey key = keyOf(args);
    auto algorithm = state.algorithms.find(key);
    if (algorithm == state.algorithms.end()) {
        if (state.algorithms.size() >= kMostAlgorithms)
            state.algorithms.clear();
        algorithm = state.algorithms.emplace(key, chooseAlgorithm(state.blas, product, args, context.matmulScratchBytes)).first;
    }
    const auto alpha = static_cast<float>(args.alpha);
    const auto beta = static_cast<float>(args.beta);
    checkBlas(cublasLtMatmul(state.blas, product.description.get(), &alpha, args.b.data, product.first.get(), args.a.data, product.second.get(), &beta,
                             args.c.data, product.result.get(), args.c.data, product.result.get(), &algorithm->second, context.matmulScratch,
                             context.matmulScratchBytes, state.stream),
              "a product");
}

}  // namespace lorikeet::kernels::cuda
