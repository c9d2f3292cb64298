# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Downloads by exact version and SHA-256 through pip, one file at a time, and unpacks them into the cache. Sourced after
# setup_base.sh. Whatever is interrupted is fetched again; whatever has its stamp is not touched.

# find_python MODE: sets python (the host's), python_tag (the wheels' Python, such as 311). LibTorch's C++ part is the same
# in the wheels of every Python, so `run` takes any interpreter; `test` imports torch and needs one that has a wheel.
find_python() {
    local candidate tag
    for candidate in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
        command -v "$candidate" >/dev/null || continue
        tag="$("$candidate" -c 'import sys; print("%d%d" % sys.version_info[:2])' 2>/dev/null)" || continue
        case $tag in
            311 | 312 | 313)
                python="$(command -v "$candidate")"
                python_tag="$tag"
                return 0
                ;;
        esac
        [[ -n ${python:-} ]] || python="$(command -v "$candidate")"
    done
    [[ -n ${python:-} ]] || fail "there is no python3, which fetches LibTorch; install python3 and python3-venv."
    [[ $1 == run ]] || fail "the tests need Python 3.11, 3.12 or 3.13 (LibTorch's Python part exists for these), and $python is another one."
    python_tag=312
}

# make_venv FOLDER KEY: an empty virtual environment, made anew if KEY has changed or the interpreter has gone.
make_venv() {
    if stamp_says "$1/.made" "$2" && [[ -x $1/bin/python ]]; then
        return 0
    fi
    rm -rf -- "$1"
    "$python" -m venv -- "$1" >"$logs/venv.log" 2>&1 ||
        fail "$python cannot make a virtual environment; install its venv module (python3-venv) and run this again (details: $logs/venv.log)."
    write_stamp "$1/.made" "$2"
}

# lock_entry FILE NAME: the pinned lines of one package, as pip reads them.
lock_entry() {
    awk -v name="$2==" 'index($0, name) == 1 { inside = 1 } inside { print } inside && !/\\$/ { exit }' "$linux_dir/$1"
}

# lock_version FILE NAME: the pinned version.
lock_version() { lock_entry "$1" "$2" | sed -n '1s/^[^=]*==\([^ \\]*\).*/\1/p'; }

# run_pip PYTHON LOG ARGUMENT...: what pip says on standard output is its progress; its errors are kept in pip_errors (a full
# disk could not take them) and then in LOG.
run_pip() {
    local interpreter="$1" log="$2" status=0
    shift 2
    { pip_errors="$(PIP_REQUIRE_VIRTUALENV=0 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 "$interpreter" -m pip "$@" 2>&1 >&3)" || status=$?; } 3>&2
    printf '%s\n' "$pip_errors" 2>/dev/null >"$log" || true
    return "$status"
}

pip_said() { grep -q -i "$1" <<<"$pip_errors"; }

# pip_sentence LOG WHAT: turns pip's errors into one sentence.
pip_sentence() {
    if pip_said 'do not match the hashes\|hash mismatch'; then
        fail "the downloaded file of $2 does not have the SHA-256 that is written in packaging/linux and was thrown away; check the mirror or proxy of pip and run this again."
    elif pip_said 'no space left'; then
        fail "the disk filled up while fetching $2 into $cache; free some space or set XDG_CACHE_HOME to a larger disk."
    elif pip_said 'retrying\|connection\|timed out\|timeout\|temporary failure\|name resolution\|proxyerror\|sslerror\|incompleteread'; then
        fail "cannot reach the Python package index to fetch $2; check the network or proxy and run this again (what was fetched so far is kept)."
    elif pip_said 'no matching distribution'; then
        fail "the Python package index has no file of $2 for Python 3.${python_tag#3} on x86_64 Linux; check the index or mirror of pip."
    fi
    fail "pip could not fetch $2; its output is in $1."
}

# prepare_tools: the virtual environment whose pip does the fetching; made when something is to be fetched.
prepare_tools() {
    [[ -z ${tools_ready:-} ]] || return 0
    make_venv "$tools" "$("$python" -c 'import sys; print(sys.executable, sys.version.split()[0])')"
    pip_python="$tools/bin/python"
    tools_ready=1
}

# fetch FILE NAME OPTION...: downloads one pinned file and sets `fetched` to its path. pip checks the hash.
fetch() {
    local file="$1" name="$2" part="$cache/downloads/$2" version files
    shift 2
    prepare_tools
    version="$(lock_version "$file" "$name")"
    rm -rf -- "$part"
    mkdir -p -- "$part/tmp" || disk_full_or "cannot write into $cache."
    lock_entry "$file" "$name" >"$part/lock.txt"
    if ! TMPDIR="$part/tmp" run_pip "$pip_python" "$logs/pip-$name.log" download --no-cache-dir --no-deps --require-hashes "$@" \
        --requirement "$part/lock.txt" --dest "$part/files"; then
        rm -rf -- "$part"
        pip_sentence "$logs/pip-$name.log" "$name $version"
    fi
    rm -rf -- "$part/tmp"
    files=("$part"/files/*)
    [[ ${#files[@]} == 1 && -f ${files[0]} ]] || fail "pip said that it fetched $name $version, but $part/files does not hold one file."
    fetched="${files[0]}"
}

# fetch_wheel FILE NAME: a wheel for LibTorch's Python, whatever the host's Python is.
fetch_wheel() {
    local minor platforms=(--platform manylinux2014_x86_64 --platform manylinux2010_x86_64 --platform manylinux1_x86_64)
    for minor in {28..5}; do
        platforms+=(--platform "manylinux_2_${minor}_x86_64")
    done
    fetch "$1" "$2" --only-binary=:all: --implementation cp --python-version "$python_tag" --abi "cp$python_tag" --abi none "${platforms[@]}"
}

# unpack FILE FOLDER: with progress; failures become one sentence.
unpack() {
    "$pip_python" "$linux_dir/unpack_wheel.py" "$1" "$2" 2>"$logs/unpack.log" ||
        disk_full_or "could not unpack $(basename -- "$1"): $(tail -n 1 "$logs/unpack.log")"
}

# install_wheel FILE NAME FOLDER: fetches and unpacks one wheel into FOLDER unless its stamp says that this was done.
install_wheel() {
    local stamp="$3/.stamps/$2" entry
    entry="$(lock_entry "$1" "$2")"
    [[ -n $entry ]] || fail "packaging/linux/$1 does not pin $2."
    stamp_says "$stamp" "$entry" && return 0
    step "$2 $(lock_version "$1" "$2")"
    fetch_wheel "$1" "$2"
    mkdir -p -- "$3/.stamps" || disk_full_or "cannot write into $3."
    unpack "$fetched" "$3"
    write_stamp "$stamp" "$entry"
    rm -rf -- "$cache/downloads/$2"
}

# have_wheel FILE NAME FOLDER: true if its stamp is there.
have_wheel() { stamp_says "$3/.stamps/$2" "$(lock_entry "$1" "$2")"; }
