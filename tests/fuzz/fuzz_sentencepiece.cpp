// SPDX-License-Identifier: GPL-3.0-or-later
// tokenizer.model: any bytes as a SentencePiece model; what loads must encode and decode.
#include "engine/tokenizer/tokenizer.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const lorikeet::fuzz::ScratchFolder folder;
    folder.write("tokenizer.model", lorikeet::fuzz::textOf(data, size));
    lorikeet::fuzz::answerOrRefuse([&] {
        const auto tokenizer = lorikeet::tokenizer::loadTokenizer(folder.path());
        const auto ids = tokenizer->encode("Hello wörld 123", lorikeet::tokenizer::SpecialTokens::Parse);
        (void)tokenizer->decode(ids, false);
    });
    return 0;
}
