# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds tokenizers with the real `tokenizers` package and writes what it says about a corpus.

usage: tokenizer_oracle.py OUT [--tokenizers-only]
OUT/corpus.json            list of texts
OUT/classes.json           {class or pattern: ranges of its code points}
OUT/changes.json           {normalizer: {text: what it makes of it}}, see changes_of
OUT/<name>/tokenizer.json  (legacy_*: vocab.json, merges.txt and what stands beside them)
OUT/<name>/expected.json   {"texts": [{ids, spans (bytes), plain: ids with special tokens as text, plainSpans, decoded, skipped}],
                            "random": [{ids, decoded, skipped}]}
"""
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from text_corpus import corpus, training_lines  # noqa: E402
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
GPT4O = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = [r"\p{N}{1,3}", r"[一-龥぀-ゟ゠-ヿ]+",
            r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
            r"|\s*[\r\n]+|\s+(?!\S)|\s+"]
BLANK = "\u2581"


def byte_level(split=None, digits=False, nfc=False, prefix=False, size=1500, specials=(), ignore_merges=False):
    tok = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if nfc:
        tok.normalizer = normalizers.NFC()
    steps = [pre_tokenizers.Split(Regex(s), "isolated") for s in (split if isinstance(split, list) else [split] if split else [])]
    if digits:
        steps.append(pre_tokenizers.Digits(individual_digits=True))
    steps.append(pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=split is None))
    tok.pre_tokenizer = pre_tokenizers.Sequence(steps) if len(steps) > 1 else steps[0]
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=list(specials), show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tok.train_from_iterator(training_lines(), trainer)
    return tok


def sentencepiece_like(fallback=True, size=1500):
    """A BPE over U+2581 words, trained with Metaspace; the caller sets the pipeline that is tested."""
    tok = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=fallback, fuse_unk=True))
    tok.pre_tokenizer = pre_tokenizers.Metaspace()
    specials = ["<unk>", "<s>", "</s>"] + ([f"<0x{b:02X}>" for b in range(256)] if fallback else [])
    trainer = trainers.BpeTrainer(vocab_size=size + len(specials), special_tokens=specials, show_progress=False, limit_alphabet=150)
    tok.train_from_iterator(training_lines(), trainer)
    data = json.loads(tok.to_str())
    data["added_tokens"] = data["added_tokens"][:3]
    return Tokenizer.from_str(json.dumps(data))


def build():
    made = {}
    made["gpt2"] = byte_level(specials=["<|endoftext|>"])
    made["gpt2_prefix"] = byte_level(prefix=True, size=700, specials=["<|endoftext|>"])
    llama3 = byte_level(LLAMA3, specials=["<|endoftext|>", "<|im_start|>", "<|im_end|>"], ignore_merges=True)
    llama3.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|endoftext|> $A", pair="<|endoftext|> $A <|endoftext|> $B:1",
                                      special_tokens=[("<|endoftext|>", 0)])])
    made["llama3"] = llama3
    qwen = byte_level(QWEN2, nfc=True, size=2500, specials=["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    qwen.add_tokens([AddedToken("<tool_call>", normalized=False), AddedToken("</tool_call>", normalized=False),
                     AddedToken("Norm Á", normalized=True), AddedToken("norm", normalized=True, single_word=True)])
    made["qwen2"] = qwen
    made["smollm"] = byte_level(digits=True, specials=["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    made["gpt4o"] = byte_level(GPT4O, size=900, specials=["<|endoftext|>"])
    made["deepseek"] = byte_level(DEEPSEEK, size=900)
    legacy = sentencepiece_like()
    legacy.normalizer = normalizers.Sequence([normalizers.Prepend(BLANK), normalizers.Replace(" ", BLANK)])
    legacy.pre_tokenizer = None
    legacy.decoder = decoders.Sequence([decoders.Replace(BLANK, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    legacy.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    made["llama2_legacy"] = legacy
    first = sentencepiece_like()
    first.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    first.decoder = legacy.decoder
    made["metaspace_first"] = first
    always = sentencepiece_like(fallback=False, size=800)
    always.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    always.decoder = decoders.Metaspace()
    made["metaspace_always"] = always
    gemma = sentencepiece_like()
    gemma.normalizer = normalizers.Replace(" ", BLANK)
    gemma.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    gemma.decoder = decoders.Sequence([decoders.Replace(BLANK, " "), decoders.ByteFallback(), decoders.Fuse()])
    gemma.add_tokens([AddedToken("\n\n", normalized=False), AddedToken(BLANK * 2, normalized=False)])
    made["gemma"] = gemma
    falcon = byte_level(size=800, specials=["<|endoftext|>"])
    falcon.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=False), pre_tokenizers.Digits(False),
        pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")])
    made["falcon"] = falcon
    flags = sentencepiece_like(fallback=False, size=600)
    flags.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Replace("x", "")])
    flags.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex(r"\p{L}+"), "removed", invert=True),
        pre_tokenizers.Split("a", "merged_with_next"), pre_tokenizers.Split(Regex("[eé]"), "contiguous"),
        pre_tokenizers.Punctuation("merged_with_previous")])
    flags.add_tokens([AddedToken("<lstrip>", lstrip=True, normalized=False), AddedToken("<rstrip>", rstrip=True, normalized=True),
                      AddedToken("[WORD]", single_word=True), AddedToken("Norm Á", normalized=True, lstrip=True, rstrip=True)])
    flags.add_special_tokens([AddedToken("<|im_end|>", lstrip=True, rstrip=True)])
    made["flags"] = flags
    made.update(other_components())
    return made


def words(normalizer, pre_tokenizer, decoder=None, **affixes):
    """A BPE over whatever the components leave, trained behind them."""
    tok = Tokenizer(models.BPE(unk_token="<unk>", **affixes))
    tok.normalizer = normalizer
    tok.pre_tokenizer = pre_tokenizer
    tok.train_from_iterator(training_lines(), trainers.BpeTrainer(
        vocab_size=900, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False, limit_alphabet=400, **affixes))
    tok.decoder = decoder
    return tok


def other_components():
    made = {}
    made["lower_nfkc"] = words(
        normalizers.Sequence([normalizers.NFKC(), normalizers.Strip(), normalizers.Lowercase()]), pre_tokenizers.Whitespace())
    made["lower_nfkc"].add_tokens([AddedToken("Norm Á", normalized=True)])
    made["nfd_fixed"] = words(normalizers.Sequence([normalizers.NFD(), normalizers.Strip(left=False)]), pre_tokenizers.FixedLength(4))
    made["word_suffix"] = words(normalizers.NFKD(), pre_tokenizers.BertPreTokenizer(), decoders.BPEDecoder("</w>"), end_of_word_suffix="</w>")
    made["word_prefix"] = words(normalizers.Strip(right=False), pre_tokenizers.CharDelimiterSplit("e"), continuing_subword_prefix="##")
    spelled = Tokenizer(models.BPE())
    spelled.normalizer = normalizers.ByteLevel()
    spelled.pre_tokenizer = pre_tokenizers.Split(Regex("Ġ?[^Ġ]+"), "isolated")
    spelled.decoder = decoders.ByteLevel()
    spelled.train_from_iterator(training_lines(), trainers.BpeTrainer(
        vocab_size=900, special_tokens=["<s>", "</s>"], show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    spelled.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0), trim_offsets=False)
    made["spelled_bytes"] = spelled
    return made


def write_legacy_folder(folder, source, name, config, added):
    """vocab.json, merges.txt and what stood beside them before tokenizer.json; returns what transformers makes of it."""
    from transformers import AutoTokenizer
    folder.mkdir(parents=True)
    model = json.loads(source.to_str())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in model["merges"]) + "\n")
    (folder / "config.json").write_text(json.dumps({"model_type": name}))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "added_tokens.json").write_text(json.dumps({token: len(model["vocab"]) + i for i, token in enumerate(added)}))
    return AutoTokenizer.from_pretrained(folder).backend_tokenizer


def write_legacy_folders(out, made, texts):
    made = {"legacy_gpt2": write_legacy_folder(out / "legacy_gpt2", made["gpt2"], "gpt2", {"tokenizer_class": "GPT2Tokenizer"}, ["<tool_call>"]),
            "legacy_prefix": write_legacy_folder(out / "legacy_prefix", made["gpt2_prefix"], "gpt2", {
                "tokenizer_class": "GPT2TokenizerFast", "add_prefix_space": True}, []),
            "legacy_qwen2": write_legacy_folder(out / "legacy_qwen2", made["qwen2"], "qwen2", {
                "tokenizer_class": "Qwen2Tokenizer", "additional_special_tokens": ["[WORD]"], "eos_token": "<|im_end|>"}, ["[WORD]", "<plain>"])}
    for name, tok in made.items():
        (out / name / "expected.json").write_text(json.dumps(describe(tok, texts)))


def byte_spans(text, offsets):
    starts = [0]
    for c in text:
        starts.append(starts[-1] + len(c.encode("utf-8")))
    return [[starts[a], starts[b]] for a, b in offsets]


def describe(tok, texts, missing_bytes=frozenset()):
    """`missing_bytes`: bytes without a token of their own. `tokenizers` drops them and then counts offsets wrongly, so the
    spans of such texts are null."""
    entries = []
    for text in texts:
        lossy = not missing_bytes.isdisjoint(text.encode("utf-8"))
        tok.encode_special_tokens = False
        parsed = tok.encode(text, add_special_tokens=False)
        tok.encode_special_tokens = True
        plain = tok.encode(text, add_special_tokens=False)
        entries.append({"ids": parsed.ids, "spans": None if lossy else byte_spans(text, parsed.offsets), "plain": plain.ids,
                        "plainSpans": None if lossy else byte_spans(text, plain.offsets),
                        "decoded": tok.decode(parsed.ids, skip_special_tokens=False),
                        "skipped": tok.decode(parsed.ids, skip_special_tokens=True)})
    rng = random.Random(99)
    limit = max(tok.get_vocab().values()) + 4  # a few ids that do not exist
    jumbled = []
    for _ in range(300):
        ids = [rng.randrange(limit) for _ in range(rng.randint(1, 12))]
        jumbled.append({"ids": ids, "decoded": tok.decode(ids, skip_special_tokens=False),
                        "skipped": tok.decode(ids, skip_special_tokens=True)})
    return {"texts": entries, "random": jumbled}


def changes_of(normalizer):
    """What it does to every code point between marks of high and low class: only what changes."""
    changes = {}
    for code in range(1, 0x110000):
        if 0xD800 <= code < 0xE000:
            continue
        probe = f"q{chr(code)}\u0323q\u0308{chr(code)} e{chr(code)}"
        normal = normalizer.normalize_str(probe)
        if normal != probe:
            changes[probe] = normal
    return changes


CLASSES = {"digits": pre_tokenizers.Digits(individual_digits=True), "punctuation": pre_tokenizers.Punctuation("isolated"),
           **{name: pre_tokenizers.Split(Regex(name), "isolated")
              for name in (r"\p{L}", r"\p{Lu}", r"\p{Ll}", r"\p{M}", r"\p{N}", r"\p{P}", r"\p{S}", r"\s", r"\p{Han}")}}


def class_members(splitter):
    """All code points that the splitter cuts out, as ranges."""
    mark, found = "\ue000", []
    for block in range(0, 0x110000, 0x1000):
        codes = [c for c in range(block, block + 0x1000) if not 0xD800 <= c < 0xE000 and c != 0xE000]
        pieces = splitter.pre_tokenize_str(mark + "".join(chr(c) + mark for c in codes))
        for code in (ord(piece) for piece, _ in pieces if len(piece) == 1 and piece != mark):
            if found and found[-1][1] == code - 1:
                found[-1][1] = code
            else:
                found.append([code, code])
    return found


def main():
    out = pathlib.Path(sys.argv[1])
    texts = corpus()
    if "--tokenizers-only" not in sys.argv:
        (out / "classes.json").write_text(json.dumps({name: class_members(s) for name, s in CLASSES.items()}))
        (out / "changes.json").write_text(json.dumps({name: changes_of(getattr(normalizers, name)())
                                                      for name in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase")}))
    (out / "corpus.json").write_text(json.dumps(texts))
    made = build()
    if "--tokenizers-only" not in sys.argv:
        write_legacy_folders(out, made, texts)
    for name, tok in made.items():
        folder = out / name
        folder.mkdir(parents=True)
        data = json.loads(tok.to_str())
        if name == "qwen2":  # the older spelling of merges
            data["model"]["merges"] = [" ".join(pair) for pair in data["model"]["merges"]]
        (folder / "tokenizer.json").write_text(json.dumps(data))
        (folder / "expected.json").write_text(json.dumps(describe(tok, texts)))


if __name__ == "__main__":
    main()
