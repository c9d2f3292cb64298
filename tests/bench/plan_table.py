# SPDX-License-Identifier: GPL-3.0-or-later
"""Lorikeet's plan beside published measurements: runs `lorikeet-cli plan` over the jobs of published.py and writes the tables of
engine/plan/README.md, between their markers.

    python3 plan_table.py --cli BUILD/app/lorikeet-cli           # writes
    python3 plan_table.py --cli BUILD/app/lorikeet-cli --check   # fails when the file says something else
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import published
from published import GIB

README = pathlib.Path(__file__).resolve().parents[2] / "engine" / "plan" / "README.md"


class Planner:
    """Starts one process for each question, as many at a time as there are processors; the answers come in the order of the questions."""

    def __init__(self, cli, folder):
        self.cli, self.folder = cli, pathlib.Path(folder)
        (self.folder / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
        self.jobs = {}

    def prepare(self, models):
        for model in models:
            name = model["_name_or_path"] if isinstance(model, dict) else model
            if name in self.jobs:
                continue
            home = self.folder / str(len(self.jobs))
            home.mkdir()
            if isinstance(model, dict):
                (home / "config.json").write_text(json.dumps(model))
                model = str(home / "config.json")
            self.jobs[name] = home / "job.lorikeet.json"
            self.run("job", "new", "--model", model, "--data", str(self.folder / "rows.jsonl"), "-o", str(self.jobs[name]))

    def run(self, *arguments):
        return subprocess.run([self.cli, *arguments], check=True, capture_output=True, text=True).stdout

    def ask(self, question):
        model, device, settings, *words = question
        path = self.jobs[model["_name_or_path"] if isinstance(model, dict) else model]
        fields = [part for setting in settings for part in ("--set", "recipe." + setting)]
        return json.loads(self.run("plan", str(path), "--device", device, "--json", *words, *fields))

    def answers(self, questions):
        questions = list(questions)
        self.prepare(question[0] for question in questions)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(self.ask, questions))


def external(plan):
    return sum(term["bytes"] for term in plan["terms"] if term["estimate"])


def reason(entry, plan, plain):
    """The entry's words with this plan's numbers in them, in GiB."""
    categories = plan["categories"]
    states = categories["weights"] + categories["gradients"] + categories["optimizer"]
    numbers = {"below": f"{plan['total_bytes'] / GIB - 0.5:.2f}", "host": f"{plan['host_bytes'] / GIB:.1f}", "states": f"{states / GIB:.1f}",
               "rest": f"{(plan['total_bytes'] - states - external(plan)) / GIB:.1f}", "outside": f"{external(plan) / GIB:.1f}"}
    if plain:
        numbers["time"] = f"{100 * (plain['forecast']['tokens_per_second'] / plan['forecast']['tokens_per_second'] - 1):.1f}"
    return entry["reason"].format(**numbers)


def memory_table(planner):
    lines = ["| source | job | published | planned | of which estimated (context, library pool) | plan / published | why they differ |",
             "|---|---|---|---|---|---|---|"]
    entries = list(published.rows())
    plans = planner.answers((entry["model"], entry["device"], entry["settings"]) for entry in entries)
    timed = [entry for entry in entries if entry["timed_against"]]
    plains = dict(zip(map(id, timed), planner.answers((entry["model"], entry["device"], entry["timed_against"]) for entry in timed)))
    for entry, plan in zip(entries, plans):
        total = plan["categories"][entry["part"]] if entry["part"] else plan["total_bytes"]
        outside = 0 if entry["part"] else external(plan)
        lines.append(f"| {entry['source']} | {entry['job']} | {entry['published'] / GIB:.1f} GiB | {total / GIB:.2f} GiB | {outside / GIB:.2f} GiB "
                     f"| {total / entry['published']:.2f} | {reason(entry, plan, plains.get(id(entry)))} |")
    return lines


def context_table(planner):
    lines = ["| model | memory | card | Unsloth | HF + FA2 | planned, whole blocks recomputed | planned, also 8-bit AdamW and a loss chunk of 64 "
             "| planned, also embedding and layers' inputs in host memory |", "|---|---|---|---|---|---|---|---|"]
    settings = ["context=512", "micro_batch=1", "rank=32", "quantization=nf4", "recompute=3"]
    small = ["optimizer=adamw_8bit", "loss_chunk=64"]
    ways = [settings, settings + small, settings + small + published.HOST]
    cards = [(model, *card) for model, group in published.CONTEXTS.items() for card in group]
    answers = planner.answers((model, device, way, "--longest-context") for model, device, *_ in cards for way in ways)
    for index, (model, device, size, unsloth, plain) in enumerate(cards):
        mine = answers[index * len(ways):(index + 1) * len(ways)]
        cells = [f"{answer['context']:,}" + (" (the model's limit)" if answer["limited_by_model"] else "") if answer["context"] else "does not fit" for answer in mine]
        words = f"{plain:,}" if plain else "out of memory"
        lines.append(f"| {model.removeprefix('blueprint:')} | {size} GB | {device} | {unsloth:,} | {words} | {' | '.join(cells)} |")
    return lines


def size_table(planner):
    lines = ["| size | planned for | 4-bit QLoRA: Unsloth, LLaMA-Factory | planned | 8-bit: LLaMA-Factory | planned | 16-bit LoRA: Unsloth, LLaMA-Factory | planned |",
             "|---|---|---|---|---|---|---|---|"]
    plain = ["context=2048", "micro_batch=1", "rank=16", "recompute=3"]
    ways = [plain + [f"quantization={name}"] for name in ("nf4", "int8", "none")]
    answers = planner.answers((f"blueprint:{model}", "B300", way) for _, model, _, _ in published.SIZES for way in ways)
    for index, (size, model, unsloth, factory) in enumerate(published.SIZES):
        four, eight, whole = (f"{answer['total_bytes'] / published.GB:.1f} GB" for answer in answers[index * len(ways):(index + 1) * len(ways)])
        theirs = [f"{number} GB" for number in factory] if factory else ["-"] * 3
        lines.append(f"| {size} | {model} | {unsloth[0]} GB, {theirs[0]} | {four} | {theirs[1]} | {eight} | {unsloth[1]} GB, {theirs[2]} | {whole} |")
    return lines


def replaced(text, name, lines):
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    head, rest = text.split(begin, 1)
    return head + begin + "\n".join(lines) + "\n" + end + rest.split(end, 1)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cli", required=True)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        planner = Planner(str(pathlib.Path(options.cli).resolve()), folder)
        before = after = README.read_text(encoding="utf-8")
        for name, table in (("memory-table", memory_table), ("context-table", context_table), ("size-table", size_table)):
            after = replaced(after, name, table(planner))
    if options.check:
        if before != after:
            sys.exit("the tables of engine/plan/README.md are not what lorikeet-cli plans; run tests/bench/plan_table.py --cli PATH")
        return
    README.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
