# SPDX-License-Identifier: GPL-3.0-or-later
"""transformers and PEFT with tokens that were added to a model.

added_tokens_oracle.py tokens BASE ADDED TEXTS        ids of each text with the tokenizer of the folder BASE after add_tokens(ADDED), and its length
added_tokens_oracle.py adapter BASE ADAPTER TOKENS OUT    fp32 logits of the base (a folder or a GGUF file), its tables resized to the tokenizer beside
                                                      the adapter where they are smaller, with the adapter loaded by PEFT
added_tokens_oracle.py make BASE ADAPTER TOKENS OUT   the other way round: special tokens added and tables resized by transformers, the adapter made
                                                      and saved by PEFT with its tables whole, the tokenizer beside it, with its logits
added_tokens_oracle.py ids FOLDER TEXTS               ids of each text with the tokenizer of FOLDER

ADDED, TEXTS and TOKENS are JSON lists in files. All print one JSON document.
"""
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import AddedToken, AutoModelForCausalLM, AutoTokenizer


def read(path):
    return json.loads(pathlib.Path(path).read_text())


def load(base):
    path = pathlib.Path(base)
    where = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name} if path.suffix == ".gguf" else {"pretrained_model_name_or_path": base}
    return AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32, attn_implementation="eager").eval()


def save_logits(model, tokens, out):
    with torch.no_grad():
        save_file({"logits": model(torch.tensor([read(tokens)])).logits[0].float().contiguous()}, out)


def ids_of(tokenizer, texts):
    return [tokenizer(text, add_special_tokens=False).input_ids for text in read(texts)]


def tokens(base, added, texts):
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in read(added)])
    print(json.dumps({"ids": ids_of(tokenizer, texts), "length": len(tokenizer)}))


def ids(folder, texts):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    print(json.dumps({"ids": ids_of(tokenizer, texts), "length": len(tokenizer)}))


def adapter(base, folder, token_list, out):
    from peft import PeftModel
    model, tokenizer = load(base), AutoTokenizer.from_pretrained(folder)
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(tokenizer))
    save_logits(PeftModel.from_pretrained(model, folder).eval(), token_list, out)
    print(json.dumps({"rows": model.get_input_embeddings().weight.shape[0], "length": len(tokenizer)}))


def make(base, folder, token_list, out):
    from peft import LoraConfig, get_peft_model
    torch.manual_seed(11)
    model, tokenizer = load(base), AutoTokenizer.from_pretrained(base)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<tool>", "<end of tool>"]})
    model.resize_token_embeddings(len(tokenizer))
    whole = ["embed_tokens", "lm_head"]
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"], modules_to_save=whole, init_lora_weights=False,
                        ensure_weight_tying=model.config.tie_word_embeddings)
    wrapped = get_peft_model(model, config)
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if "modules_to_save" in name:
                parameter.add_(0.1 * torch.randn(parameter.shape))
    wrapped.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    save_logits(wrapped, token_list, out)
    print(json.dumps({"length": len(tokenizer)}))


if __name__ == "__main__":
    {"tokens": tokens, "adapter": adapter, "make": make, "ids": ids}[sys.argv[1]](*sys.argv[2:])
