// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/check.h"

#include "engine/base/error.h"

#include <string_view>

namespace lorikeet {

void checkFailed(const char* condition, const char* file, int line, const std::string& detail)
{
    std::string_view path(file);
    if (const auto at = path.rfind("engine/"); at != std::string_view::npos)
        path.remove_prefix(at);
    throw Error(ErrorCode::Internal,
                detail + " [" + std::string(condition) + " at " + std::string(path) + ":" + std::to_string(line) + "]",
                "this is a bug in Lorikeet; please report it with this line");
}

}  // namespace lorikeet
