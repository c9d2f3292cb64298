#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says which answers have the shape that the starter data set teaches: three lines, In short / Number / Try.

Usage:
    check_answers.py ANSWERS.jsonl [--at-least N] [--at-most N] [--quiet]

ANSWERS.jsonl holds one JSON object per line with "prompt" and "answer". One line is printed per answer and one for the
sum. Exit code 0: all answers have the shape, or, when a bound is given, their count keeps it. 1: not so. 2: the file
cannot be read, a line is not such an object, or there are no answers.
Only the standard library is used, so that any Python 3.9 or newer can run it.
"""
import argparse
import json
import sys

LEAD_INS = ("In short: ", "Number: ", "Try: ")
MIN_WORDS = 2   # per line, after the lead-in: a lead-in alone is no answer
MAX_WORDS = 40  # per line: a line that never ends is a loop, not an answer


def shape_fault(answer):
    """Returns None when the answer has the taught shape, else one sentence that says what is wrong.

    The shape: exactly three lines (white space around the whole answer is ignored) that begin with "In short: ",
    "Number: " and "Try: " in this order; each has 2 to 40 words after its lead-in; the second has a digit; the first
    and the last end with a full stop. A lead-in that comes twice is a fault too.
    """
    lines = answer.strip().split("\n")
    if len(lines) != len(LEAD_INS):
        return f"{len(lines)} lines instead of {len(LEAD_INS)}"
    for number, (line, lead_in) in enumerate(zip(lines, LEAD_INS), start=1):
        if not line.startswith(lead_in):
            return f'line {number} does not begin with "{lead_in}"'
        words = len(line[len(lead_in):].split())
        if not MIN_WORDS <= words <= MAX_WORDS:
            return f"line {number} has {words} words instead of {MIN_WORDS} to {MAX_WORDS}"
    if not any(character in "0123456789" for character in lines[1]):
        return "the Number line has no digit"
    for number in (1, 3):
        if not lines[number - 1].rstrip().endswith("."):
            return f"line {number} does not end with a full stop"
    if any(answer.count(lead_in) != 1 for lead_in in LEAD_INS):
        return "a lead-in comes more than once"
    return None


def read_answers(path):
    """Reads the JSON-lines file into a list of (prompt, answer). @throws ValueError naming the line that is wrong."""
    answers = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"{path}, line {number}: not JSON ({error.msg})") from error
            if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("prompt", "answer")):
                raise ValueError(f'{path}, line {number}: expected an object with the strings "prompt" and "answer"')
            answers.append((row["prompt"], row["answer"]))
    if not answers:
        raise ValueError(f"{path}: no answers in the file")
    return answers


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("answers", help="JSON-lines file with prompt and answer")
    parser.add_argument("--at-least", type=int, help="so many answers must have the shape")
    parser.add_argument("--at-most", type=int, help="no more answers than this may have the shape")
    parser.add_argument("--quiet", action="store_true", help="print the sum only")
    options = parser.parse_args(arguments)
    try:
        answers = read_answers(options.answers)
    except (OSError, ValueError) as error:  # UnicodeDecodeError is a ValueError
        print(f"check_answers: {error}", file=sys.stderr)
        return 2
    good = 0
    for prompt, answer in answers:
        fault = shape_fault(answer)
        good += fault is None
        if not options.quiet:
            print(f"{'yes' if fault is None else 'no '}  {prompt}" + ("" if fault is None else f"  ({fault})"))
    print(f"{good} of {len(answers)} answers have the taught shape")
    lowest, highest = options.at_least, options.at_most
    if lowest is None and highest is None:
        lowest = len(answers)
    kept = (lowest is None or good >= lowest) and (highest is None or good <= highest)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
