# SPDX-License-Identifier: GPL-3.0-or-later
"""Oracle for logits, adapters and loss curves: transformers and PEFT themselves.

model_oracle.py models OUT             small random models of every family, saved as folders, with the logits of a row of tokens
model_oracle.py gguf GGUF OUT          logits of a GGUF file's model through transformers
model_oracle.py peft MODEL OUT         an adapter made and saved by PEFT (rank and alpha patterns, rsLoRA), with its logits
model_oracle.py dora MODEL OUT         the same with magnitudes (DoRA)
model_oracle.py modules MODEL OUT MODULES TIE     an adapter made by PEFT with modules_to_save MODULES (commas), all of them changed, with its logits;
                                       TIE "tied" sets ensure_weight_tying
model_oracle.py logits MODEL ADAPTER TOKENS OUT   logits of a model with an adapter folder loaded by PEFT
model_oracle.py pissa MODEL ADAPTER OUT           products B A of PEFT's PiSSA start with that folder's sizes, and the residual weights
model_oracle.py principal OUT          large matrices and their principal parts
model_oracle.py curve MODEL ADAPTER ROWS OUT      trains that adapter with PEFT (or the whole model) on given rows, writes the loss of each step

Everything runs in fp32 with eager attention. Tensors travel as safetensors, the rest as JSON.
"""
import json
import math
import pathlib
import sys

import torch
from safetensors.torch import load_file, save_file

torch.manual_seed(7)
torch.set_num_threads(2)

COMMON = dict(hidden_size=64, intermediate_size=112, num_hidden_layers=3, vocab_size=211, max_position_embeddings=512,
              attention_dropout=0.0, initializer_range=0.02)


def families():
    from transformers import GraniteConfig, LlamaConfig, MistralConfig, Olmo2Config, Qwen2Config, Qwen3Config, SmolLM3Config
    llama3 = dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                  original_max_position_embeddings=32)
    return {
        "llama": LlamaConfig(**COMMON, num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5, tie_word_embeddings=False),
        "llama3": LlamaConfig(**COMMON, num_attention_heads=4, num_key_value_heads=1, head_dim=24, rms_norm_eps=1e-6,
                              rope_parameters=llama3, tie_word_embeddings=True),
        "smollm2": LlamaConfig(**{**COMMON, "hidden_size": 72}, num_attention_heads=9, num_key_value_heads=3,
                               rope_parameters=dict(rope_type="default", rope_theta=100000.0), tie_word_embeddings=True),
        "mistral": MistralConfig(**COMMON, num_attention_heads=4, num_key_value_heads=2, head_dim=20, sliding_window=None,
                                 tie_word_embeddings=False),
        "mistral-window": MistralConfig(**COMMON, num_attention_heads=4, num_key_value_heads=2, sliding_window=17,
                                        tie_word_embeddings=False),
        "qwen2": Qwen2Config(**COMMON, num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-6, tie_word_embeddings=True),
        "qwen2-window": Qwen2Config(**COMMON, num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-6, use_sliding_window=True,
                                    sliding_window=17, max_window_layers=1, tie_word_embeddings=True),
        "qwen2-yarn": Qwen2Config(**COMMON, num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-6, tie_word_embeddings=True, rope_parameters=dict(
            rope_type="yarn", factor=4.0, rope_theta=10000.0, original_max_position_embeddings=48)),
        "dynamic": LlamaConfig(**{**COMMON, "max_position_embeddings": 90}, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True,
                               rope_parameters=dict(rope_type="dynamic", factor=4.0, rope_theta=10000.0)),
        "granite": GraniteConfig(**COMMON, num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-5, embedding_multiplier=3.0,
                                 residual_multiplier=0.4, attention_multiplier=0.2, logits_scaling=2.5, tie_word_embeddings=True),
        "smollm3": SmolLM3Config(**{**COMMON, "num_hidden_layers": 5}, num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-6, no_rope_layer_interval=4, pad_token_id=None,
                                 bos_token_id=1, eos_token_id=2, tie_word_embeddings=True),
        "qwen3-window": Qwen3Config(**COMMON, num_attention_heads=4, num_key_value_heads=2, head_dim=32, rms_norm_eps=1e-6, use_sliding_window=True,
                                    sliding_window=17, layer_types=["full_attention", "full_attention", "sliding_attention"], tie_word_embeddings=False),
        "olmo2": Olmo2Config(**COMMON, num_attention_heads=4, num_key_value_heads=2, rms_norm_eps=1e-6, pad_token_id=None, eos_token_id=2,
                             tie_word_embeddings=False),
        # Every row a multiple of 64: bitsandbytes 0.50.2 dequantises other matrices wrongly on a CPU (24 % off instead of 9 %, though the codes
        # are right).
        "blocks": LlamaConfig(**{**COMMON, "intermediate_size": 128}, num_attention_heads=4, num_key_value_heads=4, tie_word_embeddings=True),
        "qwen3": Qwen3Config(**COMMON, num_attention_heads=4, num_key_value_heads=2, head_dim=32, rms_norm_eps=1e-6,
                             rope_parameters=dict(rope_type="default", rope_theta=1e6), tie_word_embeddings=False),
    }


def sharpen(model):
    """Weights scaled so that attention is far from uniform and norms and biases matter."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith("bias"):
                parameter.copy_(0.5 * noise)
            elif parameter.dim() == 1:
                parameter.copy_(1.0 + 0.3 * noise)
            else:
                parameter.copy_(1.6 / math.sqrt(parameter.shape[1]) * noise)


def tokens_for(vocab, count):
    return [(i * 7919 + 13) % vocab for i in range(count)]


def logits_of(model, tokens):
    with torch.no_grad():
        return model(torch.tensor([tokens])).logits[0].float().contiguous()


def make_models(out):
    from transformers import AutoModelForCausalLM
    for name, config in families().items():
        config._attn_implementation = "eager"
        model = AutoModelForCausalLM.from_config(config).eval()
        sharpen(model)
        tokens = tokens_for(config.vocab_size, 90)
        for dtype, label in ((torch.float32, "fp32"), (torch.bfloat16, "bf16"), (torch.float16, "fp16")):
            # Stored in each type; the reference computes in fp32 from the stored numbers.
            folder = out / f"{name}-{label}"
            stored = model.to(dtype)
            stored.save_pretrained(folder, max_shard_size="60KB" if label == "bf16" else "5GB")
            exact = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
            save_file({"logits": logits_of(exact, tokens)}, str(folder / "expected.safetensors"))
            (folder / "tokens.json").write_text(json.dumps(tokens))
            model = stored.to(torch.float32)
        if name in ("llama", "smollm2", "granite", "smollm3"):
            write_gguf(exact, config, out / f"{name}.gguf", name)
        if name == "llama":
            write_gguf(exact, config, out / "llama-unpermuted.gguf", name, permuted=False)


def write_gguf(model, config, path, name, permuted=True):
    """The llama architecture of GGUF and those that share its layout: q and k rows permuted from half-split to interleaved, as llama.cpp's
    converter does; without that it is a wrong file, which a test must notice."""
    import gguf
    import numpy
    arch = config.model_type
    writer = gguf.GGUFWriter(str(path), arch)
    if arch == "granite":
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    writer.add_name(name)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    alphabet = [chr(c) for c in list(range(0x21, 0x7F)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100)) + list(range(0x100, 0x144))]
    pieces = (alphabet + [f"<extra{i}>" for i in range(config.vocab_size)])[:config.vocab_size]
    writer.add_token_list(pieces)
    writer.add_token_types([1] * len(pieces))
    writer.add_token_merges([])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[arch.upper()], config.num_hidden_layers)
    for key, value in model.state_dict().items():
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        array = value.float().numpy()
        for part, heads in (("q_proj", config.num_attention_heads), ("k_proj", config.num_key_value_heads)):
            if part in key and permuted:
                rows = array.shape[0]
                array = array.reshape(heads, 2, rows // heads // 2, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)
        writer.add_tensor(names.get_name(key, try_suffixes=(".weight", ".bias")), numpy.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def load(folder):
    from transformers import AutoModelForCausalLM
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def gguf_logits(path, out):
    from transformers import AutoModelForCausalLM
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager").eval()
    tokens = tokens_for(model.config.vocab_size, 64)
    out.mkdir(parents=True, exist_ok=True)
    save_file({"logits": logits_of(model, tokens)}, str(out / "expected.safetensors"))
    (out / "tokens.json").write_text(json.dumps(tokens))


def peft_adapter(folder, out, dora=False):
    from peft import LoraConfig, get_peft_model
    model = load(folder)
    config = LoraConfig(r=5, lora_alpha=9, use_rslora=True, use_dora=dora, task_type="CAUSAL_LM", lora_dropout=0.1,
                        target_modules=["q_proj", "v_proj", "o_proj", "down_proj"], rank_pattern={"v_proj": 3}, alpha_pattern={"layers.1.mlp.down_proj": 4})
    adapted = get_peft_model(model, config).eval()
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
            elif "lora_magnitude_vector" in name:
                parameter.mul_(1 + 0.2 * torch.randn(parameter.shape, generator=generator))
    adapted.save_pretrained(out)
    tokens = tokens_for(model.config.vocab_size, 80)
    save_file({"logits": logits_of(adapted, tokens)}, str(out / "expected.safetensors"))
    (out / "tokens.json").write_text(json.dumps(tokens))


def adapter_with_modules(folder, out, modules, tie):
    from peft import LoraConfig, get_peft_model
    config = LoraConfig(r=3, lora_alpha=5, task_type="CAUSAL_LM", target_modules=["q_proj", "down_proj"], modules_to_save=str(modules).split(","),
                        ensure_weight_tying=str(tie) == "tied")
    adapted = get_peft_model(load(folder), config).eval()
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    adapted.save_pretrained(out)
    tokens = tokens_for(adapted.config.vocab_size, 80)
    save_file({"logits": logits_of(adapted, tokens)}, str(out / "expected.safetensors"))
    (out / "tokens.json").write_text(json.dumps(tokens))


def adapter_logits(folder, adapter, tokens, out):
    from peft import PeftModel
    adapted = PeftModel.from_pretrained(load(folder), adapter).eval()
    save_file({"logits": logits_of(adapted, json.loads(tokens.read_text()))}, str(out))


def pissa_start(model, adapter):
    """PEFT's own PiSSA start (exact SVD) with the sizes of an adapter folder."""
    from peft import LoraConfig, get_peft_model
    config = LoraConfig.from_pretrained(adapter)
    config.init_lora_weights = "pissa"
    config.inference_mode = False
    return get_peft_model(model, config)


def pissa_products(folder, adapter, out):
    """B A of every adapted map at PEFT's PiSSA start, and what is left of the weight."""
    tensors = {}
    for name, module in pissa_start(load(folder), adapter).named_modules():
        if hasattr(module, "lora_A"):
            key = name.removeprefix("base_model.model.")
            tensors[key + ".product"] = (module.lora_B["default"].weight @ module.lora_A["default"].weight).detach().contiguous()
            tensors[key + ".residual"] = module.base_layer.weight.detach().contiguous()
    save_file(tensors, str(out))


def principal_parts(out):
    """Matrices too large for an exact decomposition while loading, with spectra like those of trained weights, and their principal parts
    of rank 16 by torch.linalg.svd in fp64."""
    generator = torch.Generator().manual_seed(5)
    tensors = {}
    for name, rows, columns, power in (("wide", 320, 700, 0.8), ("tall", 640, 260, 0.6), ("steep", 300, 300, 2.0)):
        u, _ = torch.linalg.qr(torch.randn(rows, min(rows, columns), generator=generator, dtype=torch.float64))
        v, _ = torch.linalg.qr(torch.randn(columns, min(rows, columns), generator=generator, dtype=torch.float64))
        s = 10.0 / torch.arange(1, min(rows, columns) + 1, dtype=torch.float64) ** power
        weight = (u * s @ v.T).float()
        u, s, v = torch.linalg.svd(weight.double(), full_matrices=False)
        tensors[name + ".weight"] = weight.contiguous()
        tensors[name + ".product"] = (u[:, :16] * s[:16] @ v[:16]).float().contiguous()
    save_file(tensors, str(out))


def lion_step(groups, state, betas):
    """Chen et al. 2023, algorithm 2, with decoupled weight decay."""
    with torch.no_grad():
        for group in groups:
            for p in group["params"]:
                m = state.setdefault(p, torch.zeros_like(p))
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(group["lr"] * torch.sign(betas[0] * m + (1 - betas[0]) * p.grad))
                m.mul_(betas[1]).add_(p.grad, alpha=1 - betas[1])


def load_for_training(folder, adapter, rows):
    """The model with what is trained: an adapter over a plain or an NF4 base, or all of it."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig
    if rows["method"] == "full":
        return load(folder).requires_grad_(True)
    if rows.get("adapter_init") == "pissa":
        return pissa_start(load(folder), adapter)
    if rows["quantization"] == "none":
        check_start_magnitudes(load(folder), adapter)
        return PeftModel.from_pretrained(load(folder), adapter, is_trainable=True)  # with its modules_to_save
    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=rows["double_quantization"],
                                bnb_4bit_compute_dtype=torch.float32)
    def quantised():
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", quantization_config=config, device_map="cpu")
    check_start_magnitudes(quantised(), adapter)
    return PeftModel.from_pretrained(quantised(), adapter, is_trainable=True)


def check_start_magnitudes(model, adapter):
    """The magnitudes in a folder that nobody has trained yet are those that PEFT itself starts from."""
    from peft import LoraConfig, get_peft_model
    config = LoraConfig.from_pretrained(adapter)
    if not config.use_dora:
        return
    config.inference_mode = False
    stored = load_file(str(adapter / "adapter_model.safetensors"))
    count = 0
    for name, module in get_peft_model(model, config).named_modules():
        if hasattr(module, "lora_magnitude_vector") and len(module.lora_magnitude_vector) > 0:
            torch.testing.assert_close(stored[name + ".lora_magnitude_vector"], module.lora_magnitude_vector["default"].weight.detach(), rtol=1e-6, atol=0)
            count += 1
    assert 3 * count == len(stored), (count, len(stored))


def curve(folder, adapter, rows_file, out):
    """rows: {"steps": [[{"tokens", "targets"}...]...], "lr": [...], "clip", "weight_decay", "betas", "eps", "optimizer", "momentum", "ratio",
    "method", "quantization", "double_quantization"}; a target of -1 is not learnt. Mean over all supervised tokens of a step, one document
    at a time: no packing on this side. Norms and biases do not decay, as in transformers' Trainer; B matrices and magnitudes have `ratio`
    times the rate, as in peft/optimizers/loraplus.py."""
    rows = json.loads(rows_file.read_text())
    model = load_for_training(folder, adapter, rows)
    model.train()
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    trained = [p for _, p in named]
    groups = [{"params": [p], "weight_decay": rows["weight_decay"] if p.dim() > 1 or "lora_" in n else 0.0,
               "ratio": rows["ratio"] if "lora_B" in n or "lora_magnitude" in n else 1.0}
              for n, p in named]
    optimizer = (torch.optim.SGD(groups, lr=1.0, momentum=rows["momentum"]) if rows["optimizer"] == "sgd"
                 else torch.optim.AdamW(groups, lr=1.0, betas=rows["betas"], eps=rows["eps"]))
    moments = {}
    losses = []
    for documents, rate in zip(rows["steps"], rows["lr"]):
        supervised = sum(t >= 0 for d in documents for t in d["targets"])
        optimizer.zero_grad()
        total = 0.0
        for document in documents:
            logits = model(torch.tensor([document["tokens"]])).logits[0].float()
            loss = torch.nn.functional.cross_entropy(logits, torch.tensor(document["targets"]), ignore_index=-1, reduction="sum") / supervised
            loss.backward()
            total += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(trained, rows["clip"])
        for group in optimizer.param_groups:
            group["lr"] = rate * group["ratio"]
        if rows["optimizer"] == "lion":
            lion_step(optimizer.param_groups, moments, rows["betas"])
        else:
            optimizer.step()
        losses.append({"loss": total, "grad_norm": norm.item()})
    out.write_text(json.dumps(losses))


def main():
    verb, *paths = sys.argv[1:]
    paths = [pathlib.Path(p) for p in paths]
    {"models": make_models, "gguf": gguf_logits, "peft": peft_adapter, "dora": lambda folder, out: peft_adapter(folder, out, True), "modules": adapter_with_modules,
     "logits": adapter_logits, "curve": curve,
     "pissa": pissa_products, "principal": principal_parts}[verb](*paths)


if __name__ == "__main__":
    main()
