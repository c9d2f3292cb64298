// SPDX-License-Identifier: GPL-3.0-or-later
// A tokenizer.json small enough to reason about, as JSON that tests can damage.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace lorikeet::tokenizer::testing {

/// Characters a, b, c, U+2581 and bytes of the digit 1; merges "a b" -> ab, "ab c" -> abc.
inline nlohmann::json smallTokenizer()
{
    return nlohmann::json::parse(R"({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [{"id": 0, "content": "<unk>", "single_word": false, "lstrip": false, "rstrip": false,
                          "normalized": false, "special": true},
                         {"id": 8, "content": "<end>", "single_word": false, "lstrip": false, "rstrip": false,
                          "normalized": false, "special": true}],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
        "pre_tokenizer": null,
        "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": "<end>", "type_id": 0}}], "pair": [], "special_tokens": {}},
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                                                      {"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": true, "fuse_unk": true,
                  "vocab": {"<unk>": 0, "a": 1, "b": 2, "c": 3, "ab": 4, "abc": 5, "\u2581": 6, "<0x31>": 7},
                  "merges": ["a b", ["ab", "c"]]}
    })");
}

}  // namespace lorikeet::tokenizer::testing
