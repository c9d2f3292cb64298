# SPDX-License-Identifier: GPL-3.0-or-later
"""transformers as an oracle for blueprints and for config.json files of families that are only planned for.
DIR BLUEPRINTS: for each blueprint, each planned family's class defaults and some variants, saves DIR/NAME/config.json and prints the number
of parameters of the model that transformers builds from it on the meta device, and the fields of its configuration."""
import json
import pathlib
import sys

import torch
from transformers import AutoConfig, AutoModelForCausalLM

PLANNED = ["gemma", "gemma2", "gemma3_text", "phi3", "olmo2", "granite", "cohere", "cohere2", "glm", "glm4", "stablelm", "smollm3"]
SMALL = dict(vocab_size=48, hidden_size=32, intermediate_size=40, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=256, pad_token_id=None, bos_token_id=1, eos_token_id=2)
VARIANTS = {
    "gemma_bias": ("gemma", dict(attention_bias=True, head_dim=16)),
    "gemma2_head": ("gemma2", dict(head_dim=8)),
    "gemma3_bias": ("gemma3_text", dict(attention_bias=True, head_dim=8)),
    "phi3_tied": ("phi3", dict(tie_word_embeddings=True)),
    "olmo2_bias": ("olmo2", dict(attention_bias=True)),
    "granite_bias": ("granite", dict(attention_bias=True, mlp_bias=True)),
    "cohere_qk": ("cohere", dict(use_qk_norm=True, attention_bias=True)),
    "cohere2_untied": ("cohere2", dict(tie_word_embeddings=False, head_dim=8)),
    "glm_plain": ("glm", dict(attention_bias=False, head_dim=8)),
    "glm4_bias": ("glm4", dict(head_dim=8)),
    "stablelm_qk": ("stablelm", dict(use_qkv_bias=True, qk_layernorm=True)),
    "stablelm_parallel": ("stablelm", dict(use_parallel_residual=True)),
    "smollm3_bias": ("smollm3", dict(attention_bias=True, mlp_bias=True)),
}


def of_blueprint(b):
    """The configuration of a blueprint, as its family's class takes it."""
    family = b["family"]
    fields = dict(vocab_size=b["vocab"], hidden_size=b["hidden"], intermediate_size=b["mlp"], num_hidden_layers=b["layers"],
                  num_attention_heads=b["heads"], num_key_value_heads=b["kv_heads"], max_position_embeddings=b["max_context"],
                  tie_word_embeddings=b["tied_head"], pad_token_id=None)
    fields["layer_norm_eps" if family in ("cohere", "cohere2", "stablelm") else "rms_norm_eps"] = b["norm_eps"]
    if b["hidden"] != b["heads"] * b["head_size"] or family in ("gemma", "gemma2", "gemma3_text", "qwen3", "glm", "glm4"):
        fields["head_dim"] = b["head_size"]
    if b.get("qkv_bias"):
        fields["use_qkv_bias" if family == "stablelm" else "attention_bias"] = True
    if family in ("mistral", "gemma2", "gemma3_text", "phi3", "cohere2"):
        fields["sliding_window"] = b.get("sliding_window")
    for key in ("embedding_multiplier", "residual_multiplier", "attention_multiplier", "logits_scaling"):
        if key in b:
            fields[key] = b[key]
    if "no_rope_period" in b:
        fields["no_rope_layer_interval"] = b["no_rope_period"]
    return family, fields


def describe(config):
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    return dict(family=config.model_type, count=model.num_parameters(), layers=config.num_hidden_layers, hidden=config.hidden_size,
                heads=config.num_attention_heads, kv_heads=config.num_key_value_heads, mlp=config.intermediate_size, vocab=config.vocab_size,
                context=config.max_position_embeddings, head_size=getattr(model.model.layers[0].self_attn, "head_dim", None),
                tied=config.tie_word_embeddings, window=getattr(config, "sliding_window", None) or 0)


folder = pathlib.Path(sys.argv[1])
configs = {}
for blueprint in json.loads(pathlib.Path(sys.argv[2]).read_text())["blueprints"]:
    configs["blueprint " + blueprint["name"]] = of_blueprint(blueprint)
for name, (family, fields) in VARIANTS.items():
    configs[name] = (family, {**SMALL, **fields})
answers = {}
for name, (family, fields) in configs.items():
    config = AutoConfig.for_model(family, **fields)
    config.architectures = None
    config.save_pretrained(folder / name)
    answers[name] = describe(AutoConfig.from_pretrained(folder / name))
for family in PLANNED:
    (folder / family).mkdir()
    whole = AutoConfig.for_model(family).to_dict()
    sizes = {key: whole[key] for key in ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")}
    (folder / family / "config.json").write_text(json.dumps(dict(sizes, model_type=family)))
    answers[family] = describe(AutoConfig.from_pretrained(folder / family))
json.dump(answers, sys.stdout)
