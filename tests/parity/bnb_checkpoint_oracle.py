# SPDX-License-Identifier: GPL-3.0-or-later
"""Oracle for checkpoints that bitsandbytes quantised: transformers itself writes and loads them.

bnb_checkpoint_oracle.py models OUT                      a small model in every kind of quantisation, each with tokens.json,
                                                         expected.safetensors (logits in fp32) and values.safetensors (its weights as numbers)
bnb_checkpoint_oracle.py adapter MODEL OUT               an adapter made by PEFT over such a model, with its logits
bnb_checkpoint_oracle.py logits MODEL ADAPTER TOKENS OUT KIND  logits of an adapter folder over a model that is quantised while it is loaded

Every row is a multiple of 64 elements: bitsandbytes 0.50.2 dequantises others wrongly on a CPU. Models stay in training mode (with nothing
dropped out): in evaluation mode the 4-bit product takes bf16 on a CPU with AVX512_BF16, 3 % off.
"""
import json
import os
import pathlib
import shutil
import sys

os.environ["TORCHDYNAMO_DISABLE"] = "1"

import torch
from bitsandbytes import functional as F
from bitsandbytes.nn import Linear4bit, Linear8bitLt
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from model_oracle import families, logits_of, sharpen, tokens_for

NF4 = dict(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32)
KINDS = {
    "nf4": NF4,
    "nf4-double": NF4 | dict(bnb_4bit_use_double_quant=True),
    "nf4-storage": NF4 | dict(bnb_4bit_use_double_quant=True, bnb_4bit_quant_storage=torch.bfloat16),
    "nf4-head": NF4 | dict(bnb_4bit_use_double_quant=True, llm_int8_skip_modules=["down_proj"]),
    "int8": dict(load_in_8bit=True),
    "fp4": dict(load_in_4bit=True, bnb_4bit_quant_type="fp4"),
}


def load(folder, kind=None, dtype=torch.float32):
    extra = {} if kind is None else dict(quantization_config=BitsAndBytesConfig(**KINDS[kind]))
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager", device_map="cpu", **extra).train()


def values_of(model):
    """The numbers of all quantised weights, in the type of their state."""
    values = {}
    for name, module in model.named_modules():
        if isinstance(module, Linear4bit):
            values[name + ".weight"] = F.dequantize_4bit(module.weight.data, module.weight.quant_state).contiguous()
        elif isinstance(module, Linear8bitLt):
            scales = module.state.SCB if module.weight.SCB is None else module.weight.SCB
            values[name + ".weight"] = F.int8_vectorwise_dequant(module.weight.data, scales).contiguous()
    return values


def expected_logits(folder, plain, values, tokens):
    """Theirs for 4 bits. LLM.int8() quantises activations too, which is not asked for here: the plain model with int8's weights."""
    if not folder.name.startswith("int8"):
        return logits_of(load(folder), tokens)
    model = load(plain)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in values:
                parameter.copy_(values[name])
    return logits_of(model, tokens)


def write_model(out, kind, plain, label, dtype):
    folder = out / label
    load(plain, kind, dtype).save_pretrained(folder, max_shard_size="60KB" if kind == "nf4-double" else "5GB")
    stored = load(folder, dtype=dtype)
    values = values_of(stored)
    assert values
    save_file(values, folder / "values.safetensors")
    tokens = tokens_for(stored.config.vocab_size, 70)
    (folder / "tokens.json").write_text(json.dumps(tokens))
    if kind != "fp4" and dtype == torch.float32:
        save_file({"logits": expected_logits(folder, plain, values, tokens)}, folder / "expected.safetensors")


def with_another_map(source, folder, change):
    """The same checkpoint with scales of scales by another map, which stand for the same numbers or all but."""
    shutil.copytree(source, folder)
    tensors = load_file(folder / "model.safetensors")
    for name, tensor in tensors.items():
        if name.endswith("nested_quant_map"):
            nudged = torch.where(tensor == 0, tensor, tensor.nextafter(torch.tensor(2.0)))
            tensors[name] = nudged if change == "last bit" else tensor / 2
        if name.endswith("nested_absmax") and change == "half":
            tensors[name] = tensor * 2
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def make_models(out):
    config = families()["blocks"]
    config._attn_implementation = "eager"
    config.tie_word_embeddings = False
    config.vocab_size = 256
    model = AutoModelForCausalLM.from_config(config).eval()
    sharpen(model)
    plain = out / "plain"
    model.save_pretrained(plain)
    for kind in KINDS:
        write_model(out, kind, plain, kind, torch.float32)
    write_model(out, "nf4-double", plain, "nf4-bf16", torch.bfloat16)
    with_another_map(out / "nf4-storage", out / "map-last-bit", "last bit")
    with_another_map(out / "nf4-storage", out / "map-half", "half")


def make_adapter(folder, out):
    from peft import LoraConfig, get_peft_model
    adapted = get_peft_model(load(folder), LoraConfig(r=5, lora_alpha=9, task_type="CAUSAL_LM", target_modules=["q_proj", "v_proj", "down_proj"])).train()
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    adapted.save_pretrained(out)
    tokens = tokens_for(adapted.config.vocab_size, 80)
    save_file({"logits": logits_of(adapted, tokens)}, out / "expected.safetensors")
    (out / "tokens.json").write_text(json.dumps(tokens))


def adapter_logits(folder, adapter, tokens, out, kind):
    from peft import PeftModel
    adapted = PeftModel.from_pretrained(load(folder, kind.name), adapter).train()
    for module in adapted.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    save_file({"logits": logits_of(adapted, json.loads(tokens.read_text()))}, out)


if __name__ == "__main__":
    verb, *paths = sys.argv[1:]
    {"models": make_models, "adapter": make_adapter, "logits": adapter_logits}[verb](*(pathlib.Path(p) for p in paths))
