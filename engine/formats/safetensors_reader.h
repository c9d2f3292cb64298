// SPDX-License-Identifier: GPL-3.0-or-later
// One .safetensors file: the header with the validation rules of the reference library 0.8 (safetensors/src/tensor.rs), tensor data by
// offset. Layout: u64 header length N, N bytes of JSON, data.
#pragma once

#include "engine/base/files.h"
#include "engine/spec/dtype.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lorikeet::formats {

/// Element types in the library's ascending alignment order, by which its writer sorts.
enum class SafeType : std::uint8_t {
    Bool, F4, F6E2M3, F6E3M2, U8, I8, F8E5M2, F8E4M3, F8E8M0, F8E4M3Fnuz, F8E5M2Fnuz, I16, U16, F16, BF16, I32, U32, F32, C64, F64, I64, U64
};

/// "BF16", ...
[[nodiscard]] std::string_view nameOf(SafeType type) noexcept;
[[nodiscard]] std::uint32_t bitsOf(SafeType type) noexcept;
[[nodiscard]] std::optional<SafeType> safeTypeOf(std::string_view name) noexcept;
/// F32, F16, BF16, F64, I32, I64 and U8 have a DType.
[[nodiscard]] std::optional<DType> dtypeOf(SafeType type) noexcept;
[[nodiscard]] SafeType safeTypeOf(DType type) noexcept;

struct SafeTensor {
    SafeType type = SafeType::F32;
    std::vector<std::uint64_t> shape;  ///< outermost first; empty for a scalar; sizes may be 0
    std::uint64_t offset = 0;          ///< from the beginning of the file
    std::uint64_t bytes = 0;
};

/// An opened file; immutable, thread-safe.
class SafetensorsFile {
public:
    /// @throws Error{BadInput} naming file, tensor, expected and found.
    explicit SafetensorsFile(const std::filesystem::path& path);

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return m_file.path(); }
    [[nodiscard]] std::uint64_t fileBytes() const noexcept { return m_file.size(); }
    [[nodiscard]] const std::map<std::string, SafeTensor, std::less<>>& tensors() const noexcept { return m_tensors; }
    /// `__metadata__`; empty when absent.
    [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept { return m_metadata; }
    /// nullptr when there is none of that name.
    [[nodiscard]] const SafeTensor* find(std::string_view name) const noexcept;

    /// Fills `target` with the bytes of a tensor from byte `begin` on, counted from the tensor's start.
    /// @throws Error{BadInput} when the name is unknown, the range leaves the tensor or the file became shorter.
    void read(std::string_view name, std::uint64_t begin, std::span<std::byte> target) const;
    void read(const SafeTensor& tensor, std::uint64_t begin, std::span<std::byte> target) const;

private:
    InputFile m_file;
    std::map<std::string, SafeTensor, std::less<>> m_tensors;
    std::map<std::string, std::string> m_metadata;
};

/// What a header says, before offsets are made absolute: the part that sees hostile text.
struct SafetensorsHeader {
    std::map<std::string, SafeTensor, std::less<>> tensors;  ///< offsets count from the start of the data
    std::map<std::string, std::string> metadata;
};

/// Parses and checks the JSON text: valid UTF-8, no key twice, types and shapes known, sizes without overflow, data from 0 to
/// `dataBytes` covered without holes and overlaps. @throws Error{BadInput}
[[nodiscard]] SafetensorsHeader parseSafetensorsHeader(std::string_view text, std::uint64_t dataBytes, const std::string& where);

}  // namespace lorikeet::formats
