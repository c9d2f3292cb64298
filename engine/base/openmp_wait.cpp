// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/openmp_wait.h"

#include <cstdlib>

namespace lorikeet {

namespace detail {
constinit bool openMpSpinLimitTaken = false;
}

OpenMpWait openMpWait()
{
    if (detail::openMpSpinLimitTaken)
        return {OpenMpWait::Source::Program, "GOMP_SPINCOUNT=" + std::to_string(kOpenMpSpinLimit)};
    for (const char* name : {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"})
        if (const char* value = std::getenv(name); value != nullptr)
            return {OpenMpWait::Source::User, std::string(name) + "=" + value};
    return {};
}

}  // namespace lorikeet
