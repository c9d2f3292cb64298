# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of PEFT's rank_pattern keys match which module paths: reads {"patterns": [...], "paths": [...]} from standard input and
prints a list with one list of booleans for each pattern.

The expression is PEFT's own. Importing PEFT imports PyTorch, so its source is read instead and must still contain it."""
import importlib.util
import json
import pathlib
import re
import sys

source = pathlib.Path(importlib.util.find_spec("peft").origin).parent / "utils" / "other.py"
if r're.match(rf"(.*\.)?({key})$", key_to_match)' not in source.read_text(encoding="utf-8"):
    sys.exit("PEFT matches its patterns in another way now: compare get_pattern_key with engine/spec/module_pattern.h")

question = json.load(sys.stdin)
json.dump([[bool(re.match(rf"(.*\.)?({key})$", path)) for path in question["paths"]] for key in question["patterns"]], sys.stdout)
