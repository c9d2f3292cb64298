// SPDX-License-Identifier: GPL-3.0-or-later
// How much work one rendering may still do. Whatever loops over template-controlled data spends from the budget of the
// rendering that runs on this thread, so that no operation, however deep, can run for free.
#pragma once

#include <cstdint>

namespace lorikeet::jinja {

/// One step is about one node of the tree, or 16 bytes copied: some 25 ns.
class WorkBudget {
public:
    /// Becomes the budget of this thread until it is destroyed.
    explicit WorkBudget(std::uint64_t steps);
    ~WorkBudget();
    WorkBudget(const WorkBudget&) = delete;
    WorkBudget& operator=(const WorkBudget&) = delete;

    /// @throws Failure when the budget is spent.
    void charge(std::uint64_t steps);

private:
    std::uint64_t m_steps;
    WorkBudget* m_outer;
};

/// Charges the budget of this thread; free where nothing is being rendered.
void spend(std::uint64_t steps);
/// For bytes that are only copied or compared.
inline void spendBytes(std::uint64_t bytes) { spend(bytes / 16); }
/// For bytes that are looked at one character at a time.
inline void spendCharacters(std::uint64_t bytes) { spend(bytes / 8); }
/// For characters that are mapped or escaped one by one.
inline void spendMapping(std::uint64_t bytes) { spend(bytes / 2); }

}  // namespace lorikeet::jinja
