# SPDX-License-Identifier: GPL-3.0-or-later
"""transformers as an oracle for config.json: builds configurations of each family, saves them to DIR/NAME/config.json, and prints what
the classes of transformers make of them: the fields, the parameters of the model (names, shapes, count) and the rotary frequencies.
With `given` behind DIR, of the configurations that lie there."""
import json
import pathlib
import sys

import torch
from transformers import AutoConfig, AutoModelForCausalLM, GraniteConfig, LlamaConfig, MistralConfig, Olmo2Config, Qwen2Config, Qwen3Config, SmolLM3Config
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

SMALL = dict(vocab_size=48, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=256)
LLAMA3 = dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)

SAVED = {
    "llama": LlamaConfig(**SMALL),
    "llama_tied": LlamaConfig(**SMALL, tie_word_embeddings=True, rms_norm_eps=1e-5),
    "llama_bias": LlamaConfig(**SMALL, attention_bias=True, mlp_bias=True),
    "llama_head": LlamaConfig(**SMALL, head_dim=16, dtype="bfloat16"),
    "llama3": LlamaConfig(**SMALL, rope_parameters=dict(LLAMA3)),
    "llama_linear": LlamaConfig(**SMALL, rope_parameters=dict(rope_type="linear", factor=4.0, rope_theta=20000.0)),
    "yarn": Qwen2Config(**SMALL, rope_parameters=dict(rope_type="yarn", factor=4.0, rope_theta=10000.0, original_max_position_embeddings=64)),
    "yarn_all": LlamaConfig(**SMALL, head_dim=16, rope_parameters=dict(rope_type="yarn", factor=4.0, rope_theta=500.0, beta_fast=6, beta_slow=2,
                                                                       mscale=0.7, mscale_all_dim=1.1, truncate=False, original_max_position_embeddings=64)),
    "yarn_long": Qwen3Config(**SMALL, head_dim=16, rope_parameters=dict(rope_type="yarn", factor=4.0, rope_theta=1e4, original_max_position_embeddings=4096)),
    "dynamic": LlamaConfig(**SMALL, rope_parameters=dict(rope_type="dynamic", factor=4.0, rope_theta=10000.0)),
    "yarn_given": LlamaConfig(**SMALL, rope_parameters=dict(rope_type="yarn", factor=8.0, rope_theta=1e4, attention_factor=1.5, original_max_position_embeddings=32)),
    "mistral": MistralConfig(**SMALL),
    "mistral_full": MistralConfig(**SMALL, sliding_window=None, head_dim=12),
    "qwen2": Qwen2Config(**SMALL, tie_word_embeddings=True),
    "qwen2_window": Qwen2Config(**SMALL, use_sliding_window=True, sliding_window=64, max_window_layers=1),
    "qwen2_window_unused": Qwen2Config(**SMALL, use_sliding_window=True, sliding_window=64, max_window_layers=2),
    "qwen3": Qwen3Config(**SMALL, head_dim=16),
    "granite": GraniteConfig(**SMALL, attention_bias=True, mlp_bias=True, embedding_multiplier=12.0, residual_multiplier=0.22,
                             attention_multiplier=0.0078125, logits_scaling=16.0),
    "smollm3": SmolLM3Config(**{**SMALL, "num_hidden_layers": 7}, no_rope_layer_interval=3, pad_token_id=None, mlp_bias=True),
    "olmo2": Olmo2Config(**SMALL, pad_token_id=None, attention_bias=True),
    "qwen3_bias": Qwen3Config(**SMALL, head_dim=16, attention_bias=True, rope_parameters=dict(rope_type="default", rope_theta=1e6)),
}
# What a file must state; all else may be absent.
SIZES = dict(vocab_size=320, hidden_size=1024, intermediate_size=96, num_hidden_layers=2, num_attention_heads=32)
# As transformers 4 and hand-written files have them: absent, null and old spellings.
WRITTEN = {
    "old_llama3": dict(SMALL, model_type="llama", rope_theta=500000.0, torch_dtype="bfloat16",
                       rope_scaling={k: v for k, v in LLAMA3.items() if k != "rope_theta"}),
    "old_linear": dict(SMALL, model_type="llama", rope_scaling={"type": "linear", "factor": 2.0}),
    "old_null_scaling": dict(SMALL, model_type="llama", rope_theta=30000.0, rope_scaling=None, head_dim=None),
    "null_kv": {**SMALL, "model_type": "qwen2", "num_key_value_heads": None},
    "null_window": {**SMALL, "model_type": "mistral", "sliding_window": None},
    "both_spellings": dict(SMALL, model_type="llama", rope_theta=70000.0, rope_parameters={"rope_type": "default", "rope_theta": 70000.0}),
    **{f"only_{name}": dict(SIZES, model_type=name) for name in ("llama", "mistral", "qwen2", "qwen3", "granite", "olmo2")},
    "only_smollm3": dict(SIZES, model_type="smollm3", pad_token_id=None),  # the class's default lies beyond this vocabulary
}


def frequencies(config):
    kind = config.rope_parameters["rope_type"]
    if kind == "default":
        return None, 1.0
    inv, scale = ROPE_INIT_FUNCTIONS[kind](config, "cpu")
    return inv.tolist(), scale


def describe(config):
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    tensors = {name: list(p.shape) for name, p in model.named_parameters()}
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    slides = window is not None and (kinds is None or "sliding_attention" in kinds)
    return dict(family=config.model_type, layers=config.num_hidden_layers, hidden=config.hidden_size, heads=config.num_attention_heads,
                kv_heads=config.num_key_value_heads, head_size=model.model.layers[0].self_attn.head_dim, mlp=config.intermediate_size,
                vocab=config.vocab_size, context=config.max_position_embeddings, eps=config.rms_norm_eps,
                theta=config.rope_parameters["rope_theta"], tied=config.tie_word_embeddings, window=window if slides else 0,
                dtype=str(config.dtype or "float32").removeprefix("torch."), tensors=tensors, count=model.num_parameters(),
                slides=[layer for layer, kind in enumerate(kinds or []) if kind == "sliding_attention"],
                positions=config.rope_parameters["rope_type"],
                turned=getattr(config, "no_rope_layers", None),
                multipliers=[getattr(config, key, None) for key in ("embedding_multiplier", "residual_multiplier", "attention_multiplier", "logits_scaling")],
                frequencies=frequencies(config)[0], attention_factor=frequencies(config)[1], bos=config.bos_token_id, eos=config.eos_token_id)


folder = pathlib.Path(sys.argv[1])
if "given" in sys.argv:
    names = sorted(path.name for path in folder.iterdir())
else:
    names = [*SAVED, *WRITTEN]
    for name, config in SAVED.items():
        config.architectures = None
        config.save_pretrained(folder / name)
    for name, fields in WRITTEN.items():
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps(fields))
json.dump({name: describe(AutoConfig.from_pretrained(folder / name)) for name in names}, sys.stdout)
