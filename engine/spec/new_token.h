// SPDX-License-Identifier: GPL-3.0-or-later
// A token that a job or an adapter adds to the tokenizer of a model.
#pragma once

#include <string>

namespace lorikeet {

/// Looked for in the text as it is written, inside words too.
struct NewToken {
    std::string content;
    bool special = false;  ///< a mark (transformers' add_special_tokens), else a word of the text (add_tokens)

    bool operator==(const NewToken&) const = default;
};

}  // namespace lorikeet
