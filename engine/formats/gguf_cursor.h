// SPDX-License-Identifier: GPL-3.0-or-later
// Sequential, bounds-checked reading of the little-endian scalars and strings of a GGUF header through a small window.
#pragma once

#include "engine/base/files.h"

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace lorikeet::formats {

/// Every read is compared with the bytes that are left first; `what` names the thing in the message.
class GgufCursor {
public:
    explicit GgufCursor(const InputFile& file) : m_file(file) {}

    [[nodiscard]] std::uint64_t position() const noexcept { return m_position; }
    [[nodiscard]] std::uint64_t remaining() const noexcept { return m_file.size() - m_position; }
    [[nodiscard]] const InputFile& file() const noexcept { return m_file; }

    template <typename T>
    [[nodiscard]] T scalar(const char* what)
    {
        static_assert(std::is_arithmetic_v<T>);
        T value{};
        take(std::as_writable_bytes(std::span<T, 1>(&value, 1)), what);
        return value;
    }

    /// u64 length, then bytes; longer than `limit` or than what is left is refused before anything is allocated.
    [[nodiscard]] std::string text(std::uint64_t limit, const char* what);

    /// Refuses `count` elements of at least `bytesEach` when they cannot lie in the rest of the file.
    void requireCount(std::uint64_t count, std::uint64_t bytesEach, const char* what) const;

    [[noreturn]] void refuse(const std::string& what) const;

private:
    void take(std::span<std::byte> target, const char* what);
    void fillWindow();

    const InputFile& m_file;
    std::uint64_t m_position = 0;
    std::uint64_t m_windowStart = 0;
    std::vector<std::byte> m_window;
};

}  // namespace lorikeet::formats
