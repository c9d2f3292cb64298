# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens and labels of training rows as transformers and TRL make them.

usage: label_oracle.py GGUF OUT

OUT/tokenizer/     a folder that both sides load
OUT/rows.jsonl     conversations (messages)
OUT/chats.json     {"templates": [{name, source, rows: [{ids, mask} or null where the template refuses]}]}
OUT/plain.json     {"templates": [{name, source, rows: [{ids, mask} or null]}]}: templates without {% generation %} tags; the masks are those
                   of TRL's training variant of the same template, from the first word of an answer through its end-of-turn token
OUT/pasted.jsonl   conversations that spell special tokens, and OUT/pasted.json {template, rows: [{ids, mask}]}: ChatML with every content encoded
                   by tokenizers' own encode_special_tokens = True
OUT/trl/*.jsonl    data sets, and OUT/trl.json {name: {settings, rows: [{ids, mask}]}}: what SFTTrainer made of them
"""
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from gguf_tokenizer_oracle import smollm_from_gguf  # noqa: E402

WORDS = ("the model learns one token at a time Zürich naïve 東京 мир 🙂 👩‍👩‍👧 12 3456 3.14 x=y; f(x) <b> </b> { } | \\n don't I'll re-do "
         "e\u0301 ﬁ … — “quoted” assistant user system im_end |> <| generation").split()
EXTRA = ["<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<start_of_turn>", "<end_of_turn>", "<|end|>", "<|user|>",
         "<|assistant|>", "<|system|>"]
TRAINING = ["llama3", "qwen2_5", "qwen3", "gemma", "phi3"]
TAGGED_CHATML = ("{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}{% if m['role'] == 'assistant' %}{% generation %}"
                 "{{ m['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}{% else %}{{ m['content'] + '<|im_end|>\n' }}{% endif %}"
                 "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
CHATML = ("{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def text(rng, padded):
    sep = rng.choice([" ", " ", "\n", "  ", "\t"])
    body = sep.join(rng.choice(WORDS) for _ in range(rng.randint(1, 25)))
    return rng.choice(["", " ", "\n", "\n\n "]) + body + rng.choice(["", " ", "\n", "  \n"]) if padded else body


def conversations(rng, count):
    for index in range(count):
        padded = index % 2 == 1
        messages = [{"role": "system", "content": text(rng, padded)}] if rng.random() < 0.3 else []
        for _ in range(rng.randint(1, 4)):
            messages.append({"role": "user", "content": text(rng, padded)})
            messages.append({"role": "assistant", "content": text(rng, padded)})
        if rng.random() < 0.1:
            messages.append({"role": "user", "content": text(rng, padded)})
        yield messages, padded


def make_tokenizer(gguf, folder):
    from tokenizers import AddedToken
    from transformers import PreTrainedTokenizerFast
    raw = smollm_from_gguf(gguf)
    raw.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in EXTRA])
    tok = PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<|im_end|>",
                                  unk_token="<|endoftext|>")
    tok.save_pretrained(folder)
    return tok


def apply(tok, messages, template, with_mask=True):
    from jinja2.exceptions import TemplateError
    try:
        out = tok.apply_chat_template(messages, chat_template=template, tokenize=True, return_dict=True,
                                      return_assistant_tokens_mask=with_mask)
    except TemplateError:
        return None
    return {"ids": list(out["input_ids"]), "mask": list(out["assistant_masks"])} if with_mask else {"ids": list(out["input_ids"])}


def core_mask(tok, ids, mask, ends):
    """The runs of a mask without the header's blanks in front and what follows the end-of-turn token."""
    mask = list(mask)
    start = 0
    while start < len(mask):
        if not mask[start]:
            start += 1
            continue
        stop = start
        while stop < len(mask) and mask[stop]:
            stop += 1
        first = start
        while first < stop and not tok.decode([ids[first]]).strip():
            mask[first] = 0
            first += 1
        last = stop
        while last > first and tok.convert_ids_to_tokens(ids[last - 1]) not in ends:
            last -= 1
            mask[last] = 0
        start = stop
    return mask


def template_source(name):
    import trl
    return (pathlib.Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja").read_text()


def chats(tok, rows):
    tagged = [(name, template_source(f"{name}_training")) for name in TRAINING] + [("chatml", TAGGED_CHATML)]
    return {"templates": [{"name": name, "source": source, "rows": [apply(tok, messages, source) for messages, _ in rows]}
                          for name, source in tagged]}


def plain(tok, rows):
    """Only rows without blanks around their texts: there the border between header and answer is a border of tokens."""
    result = []
    pairs = [(name, template_source(name), template_source(f"{name}_training")) for name in ("llama3", "qwen2_5", "gemma")]
    for name, source, training in pairs + [("chatml", CHATML, TAGGED_CHATML)]:
        entries = []
        for messages, padded in rows:
            expected = None if padded else apply(tok, messages, training)
            if expected:
                assert apply(tok, messages, source, with_mask=False)["ids"] == expected["ids"], name
                ends = {"<|eot_id|>", "<|im_end|>", "<end_of_turn>"}
                expected["mask"] = core_mask(tok, expected["ids"], expected["mask"], ends)
            entries.append(expected)
        result.append({"name": name, "source": source, "rows": entries})
    return {"templates": result}


def pasted(tok, rng, out):
    """The stretches between the template's own special tokens, encoded with special tokens as text."""
    specials = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", *EXTRA]
    as_text = tok.backend_tokenizer
    rows, expected = [], []
    for _ in range(80):
        messages = []
        for role in ("user", "assistant", "user", "assistant"):
            content = text(rng, rng.random() < 0.5)
            for _ in range(rng.randint(0, 2)):
                at = rng.randint(0, len(content))
                content = content[:at] + rng.choice(specials) + content[at:]
            messages.append({"role": role, "content": content})
        messages[0]["content"] += "<|im_end|>"
        ids, mask = [], []
        as_text.encode_special_tokens = True
        for message in messages:
            header = as_text.encode(message["role"] + "\n" + message["content"], add_special_tokens=False)
            begin = len(message["role"]) + 1
            trained = [int(message["role"] == "assistant" and stop > begin) for _, stop in header.offsets]
            newline = as_text.encode("\n", add_special_tokens=False).ids
            ids += [tok.bos_token_id, *header.ids, tok.eos_token_id, *newline]
            mask += [0, *trained, int(message["role"] == "assistant"), *[0] * len(newline)]
        as_text.encode_special_tokens = False
        rows.append({"messages": messages})
        expected.append({"ids": ids, "mask": mask})
    (out / "pasted.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return {"template": TAGGED_CHATML, "rows": expected}


def trl_rows(tok, rows, assistant_only):
    """What SFTTrainer prepares: input_ids and labels."""
    from datasets import Dataset
    from transformers import LlamaConfig, LlamaForCausalLM
    from trl import SFTConfig, SFTTrainer
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tok), hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                                         num_attention_heads=1, num_key_value_heads=1))
    args = SFTConfig(output_dir="unused", max_length=None, report_to=[], use_cpu=True, bf16=False, assistant_only_loss=assistant_only,
                     disable_tqdm=True)
    prepared = SFTTrainer(model=model, args=args, train_dataset=Dataset.from_list(rows), processing_class=tok).train_dataset
    return [{"ids": list(row["input_ids"]), "mask": [int(label != -100) for label in row["labels"]]} for row in prepared]


def trl_sets(tok, rng, out):
    tok.chat_template = TAGGED_CHATML
    def message(role):
        return {"role": role, "content": text(rng, rng.random() < 0.5)}
    sets = {
        "text": ([{"text": text(rng, True)} for _ in range(60)], False),
        "prompt_completion": ([{"prompt": text(rng, False), "completion": " " + text(rng, False)} for _ in range(60)], False),
        "prompt_completion_chat": ([{"prompt": [message("user"), message("assistant"), message("user")][rng.choice([0, 2]):],
                                     "completion": [message("assistant")]} for _ in range(60)], True),
        "messages": ([{"messages": [message("user"), message("assistant"), message("user"), message("assistant")]} for _ in range(60)], True),
    }
    (out / "trl").mkdir()
    expected = {}
    for name, (rows, assistant_only) in sets.items():
        (out / "trl" / f"{name}.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        expected[name] = trl_rows(tok, rows, assistant_only)
    return {"template": TAGGED_CHATML, "sets": expected}


def main(gguf, out):
    rng = random.Random(20)
    out.mkdir(parents=True, exist_ok=True)
    tok = make_tokenizer(gguf, out / "tokenizer")
    rows = list(conversations(rng, 200))
    (out / "rows.jsonl").write_text("".join(json.dumps({"messages": messages}, ensure_ascii=False) + "\n" for messages, _ in rows))
    (out / "chats.json").write_text(json.dumps(chats(tok, rows)))
    (out / "plain.json").write_text(json.dumps(plain(tok, rows)))
    (out / "pasted.json").write_text(json.dumps(pasted(tok, rng, out)))
    (out / "trl.json").write_text(json.dumps(trl_sets(tok, rng, out)))


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
