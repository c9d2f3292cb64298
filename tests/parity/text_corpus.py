# SPDX-License-Identifier: GPL-3.0-or-later
"""A deterministic corpus of strings that are hard for tokenizers: scripts, emoji, marks, blanks, code, broken habits."""
import random

SCRIPTS = [
    (0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x24F), (0x370, 0x3FF), (0x400, 0x4FF), (0x530, 0x58F), (0x5D0, 0x5EA),
    (0x621, 0x64A), (0x905, 0x939), (0x93E, 0x94D), (0x985, 0x9CC), (0xE01, 0xE3A), (0x10A0, 0x10FF), (0x1100, 0x11FF),
    (0x1E00, 0x1EFF), (0x1F00, 0x1FFE), (0x2C00, 0x2C5F), (0x3041, 0x3096), (0x30A1, 0x30FA), (0x4E00, 0x4EFF),
    (0xAC00, 0xACFF), (0xF900, 0xF9FF), (0xFF01, 0xFF5E), (0x10400, 0x1044F), (0x1D400, 0x1D4FF), (0x20000, 0x200FF),
]
MARKS = [0x300, 0x301, 0x302, 0x303, 0x304, 0x307, 0x308, 0x30A, 0x323, 0x327, 0x328, 0x345, 0x5B0, 0x5BC, 0x64B, 0x651,
         0x93C, 0x94D, 0x9BE, 0x9D7, 0xB3E, 0xE38, 0x1DC4, 0x20DD, 0x3099, 0x309A, 0xFE0F, 0x1161, 0x11A8]
BLANKS = [" ", "  ", "    ", "\t", "\n", "\r\n", "\n\n", "\r", "\u00a0", "\u2002", "\u2028", "\u2029", "\u202f", "\u3000",
          "\u0085", "\u200b", "\u000b", "\u000c", "\ufeff", "\u1680", "\u2060"]
EMOJI = ["\U0001F600", "\U0001F468\u200d\U0001F469\u200d\U0001F467\u200d\U0001F466", "\u2764\ufe0f", "\U0001F1E9\U0001F1EA",
         "\U0001F44D\U0001F3FD", "\u0031\ufe0f\u20e3", "\U0001F3F4\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F"]
WORDS = ["the", "The", "I'm", "we'LL", "don't", "DON'T", "hello", "World", "naïve", "café", "cafe\u0301", "straße", "İstanbul",
         "ﬁn", "①②", "Ⅷ", "x²", "½", "٣٤٥", "१२३", "１２３", "привет", "Ελληνικά", "שָׁלוֹם", "مرحبا", "नमस्ते", "ภาษาไทย",
         "中文字符", "日本語テスト", "ｶﾞ", "한국어", "각", "ﷺ", "Å", "Å", "ﬀ", "ǆ", "𝔘𝔫𝔦", "𐐷𐐲", "can't've", "o'clock"]
CODE = ["def f(x):\n    return x**2 + 1\n", "for (int i = 0; i < 10; ++i) {\n\t\tfoo[i] += 0x1F;\n}", "SELECT * FROM t WHERE a='b';",
        "{\"key\": [1, 2.5e-3, null]}", "#include <vector>\r\n", "a->b::c<d>()", "https://example.org/?q=a%20b&x=1#y",
        "\\begin{align} \\alpha^2 \\end{align}", "```python\nprint('hi')\n```", "$100,000.00", "x==y!=z<=w>=v&&u||t", "_snake_case camelCase",
        "100%", "3.14159265358979", "1234567890123456", "12,345", "2024-01-31T23:59:59Z", "+49 (0)30 1234-567", "a1b2c3", "!!!???...---"]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>", "</s>", "<unk>", "<tool_call>", "</tool_call>", "[WORD]",
            "<lstrip>", "<rstrip>", "▁", "▁▁", "<0x0A>", "<0xE4>", "Ġ", "<|im_start", "|im_end|>", "Norm Á", "norm"]


def piece(rng):
    kind = rng.randrange(12)
    if kind == 0:
        low, high = rng.choice(SCRIPTS)
        return "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 8)))
    if kind == 1:
        low, high = rng.choice(SCRIPTS)
        return "".join(chr(rng.randint(low, high)) + "".join(chr(rng.choice(MARKS)) for _ in range(rng.randint(0, 3)))
                       for _ in range(rng.randint(1, 4)))
    if kind == 2:
        return rng.choice(BLANKS) * rng.randint(1, 4)
    if kind == 3:
        return rng.choice(EMOJI)
    if kind in (4, 5, 6):
        return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 5)))
    if kind == 7:
        return rng.choice(CODE)
    if kind == 8:
        return rng.choice(SPECIALS)
    if kind == 9:
        return "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 12)))
    if kind == 10:
        return chr(rng.choice([rng.randint(1, 0x1F), rng.randint(0x7F, 0x9F), rng.randint(0x2000, 0x206F), 0xFFFD, 0xFFFF,
                               rng.randint(0xE000, 0xE0FF), rng.randint(0x10000, 0x10FFFF), 0x0]))
    return rng.choice(["", " "]).join(chr(rng.choice([rng.randint(0x20, 0x7E), rng.randint(0x20, 0x2FF)]))
                                      for _ in range(rng.randint(1, 12)))


def corpus(count=2600, seed=20240817):
    rng = random.Random(seed)
    texts = ["", " ", "  ", "\n", "a", " a", "a ", "\u2581a", "é", "e\u0301", "\x00", "a\x00b"]
    texts += WORDS + CODE + SPECIALS + EMOJI + BLANKS
    texts += [" ".join(WORDS), "".join(WORDS), "\n".join(CODE), "x" * 300, " " * 300, "\n" * 200, "ab" * 200, "é" * 150,
              "\u0301" * 40, "\U0001F600" * 60, "中" * 120, "0" * 100, "a\u0323\u0307" * 30]
    while len(texts) < count:
        joiner = rng.choice(["", "", " "])
        texts.append(joiner.join(piece(rng) for _ in range(rng.randint(1, 6))))
    # Surrogates cannot be written as UTF-8.
    return [t for t in texts if not any(0xD800 <= ord(c) <= 0xDFFF for c in t)]


def training_lines(seed=7):
    rng = random.Random(seed)
    lines = []
    for _ in range(1500):
        lines.append(" ".join(rng.choice(WORDS + ["token", "training", "model", "layer", "loss", "data", "and", "of", "to", "in"])
                              for _ in range(12)))
    return lines + CODE * 40 + corpus(600, seed)
