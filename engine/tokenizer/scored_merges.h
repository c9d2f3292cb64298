// SPDX-License-Identifier: GPL-3.0-or-later
// SentencePiece's scores as merges: two neighbours merge when their texts joined are a piece, the best score first.
#pragma once

#include "engine/tokenizer/merge_table.h"
#include "engine/tokenizer/tokenizer_spec.h"
#include "engine/tokenizer/vocabulary.h"

namespace lorikeet::tokenizer {

struct ScoredMerges {
    MergeTable merges;
    /// Characters that are no pieces of their own but parts of some: the ids of these are behind those of the pieces
    /// (number of pieces + id here) and stand for unknown characters once merging is done.
    Vocabulary placeholders;
    /// U+2581 is a piece and only ever begins one, so words can be encoded one by one.
    bool cutsAtBlanks = false;
};

/// Pieces with equal scores get equal ranks, so the leftmost goes first among them, as in SentencePiece.
[[nodiscard]] ScoredMerges scoredMerges(const ScoredPieceSpec& spec);

/// True when U+2581 stands behind another character somewhere in the text.
[[nodiscard]] bool crossesBlank(std::string_view text) noexcept;

}  // namespace lorikeet::tokenizer
