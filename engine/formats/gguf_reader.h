// SPDX-License-Identifier: GPL-3.0-or-later
// GGUF version 2 and 3: metadata and tensor directory of a file, read with the limits of llama.cpp's loader and stricter ones; no
// declared length is believed before it was compared with the bytes that are left (ggml docs/gguf.md).
#pragma once

#include "engine/base/files.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace lorikeet::formats {

/// Storage type of a tensor: its ggml number, name, and block layout.
struct GgufTypeInfo {
    std::uint32_t id = 0;
    const char* name = "?";
    std::uint32_t blockElements = 1;  ///< elements of one block; the innermost dimension is a multiple of it
    std::uint32_t blockBytes = 1;
};
/// nullptr for a number that no released ggml knows.
[[nodiscard]] const GgufTypeInfo* ggufTypeInfo(std::uint32_t id) noexcept;

/// A metadata value. Integers and floats are widened; an array keeps one kind of element. Nested arrays do not occur (refused).
using GgufValue = std::variant<bool, std::uint64_t, std::int64_t, double, std::string, std::vector<std::uint8_t>,
                               std::vector<std::uint64_t>, std::vector<std::int64_t>, std::vector<double>, std::vector<std::string>>;

struct GgufTensor {
    std::string name;
    const GgufTypeInfo* type = nullptr;
    std::vector<std::int64_t> shape;  ///< outermost first (the file lists innermost first)
    std::uint64_t offset = 0;         ///< from the beginning of the file
    std::uint64_t bytes = 0;
};

/// What to do about metadata or tensors that cannot be right.
inline constexpr const char* kConvertAgain = "the file is damaged or was converted wrongly: fetch it again, or convert the model's folder to GGUF anew";

/// An opened file; immutable, thread-safe.
class GgufFile {
public:
    /// Reads and checks everything but the tensor data. @throws Error{BadInput} naming the file, the key or tensor, expected and
    /// found.
    explicit GgufFile(const std::filesystem::path& path);

    [[nodiscard]] const InputFile& file() const noexcept { return m_file; }
    [[nodiscard]] std::uint32_t version() const noexcept { return m_version; }
    [[nodiscard]] const std::map<std::string, GgufValue, std::less<>>& metadata() const noexcept { return m_metadata; }
    /// In the order of the file.
    [[nodiscard]] const std::vector<GgufTensor>& tensors() const noexcept { return m_tensors; }
    /// nullptr when there is none of that name.
    [[nodiscard]] const GgufTensor* find(std::string_view tensorName) const noexcept;
    [[nodiscard]] const GgufValue* value(std::string_view key) const noexcept;

    // Typed access: nothing when the key is absent. @throws Error{BadInput} when it has another type or does not fit.
    [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key) const;
    [[nodiscard]] std::optional<double> number(std::string_view key) const;
    [[nodiscard]] std::optional<bool> boolean(std::string_view key) const;
    [[nodiscard]] std::optional<std::string> text(std::string_view key) const;
    /// @throws Error{BadInput} also when the key is absent.
    [[nodiscard]] std::int64_t requiredInteger(std::string_view key) const;

    /// Error{BadInput} that begins with the file's name.
    [[noreturn]] void refuse(const std::string& what, const std::string& hint = kConvertAgain) const;

private:
    void readMetadata(class GgufCursor& cursor, std::uint64_t count);
    void readDirectory(GgufCursor& cursor, std::uint64_t count);
    void placeTensors(std::uint64_t dataStart, std::uint64_t alignment);
    [[nodiscard]] std::uint64_t alignment() const;

    InputFile m_file;
    std::uint32_t m_version = 0;
    std::map<std::string, GgufValue, std::less<>> m_metadata;
    std::vector<GgufTensor> m_tensors;
    std::map<std::string, std::size_t, std::less<>> m_byName;
};

}  // namespace lorikeet::formats
