# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains SentencePiece models with the real package and writes what it says about a corpus.

usage: sentencepiece_oracle.py OUT
OUT/corpus.json             list of texts without the names of control pieces
OUT/<name>/tokenizer.model
OUT/<name>/expected.json    {"texts": [{ids, spans (bytes), decoded}], "random": [{ids, decoded}]}
OUT/bpe/gguf.json           the model as GGUF fields: tokens, scores, token types
"""
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import sentencepiece as spm  # noqa: E402
from text_corpus import corpus, training_lines  # noqa: E402

MODELS = {
    # Like Llama 2: nothing is normalised away, digits single, bytes for what is unknown.
    "bpe": dict(model_type="bpe", byte_fallback=True, split_digits=True, normalization_rule_name="identity",
                remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, vocab_size=1600),
    "unigram_nfkc": dict(model_type="unigram", byte_fallback=False, normalization_rule_name="nmt_nfkc", vocab_size=900,
                         user_defined_symbols=["<tool_call>", "norm"]),
    "bpe_bare": dict(model_type="bpe", byte_fallback=True, add_dummy_prefix=False, normalization_rule_name="identity",
                     remove_extra_whitespaces=False, vocab_size=1200),
}


def train(folder, options):
    lines = folder / "lines.txt"
    lines.write_text("\n".join(line.replace("\n", " ").replace("\0", "") for line in training_lines()), encoding="utf-8")
    spm.SentencePieceTrainer.train(input=str(lines), model_prefix=str(folder / "tokenizer"), character_coverage=0.98,
                                   num_threads=1, minloglevel=2, hard_vocab_limit=False, max_sentence_length=20000, **options)
    return spm.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))


def encode(sp, text):
    """Spans in bytes of the text; every byte piece gets its whole character."""
    starts = [0]
    for c in text:
        starts.append(starts[-1] + len(c.encode("utf-8")))
    pieces = sp.encode(text, out_type="immutable_proto").pieces
    ids = [p.id for p in pieces]
    spans = [[starts[p.begin], starts[p.end]] for p in pieces]
    for i in range(len(ids) - 2, -1, -1):
        if sp.is_byte(ids[i]) and spans[i][0] == spans[i][1]:
            spans[i][1] = spans[i + 1][1]
    return ids, spans


def describe(sp, texts):
    entries = []
    for text in texts:
        ids, spans = encode(sp, text)
        assert ids == sp.encode(text)
        entries.append({"ids": ids, "spans": spans, "decoded": sp.decode(ids)})
    rng = random.Random(5)
    jumbled = []
    ordinary = [i for i in range(sp.vocab_size()) if not sp.is_control(i) and not sp.is_unknown(i)]
    for _ in range(600):
        ids = [rng.choice(ordinary) for _ in range(rng.randint(1, 12))]
        jumbled.append({"ids": ids, "decoded": sp.decode(ids)})
    return {"texts": entries, "random": jumbled}


def gguf_fields(sp):
    def kind(i):
        return 2 if sp.is_unknown(i) else 3 if sp.is_control(i) else 6 if sp.is_byte(i) else 5 if sp.is_unused(i) else 1
    count = sp.vocab_size()
    return {"tokens": [sp.id_to_piece(i) for i in range(count)], "scores": [sp.get_score(i) for i in range(count)],
            "types": [kind(i) for i in range(count)]}


def main():
    out = pathlib.Path(sys.argv[1])
    texts = [t for t in corpus(seed=4242) if not any(s in t for s in ("<s>", "</s>", "<unk>"))]
    (out / "corpus.json").write_text(json.dumps(texts))
    for name, options in MODELS.items():
        folder = out / name
        folder.mkdir(parents=True)
        sp = train(folder, options)
        (folder / "expected.json").write_text(json.dumps(describe(sp, texts)))
        if name == "bpe":
            (folder / "gguf.json").write_text(json.dumps(gguf_fields(sp)))


if __name__ == "__main__":
    main()
