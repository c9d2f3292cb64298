// SPDX-License-Identifier: GPL-3.0-or-later
// The one place where a stop request becomes an Error.
#include "engine/base/progress.h"

#include "engine/base/error.h"

namespace lorikeet {

void throwIfStopped(const std::stop_token& stop)
{
    if (stop.stop_requested())
        throw Error(ErrorCode::Cancelled, "stopped on request", {});
}

}  // namespace lorikeet
