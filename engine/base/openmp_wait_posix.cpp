// SPDX-License-Identifier: GPL-3.0-or-later
// Lends libgomp an environment variable while it is loaded. A program's .preinit_array runs before the constructors of its libraries,
// but also before glibc has adopted the environment, so setenv is lost there, and the array on the stack has no room for one entry more.
// What works is to put ours in the place of one that no library reads while it is loaded, and to put that one back before main.
// (Starting the program anew with the variable set would map and relocate LibTorch twice, and lose debuggers that do not follow exec.)
#include "engine/base/openmp_wait.h"

#ifdef __GLIBC__

#include <array>
#include <charconv>
#include <string_view>

#include <unistd.h>

namespace lorikeet {

namespace {

constexpr std::string_view kName = "GOMP_SPINCOUNT=";
// Of shells and sessions; each environment of a shell, a desktop, cron, ssh or systemd has some of them.
constexpr std::array<std::string_view, 7> kLenders{"_=", "OLDPWD=", "SHLVL=", "LOGNAME=", "USER=", "PWD=", "INVOCATION_ID="};

constinit std::array<char, 32> ours{};
constinit char* lent = nullptr;

/// Runs before any library is initialised, those of the sanitizers too.
__attribute__((no_sanitize("address", "thread", "undefined"))) void lend(int, char**, char** environment)
{
    char** lender = nullptr;
    for (char** entry = environment; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        if (text.starts_with(kName) || text.starts_with("OMP_WAIT_POLICY="))
            return;
        for (const std::string_view name : kLenders)
            if (lender == nullptr && text.starts_with(name))
                lender = entry;
    }
    if (lender == nullptr)
        return;
    kName.copy(ours.data(), kName.size());
    std::to_chars(ours.data() + kName.size(), ours.data() + ours.size() - 1, kOpenMpSpinLimit);
    lent = *lender;
    *lender = ours.data();
}

/// By pointer and in `environ`: a preloaded library may have copied the array meanwhile.
__attribute__((constructor)) void giveBack()
{
    for (char** entry = environ; lent != nullptr && entry != nullptr && *entry != nullptr; ++entry)
        if (*entry == ours.data()) {
            *entry = lent;
            detail::openMpSpinLimitTaken = true;
        }
}

__attribute__((section(".preinit_array"), used)) void (*const lendBeforeLibraries)(int, char**, char**) = lend;

}  // namespace

void keepOpenMpWaitShort() noexcept {}

}  // namespace lorikeet

#else

namespace lorikeet {
void keepOpenMpWaitShort() noexcept {}
}  // namespace lorikeet

#endif
