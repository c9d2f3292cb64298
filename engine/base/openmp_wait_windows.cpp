// SPDX-License-Identifier: GPL-3.0-or-later
// Here nothing runs before the libraries' own initialisation.
#include "engine/base/openmp_wait.h"

namespace lorikeet {

void keepOpenMpWaitShort() noexcept {}

}  // namespace lorikeet
