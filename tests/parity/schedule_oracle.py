# SPDX-License-Identifier: GPL-3.0-or-later
"""schedule_oracle.py CASES OUT: learning rates as transformers' schedulers give them.

CASES: a JSON list of {"schedule", "warmup_ratio", "total", "peak"}; OUT: a list of {"warmup", "rates"}, one rate per optimizer step.
"""
import json
import pathlib
import sys
import tempfile

import torch
from transformers import TrainingArguments, get_scheduler

NAMES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}


def rates(case, folder):
    arguments = TrainingArguments(output_dir=folder, warmup_steps=case["warmup_ratio"], use_cpu=True)
    warmup = arguments.get_warmup_steps(case["total"])
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=case["peak"])
    scheduler = get_scheduler(NAMES[case["schedule"]], optimizer, num_warmup_steps=warmup, num_training_steps=case["total"])
    values = []
    for _ in range(case["total"]):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return {"warmup": warmup, "rates": values}


def main():
    cases = json.loads(pathlib.Path(sys.argv[1]).read_text())
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(sys.argv[2]).write_text(json.dumps([rates(case, folder) for case in cases]))


if __name__ == "__main__":
    main()
