# SPDX-License-Identifier: GPL-3.0-or-later
"""Unpacks a wheel (a zip file) into a folder, with progress on standard output when that is a terminal.

Files are written beside their place and renamed, so that a library in use by a running program is replaced, never
overwritten. Each entry's CRC is checked by zipfile; the SHA-256 of the whole file was checked by pip.
"""
import os
import pathlib
import shutil
import sys
import zipfile


def unpack(wheel: str, folder: str) -> None:
    root = pathlib.Path(folder).resolve()
    with zipfile.ZipFile(wheel) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        total = max(1, sum(entry.file_size for entry in entries))
        done, shown = 0, -1
        for entry in entries:
            target = (root / entry.filename).resolve()
            if root not in target.parents:
                raise ValueError(f"the entry {entry.filename} would leave the folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(target.name + ".part")
            with archive.open(entry) as source, open(part, "wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
            mode = entry.external_attr >> 16 & 0o777
            os.chmod(part, mode | 0o644 if mode else 0o644)
            os.replace(part, target)
            done += entry.file_size
            if sys.stdout.isatty() and 100 * done // total != shown:
                shown = 100 * done // total
                print(f"\r   unpacking {shown} %", end="", flush=True)
    if sys.stdout.isatty():
        print("\r   unpacked        ")


if __name__ == "__main__":
    try:
        unpack(sys.argv[1], sys.argv[2])
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        sys.exit(str(error))
