#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The set-up scripts when something goes wrong: each failure is one clear sentence and exit code 1, and leaves no stamp that
# vouches for half-written files. Real pip meets wrong hashes and no network; disks, compilers and apt are played by small
# programs that stand first on PATH. Usage: tst_setup.sh SOURCE PYTHON (an interpreter with pip)
# shellcheck disable=SC2016 # fakes and commands are quoted on purpose: they are expanded where they run
set -uo pipefail

source_dir="$1"
python="$2"
[[ -x $python ]] || {
    echo "FAIL: there is no Python with pip at '$python'"
    exit 1
}
top="$(mktemp -d)"
trap 'rm -rf -- "$top"' EXIT
scratch="$top/with space"
failures=0
cases=0

# new_case NAME: an empty cache, an empty folder of fakes, and lock files that pin a wheel of 1 KiB made here.
new_case() {
    name="$1"
    cases=$((cases + 1))
    place="$scratch/$cases"
    fakes="$place/fakes"
    index="$top/index-$cases" # pip splits its list of folders at spaces
    mkdir -p "$place/locks" "$index" "$fakes" "$place/cache"
    cp "$source_dir/packaging/linux/unpack_wheel.py" "$place/locks/"
    export XDG_CACHE_HOME="$place/cache"
    make_wheel 1.0
}

# make_wheel VERSION: a wheel `tiny` in the case's index, pinned with its true hash.
make_wheel() {
    "$python" - "$index" "$1" <<'P'
import sys, zipfile
folder, version = sys.argv[1:]
info = f"tiny-{version}.dist-info"
with zipfile.ZipFile(f"{folder}/tiny-{version}-py3-none-any.whl", "w") as wheel:
    wheel.writestr("tiny/payload.txt", version + "x" * 200000)
    wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{info}/RECORD", "")
P
    pin_wheel "$1" "$(sha256sum "$index/tiny-$1-py3-none-any.whl" | cut -c 1-64)"
}

pin_wheel() { printf 'tiny==%s \\\n    --hash=sha256:%s\n' "$1" "$2" >"$place/locks/requirements-libtorch.txt"; }

# fake NAME BODY: a program on PATH.
fake() {
    printf '#!/usr/bin/env bash\n%s\n' "$2" >"$fakes/$1"
    chmod +x "$fakes/$1"
}

prelude='set -euo pipefail
for part in base system wheels parts build; do source "$SOURCE_DIR/packaging/linux/setup_$part.sh"; done
linux_dir="$PLACE/locks" python_tag=311 tools_ready=1 pip_python="${PIP_PYTHON:-$PYTHON}"
lock_cache
'
install='install_wheel requirements-libtorch.txt tiny "$cache/parts"'

# set_up COMMANDS: runs them after the set-up scripts are loaded; leaves status and $place/out.
set_up() {
    status=0
    SOURCE_DIR="$source_dir" PLACE="$place" PYTHON="$python" PATH="$fakes:$PATH" PIP_NO_INDEX="${no_index-1}" PIP_FIND_LINKS="$index" \
        bash -c "$prelude$1" >"$place/out" 2>&1 </dev/null || status=$?
}

complain() {
    failures=$((failures + 1))
    printf 'FAIL: %s: %s\n%s\n' "$name" "$1" "$(sed 's/^/    | /' "$place/out")"
}

# expect_failure PATTERN: exit code 1 and exactly one sentence of ours, which matches.
expect_failure() {
    local sentences
    sentences="$(grep -c '^lorikeet: ' "$place/out")"
    [[ $status == 1 ]] || complain "exit code $status instead of 1"
    [[ $sentences == 1 ]] || complain "$sentences sentences instead of one"
    grep -q "^lorikeet: .*$1" "$place/out" || complain "no sentence with '$1'"
}

expect_success() { [[ $status == 0 ]] || complain "exit code $status"; }
expect_file() { [[ -f $XDG_CACHE_HOME/lorikeet/$1 ]] || complain "$1 is missing"; }
expect_no_file() { [[ ! -e $XDG_CACHE_HOME/lorikeet/$1 ]] || complain "$1 should not be there"; }

new_case "a wheel is fetched, unpacked and stamped; the second time nothing is asked"
set_up "$install"
expect_success
expect_file parts/tiny/payload.txt
expect_file parts/.stamps/tiny
expect_no_file downloads/tiny
rm -r "$index"
set_up "$install"
expect_success

new_case "a new version in the lock file is fetched although the old one has its stamp"
set_up "$install"
make_wheel 2.0
set_up "$install"
expect_success
grep -q '^2.0' "$XDG_CACHE_HOME/lorikeet/parts/tiny/payload.txt" || complain "the old version is still there"

new_case "a wrong hash"
pin_wheel 1.0 "$(printf '0%.0s' {1..64})"
set_up "$install"
expect_failure 'tiny 1.0 does not have the SHA-256'
expect_no_file parts
expect_no_file downloads/tiny

new_case "no network"
no_index=0 PIP_INDEX_URL=http://127.0.0.1:9/simple PIP_RETRIES=1
export PIP_INDEX_URL PIP_RETRIES
rm -r "$index" && mkdir "$index"
set_up "$install"
expect_failure 'cannot reach the Python package index to fetch tiny 1.0'
expect_no_file parts/.stamps/tiny
unset no_index PIP_INDEX_URL PIP_RETRIES

new_case "an index without the pinned version"
rm "$index"/*
set_up "$install"
expect_failure 'no file of tiny 1.0'

new_case "the disk fills up while pip fetches"
fake pip-python 'echo "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device" >&2; exit 1'
export PIP_PYTHON="$fakes/pip-python"
set_up "$install"
expect_failure 'the disk filled up while fetching tiny 1.0'
expect_no_file parts/.stamps/tiny
unset PIP_PYTHON

new_case "the disk fills up while pip fetches, and the log cannot be written either"
fake pip-python 'echo "OSError: [Errno 28] No space left on device" >&2; exit 1'
export PIP_PYTHON="$fakes/pip-python"
set_up "mkdir -p \"\$logs/pip-tiny.log\"; $install"
expect_failure 'the disk filled up while fetching tiny 1.0'
unset PIP_PYTHON

new_case "the disk fills up while a wheel is unpacked"
fake df 'echo "Filesystem 1024-blocks Used Available Capacity Mounted on"; echo "/dev/x 100 100 12 100% /"'
set_up "fetch_wheel requirements-libtorch.txt tiny; fetch_wheel() { :; }; ulimit -f 8; trap '' XFSZ; $install"
expect_failure 'the disk that holds .* is full'
expect_no_file parts/.stamps/tiny

new_case "the disk is too small from the start"
fake df 'echo "Filesystem 1024-blocks Used Available Capacity Mounted on"; echo "/dev/x 9 9 524288 50% /"'
set_up 'require_space 3145728'
expect_failure 'not enough disk space in .*: 3.0 GiB needed, 0.5 GiB free'

new_case "the cache folder cannot be made"
printf 'a file' >"$place/cache/lorikeet"
set_up ':'
expect_failure 'cannot create the cache folder'

new_case "a download that is interrupted leaves no stamp, and the next set-up goes through"
fake pip-python 'for argument; do [[ $previous == --dest ]] && dest="$argument"; previous="$argument"; done
mkdir -p "$dest"; printf half >"$dest/tiny-1.0-py3-none-any.whl"; touch "$XDG_CACHE_HOME/started"; sleep 30'
set -m
PIP_PYTHON="$fakes/pip-python" SOURCE_DIR="$source_dir" PLACE="$place" PYTHON="$python" bash -c "$prelude$install" >"$place/out" 2>&1 </dev/null &
child=$!
for ((i = 0; i < 100 && !$(test -e "$XDG_CACHE_HOME/started" && echo 1 || echo 0); i++)); do sleep 0.1; done
kill -INT -- "-$child"
wait "$child"
status=$?
set +m
[[ $status == 130 ]] || complain "exit code $status instead of 130"
grep -q '^lorikeet: interrupted' "$place/out" || complain "nothing was said about the interruption"
expect_no_file parts/.stamps/tiny
set_up "$install"
expect_success
expect_file parts/.stamps/tiny

new_case "too old a compiler"
fake g++ 'case $* in *-dumpfullversion*) echo 11.4.0;; *) echo "g++ (Ubuntu 11.4.0-1ubuntu1) 11.4.0";; esac'
CXX=g++ set_up check_compiler
expect_failure 'is version 11.4.0, and Lorikeet.s C++20 needs g++ 12 or newer'

new_case "no compiler"
CXX=no-such-compiler set_up check_compiler
expect_failure 'no C++ compiler (no-such-compiler)'

new_case "too old a cmake"
fake cmake 'echo "cmake version 3.22.1"'
set_up check_compiler
expect_failure 'cmake is version 3.22.1, and Lorikeet needs 3.25'

new_case "another processor"
fake uname 'echo aarch64'
set_up check_machine
expect_failure 'x86_64 only, and this machine is aarch64'

new_case "a Python that no wheel was made for, in the tests"
for interpreter in python3 python3.11 python3.12 python3.13; do fake "$interpreter" 'echo 314'; done
fake python3.14 'echo 314'
set_up 'command() { case $2 in /usr/bin/*) return 1;; esac; builtin command "$@"; }; find_python test'
expect_failure 'the tests need Python 3.11, 3.12 or 3.13'

new_case "missing system packages without root: the one line to type"
fake dpkg-query 'exit 1'
fake id 'echo 1000'
fake sudo 'exit 1'
fake apt-cache 'exit 0'
printf '# list\nfirst-dev\nsecond|third # names differ\n' >"$place/list"
set_up 'install_system_packages "$PLACE/list"'
expect_failure "type: su -c 'apt-get install -y first-dev second'"

new_case "apt cannot reach its archive"
fake dpkg-query 'exit 1'
fake id 'echo 0'
fake apt-get 'echo "Err:1 Temporary failure resolving the archive"; exit 100'
printf 'first-dev\n' >"$place/list"
set_up 'install_system_packages "$PLACE/list"'
expect_failure 'apt-get cannot reach the package archive'

new_case "installed packages are not asked for, whichever of the alternative names they have"
fake dpkg-query 'printf "ii first-dev\nii third\nun second\n"; exit 1'
fake apt-get 'touch "$XDG_CACHE_HOME/apt-was-called"'
printf 'first-dev\nsecond|third\n' >"$place/list"
set_up 'install_system_packages "$PLACE/list"'
expect_success
[[ ! -e $XDG_CACHE_HOME/apt-was-called ]] || complain "apt-get was called"

new_case "a build tree of another clone is thrown away"
set_up 'open_root x; mkdir -p "$build"; touch "$build/old"; open_root x; [[ -f $build/old ]]; lorikeet_source=/another/clone; open_root x; [[ ! -e $build/old ]]'
expect_success

new_case "every pinned file has a hash and none names a server"
for file in "$source_dir"/packaging/linux/requirements-*.txt; do
    grep -q '://' "$file" && complain "$(basename "$file") names a server"
    "$python" - "$file" >>"$place/out" <<'P' || complain "$(basename "$file") pins something without a hash"
import re, sys
text = open(sys.argv[1]).read().replace("\\\n", " ")
pins = [line for line in text.splitlines() if line and not line.startswith("#")]
sys.exit(not pins or any(not re.fullmatch(r"[\w.-]+==\S+( +--hash=sha256:[0-9a-f]{64})+", pin) for pin in pins))
P
done

new_case "the scripts can be run as they lie in the clone"
for file in .ci/run packaging/linux/run.sh packaging/linux/test.sh; do
    [[ -x $source_dir/$file ]] || complain "$file is not executable"
done

printf '%d cases, %d failures\n' "$cases" "$failures"
((failures == 0))
