// SPDX-License-Identifier: GPL-3.0-or-later
// What the fuzzers share: the input as a file in a scratch folder, and the one allowed answer to nonsense, a lorikeet::Error that does not
// speak of a broken promise of our own. Anything else that escapes ends the fuzzer, which is its way to report.
#pragma once

#include "engine/base/error.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

namespace lorikeet::fuzz {

inline std::string_view textOf(const std::uint8_t* data, std::size_t size)
{
    return {reinterpret_cast<const char*>(data), size};
}

/// A folder of this process, empty at the start and removed at the end.
class ScratchFolder {
public:
    ScratchFolder()
    {
        std::string pattern = (std::filesystem::temp_directory_path() / "lorikeet-fuzz-").string();
        m_path = pattern + std::to_string(reinterpret_cast<std::uintptr_t>(this));
        std::filesystem::remove_all(m_path);
        std::filesystem::create_directories(m_path);
    }
    ~ScratchFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(m_path, ignored);
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;

    /// Writes `content` as the file `name` and gives its path.
    std::filesystem::path write(const std::string& name, std::string_view content) const
    {
        std::ofstream file(m_path / name, std::ios::binary | std::ios::trunc);
        file.write(content.data(), static_cast<std::streamsize>(content.size()));
        return m_path / name;
    }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return m_path; }

private:
    std::filesystem::path m_path;
};

/// Runs `body`; an Error that is not Internal and says what to do next is a fine answer.
template <typename Body>
void answerOrRefuse(Body&& body)
{
    try {
        std::forward<Body>(body)();
    } catch (const Error& error) {
        if (error.code() == ErrorCode::Internal || error.message().empty() || error.hint().empty()) {
            std::abort();
        }
    }
}

}  // namespace lorikeet::fuzz
