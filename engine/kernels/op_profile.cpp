// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/kernels/op_profile.h"

#include "engine/base/check.h"

#include <chrono>
#include <utility>

namespace lorikeet::kernels {

namespace {

/// The profile that the timed entries of this thread belong to: a table entry is a plain function.
thread_local OpProfile* t_profile = nullptr;

template <typename Args>
using Entry = void (*OpTable::*)(Context&, const Args&);

/// The timed entry of one op; the name is a template argument's static.
template <auto Slot, const char* const& Name, typename Args>
void timedCall(Context& context, const Args& args)
{
    t_profile->record(Name, workOf(args), [&](const OpTable& plain) { (plain.*Slot)(context, args); });
}

template <auto Slot, const char* const& Name, typename Args>
void put(OpTable& table, Entry<Args>)
{
    table.*Slot = timedCall<Slot, Name, Args>;
}

#define LORIKEET_TIMED(slot)                                      \
    do {                                                          \
        static constexpr const char* kName = #slot;               \
        put<&OpTable::slot, kName>(table, &OpTable::slot);        \
    } while (false)

void timeProductsAndRows(OpTable& table)
{
    LORIKEET_TIMED(matmul);
    LORIKEET_TIMED(rmsNormForward);
    LORIKEET_TIMED(rmsNormBackward);
    LORIKEET_TIMED(rope);
    LORIKEET_TIMED(attentionForward);
    LORIKEET_TIMED(attentionBackward);
    LORIKEET_TIMED(attentionCached);
    LORIKEET_TIMED(swigluForward);
    LORIKEET_TIMED(swigluBackward);
    LORIKEET_TIMED(crossEntropy);
    LORIKEET_TIMED(embed);
    LORIKEET_TIMED(gatherRows);
    LORIKEET_TIMED(scatterRows);
    LORIKEET_TIMED(dropout);
    LORIKEET_TIMED(add);
    LORIKEET_TIMED(addBias);
    LORIKEET_TIMED(convert);
    LORIKEET_TIMED(fillZero);
}

void timeWeights(OpTable& table)
{
    LORIKEET_TIMED(adamW);
    LORIKEET_TIMED(adamW8bit);
    LORIKEET_TIMED(sgdMomentum);
    LORIKEET_TIMED(lion);
    LORIKEET_TIMED(dequantise);
    LORIKEET_TIMED(embedBackward);
    LORIKEET_TIMED(sumRows);
    LORIKEET_TIMED(rowNorms);
    LORIKEET_TIMED(scaleColumns);
    LORIKEET_TIMED(magnitudeGradient);
    table.sumOfSquares = [](Context& context, const Mat& x) {
        double sum = 0;
        t_profile->record("sumOfSquares", workOf(x), [&](const OpTable& plain) { sum = plain.sumOfSquares(context, x); });
        return sum;
    };
    table.upload = [](Context& context, const Mat& to, const void* from) {
        t_profile->record("upload", workOf(to), [&](const OpTable& plain) { plain.upload(context, to, from); });
    };
    table.download = [](Context& context, void* to, const Mat& from) {
        t_profile->record("download", workOf(from), [&](const OpTable& plain) { plain.download(context, to, from); });
    };
}

#undef LORIKEET_TIMED

}  // namespace

double profileSeconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

OpProfile::OpProfile(Context& context, std::function<std::int32_t()> point)
    : m_context(context), m_plain(context.ops), m_timed(*context.ops), m_point(std::move(point))
{
    LORIKEET_CHECK(t_profile == nullptr, "a thread has one profile at a time");
    timeProductsAndRows(m_timed);
    timeWeights(m_timed);
    t_profile = this;
    m_context.ops = &m_timed;
}

OpProfile::~OpProfile()
{
    m_context.ops = m_plain;
    t_profile = nullptr;
}

void OpProfile::record(const char* op, const OpWork& counts, const std::function<void(const OpTable&)>& work)
{
    // An op that calls another one is one op here.
    m_context.ops = m_plain;
    OpRecord made{op, m_point(), profileSeconds(), 0, counts};
    work(*m_plain);
    made.seconds = profileSeconds() - made.begin;
    m_context.ops = &m_timed;
    m_records.push_back(made);
}

}  // namespace lorikeet::kernels
