# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the SHA-256 of every wheel behind the pins of a requirements file (Python 3.11 to 3.13 on x86_64 Linux).

Use: edit the versions in requirements-*.txt, then `python3 packaging/linux/lock_requirements.py FILE...`. Comments and
order are kept. pip itself is asked, so its configuration (mirror, proxy) is respected. requirements-source.txt pins a
source distribution and is kept by hand (`pip hash`).
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

PYTHONS = ("311", "312", "313")
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)] + [
    "manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"]
PIN = re.compile(r"^([A-Za-z0-9_.-]+==[^\s\\;]+)")


def pin_key(name: str, version: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower() + "==" + version


def wheel_hashes(pins: list[str]) -> dict[str, set[str]]:
    """SHA-256 of the wheels that pip would choose for each pin, over all supported Pythons."""
    found: dict[str, set[str]] = {}
    for python in PYTHONS:
        with tempfile.TemporaryDirectory() as folder:
            report = pathlib.Path(folder, "report.json")
            command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet",
                       "--report", str(report), "--only-binary=:all:", "--implementation", "cp", "--python-version",
                       python, "--abi", f"cp{python}", "--abi", "abi3", "--abi", "none", "--target", folder]
            for platform in PLATFORMS:
                command += ["--platform", platform]
            subprocess.run(command + pins, check=True)
            for item in json.loads(report.read_text())["install"]:
                key = pin_key(item["metadata"]["name"], item["metadata"]["version"])
                found.setdefault(key, set()).add(item["download_info"]["archive_info"]["hashes"]["sha256"])
    return found


def lock(path: pathlib.Path) -> None:
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("--hash=")]
    pins = [match[1] for line in lines if (match := PIN.match(line))]
    hashes = wheel_hashes(pins)
    written = []
    for line in lines:
        match = PIN.match(line)
        if not match:
            written.append(line)
            continue
        name, version = match[1].split("==")
        digests = sorted(hashes[pin_key(name, version)])
        written.append(" \\\n".join([match[1]] + [f"    --hash=sha256:{digest}" for digest in digests]))
    path.write_text("\n".join(written) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    for file in parser.parse_args().files:
        lock(file)
