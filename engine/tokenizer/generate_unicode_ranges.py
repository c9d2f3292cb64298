# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes unicode_ranges.cpp: what the `tokenizers` package takes for numeric, for punctuation, and which characters its
regular expressions know that came after Unicode 14.

usage: generate_unicode_ranges.py > unicode_ranges.cpp     (Python 3.11, whose unicodedata is Unicode 14)
"""
import unicodedata

from tokenizers import Regex, pre_tokenizers

# A character of Unicode 14 with the same category and UTF-8 length stands in for a younger one.
STAND_INS = {
    3: {"Lu": 0x1E00, "Ll": 0x1E01, "Lm": 0x1D2C, "Lo": 0x0E01, "Mn": 0x0E31, "Mc": 0x0903, "Nd": 0x0966, "Nl": 0x2160, "No": 0x2460,
        "Po": 0x2020, "Sm": 0x2200, "Sc": 0x20A0, "So": 0x2300, "Sk": 0x309B},
    4: {"Lu": 0x10400, "Ll": 0x10428, "Lm": 0x16B40, "Lo": 0x10000, "Mn": 0x101FD, "Mc": 0x11002, "Nd": 0x1D7CE, "Nl": 0x10140,
        "No": 0x10107, "Po": 0x10100, "So": 0x10137, "Sm": 0x1D6C1, "Cf": 0x110BD, "Pd": 0x10EAD, "Sc": 0x1E2FF},
}


def code_points():
    return (c for c in range(0x80, 0x110000) if not 0xD800 <= c < 0xE000)


def ranges(keep):
    found = []
    for code in code_points():
        value = keep(code)
        if value:
            if found and found[-1][1] == code - 1 and found[-1][2] == value:
                found[-1][1] = code
            else:
                found.append([code, code, value])
    return found


def is_cut_out(splitter, code):
    return len(splitter.pre_tokenize_str("a" + chr(code) + "a")) == 3


def category_table():
    """(code, category) of what Unicode 14 does not have but the package's regular expressions do."""
    known = pre_tokenizers.Split(Regex(r"[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Cf}]"), "isolated")
    one = {name: pre_tokenizers.Split(Regex(r"\p{%s}" % name), "isolated")
           for name in ("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
                        "Sm", "Sc", "Sk", "So", "Cf")}
    han = pre_tokenizers.Split(Regex(r"\p{Han}"), "isolated")
    table = {}
    for code in code_points():
        text = "\ue000" + chr(code) + "\ue000"
        if unicodedata.category(chr(code)) == "Cn" and len(known.pre_tokenize_str(text)) == 3:
            name = next(n for n, s in one.items() if len(s.pre_tokenize_str(text)) == 3)
            stand_in = STAND_INS[len(chr(code).encode())][name]
            if len(han.pre_tokenize_str(text)) == 3:
                stand_in = {"Lo": 0x20000, "So": 0x2E80}[name]
                assert len(chr(stand_in).encode()) == len(chr(code).encode())
            table[code] = stand_in
    return table


def write(name, kind, rows):
    print(f"constexpr {kind} {name}[] = {{")
    for start in range(0, len(rows), 5):
        print("    " + " ".join("{" + ", ".join(f"0x{v:X}" for v in row) + "}," for row in rows[start:start + 5]))
    print("};\n")


def main():
    digits = pre_tokenizers.Digits(individual_digits=True)
    punctuation = pre_tokenizers.Punctuation("isolated")
    young = category_table()
    print("// SPDX-License-Identifier: GPL-3.0-or-later")
    print("// Written by generate_unicode_ranges.py from the `tokenizers` package; not edited by hand.")
    print('#include "engine/tokenizer/unicode_ranges.h"\n\nnamespace lorikeet::tokenizer {\nnamespace {\n')
    write("kNumeric", "CodeRange", [r[:2] for r in ranges(lambda c: is_cut_out(digits, c))])
    write("kPunctuation", "CodeRange", [r[:2] for r in ranges(lambda c: is_cut_out(punctuation, c))])
    write("kYoung", "StandIn", ranges(young.get))
    print("}  // namespace\n")
    print("std::span<const CodeRange> numericRanges() noexcept { return kNumeric; }")
    print("std::span<const CodeRange> punctuationRanges() noexcept { return kPunctuation; }")
    print("std::span<const StandIn> youngCharacters() noexcept { return kYoung; }\n")
    print("}  // namespace lorikeet::tokenizer")


if __name__ == "__main__":
    main()
