# SPDX-License-Identifier: GPL-3.0-or-later
"""bitsandbytes' CPU build and torch.optim as oracles for quantised weights and optimizers.

FOLDER    writes weights.safetensors, checkpoint.safetensors and optimizers.safetensors into FOLDER

One thread, so that LibTorch's sums have one order; nothing is compiled, so that its arithmetic is what is written.
"""
import os
import pathlib
import sys

os.environ["TORCHDYNAMO_DISABLE"] = "1"

import bitsandbytes as bnb
import torch
from bitsandbytes import functional as F
from safetensors.torch import save_file

STEPS = 12
SIZE = 10240  # whole vectors and whole blocks: LibTorch's loops over the rest do not fuse multiply and add


def matrices():
    """Sizes that are and are not multiples of blocks, and numbers at the edges of the arithmetic. (No width is a multiple of 16 but
    not of 64, except of zeros: there their AVX-512 loop takes the scales of other blocks.)"""
    for rows, cols in ((1, 1), (3, 5), (1, 64), (7, 33), (37, 150), (130, 576), (300, 1000), (96, 2048), (601, 640)):
        yield torch.randn(rows, cols) * 0.02
    yield torch.zeros(4, 96)
    tiny = torch.randn(6, 64) * 1e-39
    tiny[2] = 0
    tiny[3] = torch.randn(64) * 3e-38
    yield tiny
    code = F.get_4bit_type("nf4", device="cpu")
    bounds = (code[:-1] + code[1:]) / 2
    around = torch.cat([code, bounds, bounds.nextafter(torch.tensor(2.0)), bounds.nextafter(torch.tensor(-2.0)), torch.zeros(3)])
    yield torch.cat([around, around * 0.37, around * 3.1, torch.randn(64) * 100]).reshape(4, 64)
    yield torch.randn(64, 256).to(torch.bfloat16).float()
    heavy = torch.randn(50, 320) ** 5
    heavy[10:20] *= 1e4
    yield heavy


def weights():
    tensors = {"map.signed": F.create_dynamic_map(True), "map.unsigned": F.create_dynamic_map(False), "map.nf4": F.get_4bit_type("nf4", device="cpu")}
    for i, x in enumerate(matrices()):
        part = {"x": x}
        part["codes"], plain = F.quantize_4bit(x, blocksize=64, quant_type="nf4")
        part["absmax"] = plain.absmax
        doubled, nested = F.quantize_4bit(x, blocksize=64, quant_type="nf4", compress_statistics=True)
        assert torch.equal(doubled, part["codes"])
        part["absmax8"], part["nested"], part["offset"] = nested.absmax, nested.state2.absmax, nested.offset.reshape(1)
        part["int8"], part["scales"], _ = F.int8_vectorwise_quant(x.clone())
        for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
            plain.dtype = nested.dtype = dtype
            if 0 < x.abs().max() < 1e-37 and name == "bf16":
                continue  # AVX512_BF16 flushes denormals, other processors do not
            part["plain." + name] = F.dequantize_4bit(part["codes"].reshape(-1, 1), plain).reshape(x.shape)
            part["double." + name] = F.dequantize_4bit(part["codes"].reshape(-1, 1), nested).reshape(x.shape)
            part["int8." + name] = F.int8_vectorwise_dequant(part["int8"], part["scales"]).to(dtype)
        tensors |= {f"{i}.{name}": tensor.contiguous().clone() for name, tensor in part.items()}
    for n in (1, 7, 8, 31, 33, 1000, 40000, 300001):
        tensors[f"sum.{n}"] = torch.rand(n)
        tensors[f"sum.{n}.sum"] = tensors[f"sum.{n}"].sum().reshape(1)
    # Every code's neighbourhood under a scale of one, and random values.
    line = torch.cat([torch.linspace(-1, 1, 255 * 1000), torch.randn(255 * 500).clamp(-1, 1), tensors["map.signed"][:255]])
    line = torch.cat([torch.ones(len(line) // 255, 1), line.reshape(-1, 255)], dim=1).flatten()
    codes, state = F.quantize_blockwise(line, blocksize=256)
    return tensors | {"line.x": line, "line.codes": codes, "line.absmax": state.absmax}


def checkpoint():
    """The tensors of one linear map as transformers saves it."""
    x = torch.randn(40, 192) * 0.05
    codes, state = F.quantize_4bit(x.to(torch.bfloat16), blocksize=64, quant_type="nf4", compress_statistics=True)
    tensors = {"q_proj.weight": codes, "values": F.dequantize_4bit(codes, state)}
    return tensors | {"q_proj.weight." + name: tensor.contiguous().clone() for name, tensor in state.as_dict(packed=True).items()}


def run(make, gradients, start):
    p = torch.nn.Parameter(start.clone())
    optimizer = make([p])
    for gradient in gradients:
        p.grad = gradient.clone()
        optimizer.step()
    return p.data, optimizer.state[p]


def optimizers():
    start = torch.randn(SIZE)
    gradients = torch.randn(STEPS, SIZE) * torch.logspace(-4, 1, SIZE)
    gradients[:, 512:768] = 0
    scaled = gradients * torch.tensor(0.5)
    tensors = {"start": start, "gradients": gradients}
    adam = dict(lr=1e-2, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)
    tensors["adamw.p"], _ = run(lambda p: torch.optim.AdamW(p, **adam), scaled, start)
    tensors["adamw8.p"], state = run(lambda p: bnb.optim.AdamW8bit(p, **adam), scaled, start)
    assert state["state1"].dtype == torch.uint8
    for ours, theirs in (("m", "state1"), ("v", "state2"), ("absmax1", "absmax1"), ("absmax2", "absmax2")):
        tensors["adamw8." + ours] = state[theirs]
    tensors["sgd.p"], state = run(lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9, weight_decay=0.1), scaled, start)
    tensors["sgd.v"] = state["momentum_buffer"]
    tensors["plain_sgd.p"], _ = run(lambda p: torch.optim.SGD(p, lr=1e-2), scaled, start)
    tensors["lion.p"], state = run(lambda p: bnb.optim.Lion32bit(p, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1), scaled, start)
    tensors["lion.m"] = state["state1"]
    return tensors


torch.manual_seed(4)
torch.set_num_threads(1)
folder = pathlib.Path(sys.argv[1])
for name, make in (("weights", weights), ("checkpoint", checkpoint), ("optimizers", optimizers)):
    save_file(make(), folder / (name + ".safetensors"))
