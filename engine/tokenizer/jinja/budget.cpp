// SPDX-License-Identifier: GPL-3.0-or-later
// The budget of the rendering on this thread.
#include "engine/tokenizer/jinja/budget.h"

#include "engine/tokenizer/jinja/failure.h"

namespace lorikeet::jinja {
namespace {

thread_local WorkBudget* t_current = nullptr;

}  // namespace

WorkBudget::WorkBudget(std::uint64_t steps) : m_steps(steps), m_outer(t_current)
{
    t_current = this;
}

WorkBudget::~WorkBudget()
{
    t_current = m_outer;
}

void WorkBudget::charge(std::uint64_t steps)
{
    if (steps > m_steps) {
        m_steps = 0;
        throw Failure("the template does too much work; rendering was stopped");
    }
    m_steps -= steps;
}

void spend(std::uint64_t steps)
{
    if (t_current != nullptr)
        t_current->charge(steps);
}

}  // namespace lorikeet::jinja
