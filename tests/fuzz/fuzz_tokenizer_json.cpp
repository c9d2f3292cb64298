// SPDX-License-Identifier: GPL-3.0-or-later
// tokenizer.json: any text as the file; what loads must encode and decode.
#include "engine/tokenizer/tokenizer.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static const lorikeet::fuzz::ScratchFolder folder;
    folder.write("tokenizer.json", lorikeet::fuzz::textOf(data, size));
    lorikeet::fuzz::answerOrRefuse([&] {
        const auto tokenizer = lorikeet::tokenizer::loadTokenizer(folder.path());
        const auto ids = tokenizer->encode("Héllo <s> wörld 12345\n\n  \xF0\x9F\xA6\x9C!", lorikeet::tokenizer::SpecialTokens::Parse);
        (void)tokenizer->decode(ids, false);
    });
    return 0;
}
