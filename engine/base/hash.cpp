// SPDX-License-Identifier: GPL-3.0-or-later
// SHA-256 by the system's cryptographic library: libcrypto (EVP) on POSIX, CNG (BCrypt) on Windows.
#include "engine/base/hash.h"

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/progress.h"

#include <array>
#include <vector>

#ifdef _WIN32
#include <windows.h>

#include <bcrypt.h>
#else
#include <openssl/evp.h>
#endif

namespace lorikeet {

namespace {

constexpr std::size_t kDigestBytes = 32;
using Digest = std::array<unsigned char, kDigestBytes>;

std::string hexOf(const Digest& digest)
{
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * kDigestBytes);
    for (const unsigned char byte : digest) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

}  // namespace

#ifdef _WIN32

struct Sha256::State {
    BCRYPT_ALG_HANDLE algorithm = nullptr;
    BCRYPT_HASH_HANDLE hash = nullptr;
    bool finished = false;

    State()
    {
        check(BCryptOpenAlgorithmProvider(&algorithm, BCRYPT_SHA256_ALGORITHM, nullptr, 0));
        check(BCryptCreateHash(algorithm, &hash, nullptr, 0, nullptr, 0, 0));
    }
    ~State()
    {
        if (hash != nullptr)
            BCryptDestroyHash(hash);
        if (algorithm != nullptr)
            BCryptCloseAlgorithmProvider(algorithm, 0);
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    static void check(NTSTATUS status) { LORIKEET_CHECK(status >= 0, "SHA-256 of the system failed"); }
    void update(const void* data, std::size_t size)
    {
        auto* next = static_cast<const unsigned char*>(data);
        while (size > 0) {  // the interface counts in 32 bits
            const auto part = static_cast<ULONG>(size < (1U << 30) ? size : (1U << 30));
            check(BCryptHashData(hash, const_cast<PUCHAR>(next), part, 0));
            next += part;
            size -= part;
        }
    }
    Digest finish()
    {
        Digest digest{};
        check(BCryptFinishHash(hash, digest.data(), static_cast<ULONG>(digest.size()), 0));
        return digest;
    }
};

#else

struct Sha256::State {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    bool finished = false;

    State()
    {
        LORIKEET_CHECK(context != nullptr && EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1, "SHA-256 of libcrypto failed");
    }
    ~State() { EVP_MD_CTX_free(context); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void update(const void* data, std::size_t size)
    {
        LORIKEET_CHECK(EVP_DigestUpdate(context, data, size) == 1, "SHA-256 of libcrypto failed");
    }
    Digest finish()
    {
        Digest digest{};
        LORIKEET_CHECK(EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1, "SHA-256 of libcrypto failed");
        return digest;
    }
};

#endif

Sha256::Sha256() : m_state(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::span<const std::byte> bytes)
{
    LORIKEET_CHECK(m_state != nullptr && !m_state->finished, "a finished hash was updated");
    if (!bytes.empty())
        m_state->update(bytes.data(), bytes.size());
}

void Sha256::update(std::string_view text)
{
    update(std::as_bytes(std::span(text.data(), text.size())));
}

std::string Sha256::finish()
{
    LORIKEET_CHECK(m_state != nullptr && !m_state->finished, "a hash was finished twice");
    m_state->finished = true;
    return hexOf(m_state->finish());
}

std::string sha256(std::string_view text)
{
    Sha256 hash;
    hash.update(text);
    return hash.finish();
}

std::string sha256OfFile(const std::filesystem::path& path, const std::stop_token& stop)
{
    constexpr std::uint64_t kBlock = 1 << 20;
    const InputFile file(path);
    std::vector<std::byte> block(static_cast<std::size_t>(std::min(kBlock, file.size())));
    Sha256 hash;
    for (std::uint64_t offset = 0; offset < file.size(); offset += kBlock) {
        throwIfStopped(stop);
        const auto part = std::span(block).first(static_cast<std::size_t>(std::min(kBlock, file.size() - offset)));
        file.readExact(offset, part);
        hash.update(part);
    }
    return hash.finish();
}

}  // namespace lorikeet
