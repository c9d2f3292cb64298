// SPDX-License-Identifier: GPL-3.0-or-later
// How long an idle OpenMP thread spins before it sleeps. GCC's libgomp lets it spin for milliseconds; on a machine that has other work
// the idle thread then holds the core that the busy one of the same loop needs. So the programs ask for a short spin.
#pragma once

#include <string>

namespace lorikeet {

/// Spins before an idle thread sleeps; tests/bench/README.md says what others cost.
inline constexpr int kOpenMpSpinLimit = 1000;

/// To be called by the main of a program that shall wait shortly. The work is done earlier, by code that this call links into the
/// program: libgomp reads its settings when it is loaded, before main. A user's own GOMP_SPINCOUNT or OMP_WAIT_POLICY is left alone.
/// The environment is afterwards what it was, for children too. Does nothing where the C library is not glibc.
void keepOpenMpWaitShort() noexcept;

/// What is in force in this process.
struct OpenMpWait {
    enum class Source {
        Program,  ///< kOpenMpSpinLimit
        User,     ///< the variable in `setting`
        Library,  ///< neither: libgomp's own, long spin
    };
    Source source = Source::Library;
    std::string setting;  ///< "OMP_WAIT_POLICY=passive"
};
[[nodiscard]] OpenMpWait openMpWait();

namespace detail {
/// Set by the code before main once the C library has taken the setting over.
extern bool openMpSpinLimitTaken;
}  // namespace detail

}  // namespace lorikeet
