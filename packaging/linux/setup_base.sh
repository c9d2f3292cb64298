# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What every set-up script shares: where things lie, how it speaks, stamps, and the lock. Sourced, never run.

lorikeet_source="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)"
linux_dir="$lorikeet_source/packaging/linux"

# The XDG specification says that relative values are to be ignored.
cache_home="${XDG_CACHE_HOME:-}"
[[ $cache_home == /* ]] || cache_home="${HOME:?HOME is not set, so there is no place for the cache}/.cache"
data_home="${XDG_DATA_HOME:-}"
[[ $data_home == /* ]] || data_home="$HOME/.local/share"
cache="$cache_home/lorikeet"
logs="$cache/logs"

step() { printf '\n== %s\n' "$1" >&2; }
note() { printf '   %s\n' "$1" >&2; }

# fail SENTENCE: the one clear sentence on standard error, exit code 1.
fail() {
    printf '\nlorikeet: %s\n' "$1" >&2
    exit 1
}

# A stamp is a small file that says what is finished; it is written last and whole, so what it vouches for is whole too.
# stamp_says FILE CONTENT: true if FILE holds exactly CONTENT.
stamp_says() { [[ -f $1 && "$(<"$1")" == "$2" ]]; }

write_stamp() {
    { printf '%s\n' "$2" >"$1.part" && mv -f -- "$1.part" "$1"; } || disk_full_or "cannot write $1."
}

free_kib() { df -Pk -- "$1" | awk 'NR == 2 { print $4 }'; }

gib() { awk -v kib="$1" 'BEGIN { printf "%.1f", kib / 1048576 }'; }

# disk_full_or SENTENCE: fails with the sentence on the full disk if that is what happened, else with SENTENCE.
disk_full_or() {
    local free
    free="$(free_kib "$cache" 2>/dev/null || true)"
    if [[ -n $free ]] && ((free < 65536)); then
        fail "the disk that holds $cache is full ($(gib "$free") GiB free); free some space or set XDG_CACHE_HOME to a larger disk."
    fi
    fail "$1"
}

# require_space KIB: checks before anything is fetched that it will fit.
require_space() {
    local free
    free="$(free_kib "$cache")"
    if ((free < $1)); then
        fail "not enough disk space in $cache: $(gib "$1") GiB needed, $(gib "$free") GiB free; free some space or set XDG_CACHE_HOME to a larger disk."
    fi
}

# Two set-ups at the same time would write the same files: the second one waits.
lock_cache() {
    mkdir -p -- "$cache" "$logs" 2>/dev/null || fail "cannot create the cache folder $cache; set XDG_CACHE_HOME to a folder that can be written."
    exec 9>"$cache/.lock"
    if ! flock -n 9; then
        note "another set-up is running; waiting for it ..."
        flock 9
    fi
}

# unlock_cache: what follows needs only its own build root.
unlock_cache() { exec 9>&-; }

interrupted() {
    printf '\nlorikeet: interrupted; the same command goes on where this one stopped.\n' >&2
    exit 130
}
trap interrupted INT TERM
