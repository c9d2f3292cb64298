// SPDX-License-Identifier: GPL-3.0-or-later
// Copies on a stream of their own. Events order the two streams; the host waits for neither.
#include "engine/kernels/copy_lane.h"
#include "engine/kernels/cuda/state_cuda.h"

#include <array>
#include <vector>

namespace lorikeet::kernels::cuda {

namespace {

// Marks that can be told apart. Waiting for an older one waits for its successor in the ring, which is later and so still right.
constexpr std::uint64_t kMarks = 64;

class CudaCopyLane final : public CopyLane {
public:
    explicit CudaCopyLane(Context& context) : m_state(stateOf(context))
    {
        checkCuda(cudaStreamCreateWithFlags(&m_stream, cudaStreamNonBlocking), "opening a stream for copies");
        checkCuda(cudaEventCreateWithFlags(&m_computed, cudaEventDisableTiming), "opening a stream for copies");
        for (cudaEvent_t& mark : m_marks)
            checkCuda(cudaEventCreateWithFlags(&mark, cudaEventDisableTiming), "opening a stream for copies");
    }
    ~CudaCopyLane() override
    {
        // A context that is dead already answers with errors; there is nothing left to do about them.
        cudaSetDevice(m_state.index);
        cudaStreamSynchronize(m_stream);
        for (void* memory : m_pinned)
            cudaHostUnregister(memory);
        for (const cudaEvent_t mark : m_marks)
            cudaEventDestroy(mark);
        cudaEventDestroy(m_computed);
        cudaStreamDestroy(m_stream);
    }
    CudaCopyLane(const CudaCopyLane&) = delete;
    CudaCopyLane& operator=(const CudaCopyLane&) = delete;

    void follow() override
    {
        checkCuda(cudaEventRecord(m_computed, m_state.stream), "ordering copies");
        checkCuda(cudaStreamWaitEvent(m_stream, m_computed, 0), "ordering copies");
    }
    void toHost(void* to, const Mat& from) override
    {
        checkCuda(cudaMemcpyAsync(to, from.data, from.bytes(), cudaMemcpyDeviceToHost, m_stream), "copy from the GPU");
    }
    void toDevice(const Mat& to, const void* from) override
    {
        checkCuda(cudaMemcpyAsync(to.data, from, to.bytes(), cudaMemcpyHostToDevice, m_stream), "copy to the GPU");
    }
    [[nodiscard]] Ticket mark() override
    {
        ++m_last;
        checkCuda(cudaEventRecord(m_marks[m_last % kMarks], m_stream), "ordering copies");
        return m_last;
    }
    void waitFor(Ticket ticket) override
    {
        if (ticket > 0)
            checkCuda(cudaStreamWaitEvent(m_state.stream, m_marks[ticket % kMarks], 0), "ordering copies");
    }
    void pin(void* memory, std::uint64_t bytes) override
    {
        if (cudaHostRegister(memory, bytes, cudaHostRegisterDefault) == cudaSuccess)
            m_pinned.push_back(memory);
        else
            cudaGetLastError();  // more than may be locked: copies from pageable memory are right, only slower
    }

private:
    DeviceState& m_state;
    cudaStream_t m_stream = nullptr;
    cudaEvent_t m_computed = nullptr;
    std::array<cudaEvent_t, kMarks> m_marks{};
    Ticket m_last = 0;
    std::vector<void*> m_pinned;
};

}  // namespace

CopyLane* makeCudaCopyLane(Context& context) { return std::make_unique<CudaCopyLane>(context).release(); }

}  // namespace lorikeet::kernels::cuda
