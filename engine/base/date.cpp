// SPDX-License-Identifier: GPL-3.0-or-later
#include "engine/base/date.h"

#include <cstdio>

namespace lorikeet {

std::string utcText(std::chrono::sys_seconds time)
{
    using namespace std::chrono;
    const auto day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss clock(time - day);
    char text[40];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    return text;
}

std::string utcNow() { return utcText(std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())); }

}  // namespace lorikeet
