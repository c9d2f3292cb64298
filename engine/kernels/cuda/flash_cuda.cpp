// SPDX-License-Identifier: GPL-3.0-or-later
// Attention of bf16 jobs: LibTorch's flash attention 2 (Dao 2023, arXiv:2307.08691) over packed documents, schema of LibTorch 2.11.
// [N, heads * d] in memory is its [N, heads, d]; its log-sum-exp is [heads, N], ours [N, heads].
#include "engine/base/check.h"
#include "engine/kernels/cuda/launchers.cuh"
#include "engine/kernels/cuda/state_cuda.h"
#include "engine/tensor/torch_view.h"

#include <ATen/Context.h>
#include <ATen/ops/_flash_attention_backward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <optional>

namespace lorikeet::kernels::cuda {

namespace {

/// LibTorch works on our stream while this lives.
class OnStream {
public:
    explicit OnStream(const DeviceState& state)
        : m_before(c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(state.index)))
    {
        c10::cuda::setCurrentCUDAStream(c10::cuda::getStreamFromExternal(state.stream, static_cast<c10::DeviceIndex>(state.index)));
    }
    ~OnStream() { c10::cuda::setCurrentCUDAStream(m_before); }
    OnStream(const OnStream&) = delete;
    OnStream& operator=(const OnStream&) = delete;

private:
    c10::cuda::CUDAStream m_before;
};

at::TensorOptions optionsOf(const DeviceState& state, at::ScalarType type)
{
    return at::TensorOptions().dtype(type).device(at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(state.index)));
}
at::Tensor headsOf(const DeviceState& state, const Mat& mat, std::int64_t headSize)
{
    return at::from_blob(mat.data, {mat.rows, mat.cols / headSize, headSize}, optionsOf(state, at::kBFloat16));
}
at::Tensor startsOf(const DeviceState& state, const Mat& documents)
{
    return at::from_blob(documents.data, {documents.cols}, optionsOf(state, at::kInt));
}
/// Longest document as flash attention wants it: with 1 it would take the rows for a batch of single queries.
std::int64_t longest(std::int64_t maxDocument) { return std::max<std::int64_t>(2, maxDocument); }
std::optional<std::int64_t> windowLeft(std::int64_t window) { return window > 0 ? std::optional<std::int64_t>(window - 1) : std::nullopt; }
std::optional<std::int64_t> windowRight(std::int64_t window) { return window > 0 ? std::optional<std::int64_t>(0) : std::nullopt; }

/// Copies the rows that belong to documents and clears the others.
void take(const DeviceState& state, const Mat& to, const at::Tensor& from, const Mat& documents)
{
    LORIKEET_CHECK(static_cast<std::uint64_t>(from.numel()) * from.element_size() == to.bytes() && from.is_contiguous(), "flash attention gave another shape");
    checkCuda(cudaMemcpyAsync(to.data, from.const_data_ptr(), to.bytes(), cudaMemcpyDeviceToDevice, state.stream), "attention");
    launchZeroRowsBehind(state.stream, to, documents);
}

}  // namespace

bool flashTakes(const Mat& q, std::int64_t headSize) { return q.dtype == DType::BF16 && headSize % 8 == 0 && headSize <= 256; }

void prepareFlash()
{
    at::globalContext().lazyInitDevice(at::kCUDA);
    // The backward pass adds dq with atomics unless determinism is asked for; empty tensors need no filling for it.
    at::globalContext().setDeterministicAlgorithms(true, false);
    at::globalContext().setDeterministicFillUninitializedMemory(false);
}

void flashForward(Context& context, const AttentionForward& args)
{
    tensor::guardTorch([&] {
        const DeviceState& state = stateOf(context);
        const OnStream guard(state);
        const at::Tensor starts = startsOf(state, args.documents);
        const std::int64_t most = longest(args.maxDocument);
        const auto [out, lse, random, unused, mask] = at::_flash_attention_forward(
            headsOf(state, args.q, args.headSize), headsOf(state, args.k, args.headSize), headsOf(state, args.v, args.headSize), starts, starts, most, most,
            0.0, true, false, args.scale, windowLeft(args.window), windowRight(args.window));
        take(state, args.out, out, args.documents);
        if (!args.lse)
            return;
        const std::int64_t heads = args.q.cols / args.headSize;
        LORIKEET_CHECK(lse.dim() == 2 && lse.size(0) == heads && lse.size(1) == args.q.rows && lse.scalar_type() == at::kFloat && lse.is_contiguous(),
                       "flash attention's statistics have another shape");
        launchTranspose(state.stream, args.lse.reshaped(args.q.rows, heads), {lse.data_ptr(), DType::F32, heads, args.q.rows});
        launchZeroRowsBehind(state.stream, args.lse.reshaped(args.q.rows, heads), args.documents);
    });
}

void flashBackward(Context& context, const AttentionBackward& args)
{
    tensor::guardTorch([&] {
        const DeviceState& state = stateOf(context);
        const OnStream guard(state);
        const at::Tensor starts = startsOf(state, args.documents);
        const std::int64_t most = longest(args.maxDocument);
        const std::int64_t heads = args.q.cols / args.headSize;
        const at::Tensor lse = at::empty({heads, args.q.rows}, optionsOf(state, at::kFloat));
        launchTranspose(state.stream, {lse.data_ptr(), DType::F32, heads, args.q.rows}, args.lse.reshaped(args.q.rows, heads));
        const at::Tensor random = at::empty({2}, optionsOf(state, at::kUInt64));
        const auto [dq, dk, dv] = at::_flash_attention_backward(
            headsOf(state, args.dout, args.headSize), headsOf(state, args.q, args.headSize), headsOf(state, args.k, args.headSize),
            headsOf(state, args.v, args.headSize), headsOf(state, args.out, args.headSize), lse, starts, starts, most, most, 0.0, true, random,
            at::empty({0}, optionsOf(state, at::kUInt64)), args.scale, windowLeft(args.window), windowRight(args.window));
        take(state, args.dq, dq, args.documents);
        take(state, args.dk, dk, args.documents);
        take(state, args.dv, dv, args.documents);
        launchFillZero(state.stream, args.delta);
    });
}

}  // namespace lorikeet::kernels::cuda
