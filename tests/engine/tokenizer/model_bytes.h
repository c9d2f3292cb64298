// SPDX-License-Identifier: GPL-3.0-or-later
// A SentencePiece model file built byte by byte (protobuf's wire format), so that tests need no trained model.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace lorikeet::tokenizer::testing {

inline std::string varint(std::uint64_t value)
{
    std::string bytes;
    for (; value >= 0x80; value >>= 7U) {
        bytes.push_back(static_cast<char>(static_cast<unsigned char>((value & 0x7FU) | 0x80U)));
    }
    bytes.push_back(static_cast<char>(static_cast<unsigned char>(value)));
    return bytes;
}

inline std::string numberField(std::uint64_t field, std::uint64_t value)
{
    return varint(field << 3U) + varint(value);
}

inline std::string bytesField(std::uint64_t field, std::string_view bytes)
{
    return varint(field << 3U | 2U) + varint(bytes.size()) + std::string(bytes);
}

/// SentencePiece { piece = 1, score = 2, type = 3 } as ModelProto.pieces = 1.
inline std::string pieceField(std::string_view text, float score, int type)
{
    char scoreBytes[4];
    std::memcpy(scoreBytes, &score, 4);
    return bytesField(1, bytesField(1, text) + varint(2U << 3U | 5U) + std::string(scoreBytes, 4)
                             + numberField(3, static_cast<std::uint64_t>(type)));
}

/// BPE over a, b and the blank: ab (-1) is better than blank a (-2).
inline std::string smallModel()
{
    std::string model = pieceField("<unk>", 0, 2) + pieceField("<s>", 0, 3) + pieceField("</s>", 0, 3) + pieceField("\u2581", -3, 1)
        + pieceField("a", -4, 1) + pieceField("b", -5, 1) + pieceField("ab", -1, 1) + pieceField("\u2581a", -2, 1);
    model += bytesField(2, numberField(3, 2));                                             // trainer_spec { model_type: BPE }
    model += bytesField(3, bytesField(1, "identity") + numberField(4, 0));                 // normalizer_spec { keep blanks }
    return model;
}

}  // namespace lorikeet::tokenizer::testing
