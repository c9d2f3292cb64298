# SPDX-License-Identifier: GPL-3.0-or-later
"""What Hugging Face makes of a GGUF file's tokenizer, and of tokenizer files that we wrote.

usage: gguf_tokenizer_oracle.py gguf FILE OUT     OUT/{corpus,expected}.json as in tokenizer_oracle.py
       gguf_tokenizer_oracle.py folder DIR CORPUS OUT.json   {"texts": [{ids, decoded}], "bos": id, "eos": id, "withSpecial": ids}
"""
import json
import pathlib
import sys
import unicodedata

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from text_corpus import corpus  # noqa: E402
from tokenizer_oracle import describe  # noqa: E402


def smollm_from_gguf(path):
    """SmolLM2's published pipeline (digits one by one, GPT-2 pattern) over the vocabulary of the file."""
    import gguf
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    reader = gguf.GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items() if name.startswith("tokenizer.")}
    assert fields["tokenizer.ggml.model"] == "gpt2" and fields["tokenizer.ggml.pre"] == "smollm"
    tokens = fields["tokenizer.ggml.tokens"]
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"]]
    tok = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges))
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tok.decoder = decoders.ByteLevel()
    tok.add_special_tokens([AddedToken(t, normalized=False, special=True)
                            for t, kind in zip(tokens, fields["tokenizer.ggml.token_type"]) if kind == 3])
    return tok


def from_gguf(path, out):
    from transformers import AutoTokenizer
    tok = smollm_from_gguf(path)
    texts = corpus(seed=31)
    from transformers.convert_slow_tokenizer import bytes_to_unicode
    missing = frozenset(b for b, c in bytes_to_unicode().items() if tok.token_to_id(c) is None)
    described = describe(tok, texts, missing)
    assert sum(entry["spans"] is not None for entry in described["texts"]) > 2000
    # transformers reads the same file, but without the digits step: without digits both must agree.
    auto = AutoTokenizer.from_pretrained(str(pathlib.Path(path).parent), gguf_file=pathlib.Path(path).name)
    for text, entry in zip(texts, described["texts"]):
        if not any(unicodedata.category(c).startswith("N") for c in text):
            assert auto.encode(text, add_special_tokens=False) == entry["ids"], (text, entry["ids"])
    out.mkdir(parents=True, exist_ok=True)
    (out / "corpus.json").write_text(json.dumps(texts))
    (out / "expected.json").write_text(json.dumps(described))


def from_folder(folder, corpus_file, out):
    from transformers import AutoTokenizer
    tok = AutoTokenizer.from_pretrained(folder)
    entries = []
    for text in json.loads(pathlib.Path(corpus_file).read_text()):
        ids = tok.encode(text, add_special_tokens=False)
        entries.append({"ids": ids, "decoded": tok.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)})
    out.write_text(json.dumps({"texts": entries, "bos": tok.bos_token_id, "eos": tok.eos_token_id,
                               "withSpecial": tok.encode("Hello"), "chatTemplate": tok.chat_template}))


if __name__ == "__main__":
    if sys.argv[1] == "gguf":
        from_gguf(sys.argv[2], pathlib.Path(sys.argv[3]))
    else:
        from_folder(sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4]))
