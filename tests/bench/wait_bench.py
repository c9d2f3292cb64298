#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""wait_bench.py --cli CLI --model STARTER.gguf [--rounds N] [--busy N]: time per token of `generate` and `train` under several spin limits
of libgomp, in turns, beside so many busy loops, as a share of the first limit (libgomp's default)."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

LIMITS = ["300000", "0", "1000", "5000", "20000"]
JOB = pathlib.Path(__file__).resolve().parents[2] / "resources/starter/starter.lorikeet.json"


def lines(cli, arguments, environment):
    done = subprocess.run([cli, *arguments, "--json"], env=environment, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def generate(cli, environment, folder):
    prompt = ["generate", "starter", "--prompt", "Tell me a long story about the L2 cache of a graphics card.", "--max-tokens", "64", "--temperature", "0"]
    answer = lines(cli, prompt, environment)[-1]
    return answer["seconds"] / len(answer["tokens"])


def train(cli, environment, folder):
    settings = ["recipe.max_steps=5", "data.validation_fraction=0", "recipe.micro_batch=1", "recipe.context=256"]
    words = ["train", str(JOB), "--out", tempfile.mkdtemp(dir=folder) + "/run"]
    for setting in settings:
        words += ["--set", setting]
    steps = [event for event in lines(cli, words, environment) if event.get("event") == "step"]
    return statistics.median(step["seconds"] / step["tokens"] for step in steps[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cli", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--busy", type=int, default=0)
    options = parser.parse_args()
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(options.rounds):
            for work in (generate, train):
                for limit in LIMITS if turn % 2 == 0 else reversed(LIMITS):
                    environment = dict(os.environ, GOMP_SPINCOUNT=limit, LORIKEET_STARTER_MODEL=options.model, XDG_DATA_HOME=folder)
                    environment.pop("OMP_WAIT_POLICY", None)
                    loops = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(options.busy)]
                    try:
                        seconds.setdefault((work.__name__, limit), []).append(work(options.cli, environment, folder))
                    finally:
                        for loop in loops:
                            loop.kill()
                            loop.wait()
    for work in ("generate", "train"):
        default = statistics.median(seconds[work, LIMITS[0]])
        print(work, ", ".join(f"{limit}: {statistics.median(seconds[work, limit]) / default:.2f}" for limit in LIMITS))


if __name__ == "__main__":
    main()
