# SPDX-License-Identifier: GPL-3.0-or-later
"""transformers opens a model folder that was exported here.

export_oracle.py logits FOLDER TOKENS OUT   fp32 logits of AutoModelForCausalLM; the tokenizer must load, no weight be missing or left over
export_oracle.py config GGUF FOLDER         prints the fields of both configurations that decide the arithmetic: [of the GGUF file, of FOLDER]
"""
import json
import pathlib
import sys

FIELDS = ("model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size",
          "max_position_embeddings", "rms_norm_eps", "tie_word_embeddings", "rope_parameters", "hidden_act", "eos_token_id", "bos_token_id")


def logits(folder, tokens, out):
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer
    AutoTokenizer.from_pretrained(folder)
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
    with torch.no_grad():
        save_file({"logits": model.eval()(torch.tensor([json.loads(tokens.read_text())])).logits[0].contiguous()}, out)


def config(gguf, folder):
    from transformers import AutoConfig
    both = AutoConfig.from_pretrained(gguf.parent, gguf_file=gguf.name), AutoConfig.from_pretrained(folder)
    print(json.dumps({field: [getattr(c, field, None) for c in both] for field in FIELDS}))


if __name__ == "__main__":
    verb, *paths = sys.argv[1:]
    {"logits": logits, "config": config}[verb](*(pathlib.Path(p) for p in paths))
