// SPDX-License-Identifier: GPL-3.0-or-later
// A reader of protobuf's wire format, just deep enough.
#include "engine/tokenizer/sentencepiece_model_file.h"

#include "engine/base/error.h"

#include <cstdint>

namespace lorikeet::tokenizer {
namespace {

// sentencepiece_model.proto: ModelProto.{trainer_spec = 2, normalizer_spec = 3, denormalizer_spec = 5}.
constexpr std::uint64_t kTrainerSpec = 2, kNormalizerSpec = 3, kDenormalizerSpec = 5;
constexpr std::uint64_t kUnkSurface = 44;                                                            // in TrainerSpec
constexpr std::uint64_t kCharsMap = 2, kAddDummyPrefix = 3, kRemoveExtraWhitespaces = 4;             // in NormalizerSpec

/// One field of a message: its number, and its varint or its bytes.
struct WireField {
    std::uint64_t number = 0;
    std::uint64_t varint = 0;
    std::string_view bytes;
};

class WireReader {
public:
    WireReader(std::string_view bytes, const std::string& source) : m_bytes(bytes), m_source(source) {}
    std::optional<WireField> next()
    {
        if (m_bytes.empty()) {
            return std::nullopt;
        }
        const std::uint64_t tag = varint();
        WireField field;
        field.number = tag >> 3U;
        switch (tag & 7U) {
        case 0:
            field.varint = varint();
            break;
        case 1:
            field.bytes = take(8);
            break;
        case 2:
            field.bytes = take(varint());
            break;
        case 5:
            field.bytes = take(4);
            break;
        default:
            refuse();
        }
        return field;
    }

private:
    [[noreturn]] void refuse() const
    {
        throw Error{ErrorCode::BadInput, m_source + ": not a SentencePiece model (broken protobuf)",
                    "the file is damaged, or a pointer of a large-file store; fetch it again"};
    }
    std::uint64_t varint()
    {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const auto byte = static_cast<unsigned char>(take(1).front());
            value |= std::uint64_t{byte & 0x7FU} << shift;
            if (byte < 0x80) {
                return value;
            }
        }
        refuse();
    }
    std::string_view take(std::uint64_t count)
    {
        if (count > m_bytes.size()) {
            refuse();
        }
        const std::string_view taken = m_bytes.substr(0, count);
        m_bytes.remove_prefix(count);
        return taken;
    }
    std::string_view m_bytes;
    const std::string& m_source;
};

}  // namespace

SentencePieceFlags readSentencePieceFlags(std::string_view bytes, const std::string& source)
{
    SentencePieceFlags flags;
    WireReader model(bytes, source);
    while (const auto part = model.next()) {
        if (part->number != kTrainerSpec && part->number != kNormalizerSpec && part->number != kDenormalizerSpec) {
            continue;
        }
        WireReader spec(part->bytes, source);
        while (const auto field = spec.next()) {
            if (part->number == kTrainerSpec && field->number == kUnkSurface) {
                flags.unkSurface = field->bytes;
            } else if (part->number == kNormalizerSpec && field->number == kAddDummyPrefix) {
                flags.addDummyPrefix = field->varint != 0;
            } else if (part->number == kNormalizerSpec && field->number == kRemoveExtraWhitespaces) {
                flags.removeExtraWhitespaces = field->varint != 0;
            } else if (part->number == kDenormalizerSpec && field->number == kCharsMap && !field->bytes.empty()) {
                flags.hasDenormalizer = true;
            }
        }
    }
    return flags;
}

std::string withoutDummyPrefix(std::string_view bytes)
{
    // A message that appears twice is merged, the later fields win: normalizer_spec { add_dummy_prefix: false }.
    constexpr char kOverride[] = {0x1A, 0x02, 0x18, 0x00};
    return std::string(bytes).append(kOverride, sizeof kOverride);
}

}  // namespace lorikeet::tokenizer
