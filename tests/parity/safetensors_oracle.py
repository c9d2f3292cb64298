# SPDX-License-Identifier: GPL-3.0-or-later
"""The safetensors package as an oracle.

write FILE      writes tensors of many types and names to FILE (their bytes count 0, 1, 2, ...)
read FILE       prints {name: [dtype, shape, hexadecimal bytes]} of FILE
judge FILE      FILE holds files one after the other, each behind its length as u64; prints a list of true (read) and false (refused)
"""
import json
import struct
import sys

import numpy as np
import safetensors


def write(path):
    wanted = [("z", "float32", [2, 3], 4), ("a", "bfloat16", [5], 2), ("b", "float16", [1, 1, 3], 2), ("c", "float32", [], 4),
              ("long", "int64", [2], 8), ("flags", "bool", [3], 1), ("bytes", "uint8", [7], 1), ("none", "float32", [0, 4], 4),
              ("quote\" \\ \n \u00e4 \U0001f426 \x01", "float64", [1], 8), ("B", "bfloat16", [2], 2), ("i", "int32", [1], 4)]
    specs, keep = {}, []
    for name, dtype, shape, width in wanted:
        size = width * int(np.prod(shape, dtype=np.int64)) if shape else width
        data = np.arange(max(size, 1), dtype=np.uint8) % (2 if dtype == "bool" else 251)
        keep.append(data)
        specs[name] = safetensors.TensorSpec(dtype=dtype, shape=shape, data_ptr=data.ctypes.data, data_len=size)
    with open(path, "wb") as file:
        file.write(safetensors.serialize(specs, metadata={"format": "pt"}))


def read(path):
    with open(path, "rb") as file:
        tensors = safetensors.deserialize(file.read())
    json.dump({name: [t["dtype"], t["shape"], bytes(t["data"]).hex()] for name, t in tensors}, sys.stdout)


def judge(path):
    verdicts = []
    with open(path, "rb") as file:
        while length := file.read(8):
            try:
                safetensors.deserialize(file.read(struct.unpack("<Q", length)[0]))
                verdicts.append(True)
            except safetensors.SafetensorError:
                verdicts.append(False)
    json.dump(verdicts, sys.stdout)


{"write": write, "read": read, "judge": judge}[sys.argv[1]](sys.argv[2])
