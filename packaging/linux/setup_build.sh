# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Configuring and building in the cache. Sourced after setup_parts.sh.
#
# A build root holds `source`, a link to the clone, and `tree`. The compiler sees only paths relative to the root, so ccache
# serves a second clone of the same source from what the first one compiled.

# open_root NAME: sets root and build, and keeps other runs out of this root until this shell ends or opens another one. A
# tree that belonged to another clone is thrown away (its time stamps would lie).
open_root() {
    root="$cache/build/$1"
    build="$root/tree"
    mkdir -p -- "$root" || disk_full_or "cannot write into $cache."
    exec 8>"$root/.lock"
    if ! flock -n 8; then
        note "another run is using $root; waiting for it ..."
        flock 8
    fi
    if [[ "$(readlink -- "$root/source" 2>/dev/null || true)" != "$lorikeet_source" ]]; then
        rm -rf -- "$build"
        ln -sfn -- "$lorikeet_source" "$root/source"
    fi
}

# root_name PRESET: a name of its own for each clone.
root_name() { printf '%s-%s' "$1" "$(printf '%s' "$lorikeet_source" | sha256sum | cut -c 1-8)"; }

# job_count: as many compilers as there are processors and memory for (1.3 GiB each).
job_count() {
    local processors memory
    processors="$(nproc)"
    memory="$(awk '/^MemAvailable/ { print int($2 / 1363148) }' /proc/meminfo)"
    ((memory < processors)) && processors="$memory"
    ((processors < 1)) && processors=1
    printf '%s' "$processors"
}

# in_root COMMAND...: with ccache told that the root is the base of all paths.
in_root() { (cd -- "$root" && CCACHE_BASEDIR="$root" CCACHE_NOHASHDIR=1 "$@"); }

# configure PRESET OPTION...: only if the options, the presets or the tree have changed.
configure() {
    local preset="$1" key log="$logs/configure-$1.log"
    shift
    key="$preset $* $compiler_key $(sha256sum "$lorikeet_source/CMakePresets.json" | cut -c 1-16)"
    if [[ -f $build/build.ninja ]] && stamp_says "$root/configured" "$key"; then
        return 0
    fi
    step "Configuring ($preset)"
    rm -f -- "$root/configured"
    if ! in_root cmake --fresh -S "$root/source" -B "$build" --preset "$preset" -DCMAKE_CXX_COMPILER="$cxx" "$@" >"$log" 2>&1; then
        sed -n '/^CMake Error/,$p' "$log" | head -n 40 >&2
        disk_full_or "CMake could not configure the build; its whole output is in $log."
    fi
    write_stamp "$root/configured" "$key"
}

# build_targets TARGET...: everything that is out of date.
build_targets() {
    local targets=() target
    for target in "$@"; do
        targets+=(--target "$target")
    done
    step "Building"
    if in_root env NINJA_STATUS='[%f/%t, %es] ' cmake --build "$build" -j "$(job_count)" "${targets[@]}" >&2; then
        return 0
    fi
    disk_full_or "the build failed; the first error stands above."
}

# part_options: what CMake needs to know about the parts.
part_options() {
    printf '%s\n' "-DLORIKEET_TORCH_DIR=$libtorch/torch" "-DLORIKEET_SENTENCEPIECE_DIR=$sentencepiece" "-DLORIKEET_STARTER_MODEL=$starter_model"
}

# cuda_options: the compiler, and the architecture of this machine's cards where a driver tells it.
cuda_options() {
    local architectures
    architectures="$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | tr -d '. ' | sed -n 's/^[0-9]*$/&-real/p' | sort -u | paste -s -d ';' || true)"
    printf '%s\n' -DLORIKEET_CUDA=ON "-DCMAKE_CUDA_COMPILER=$nvcc" "-DCMAKE_CUDA_HOST_COMPILER=$cxx"
    [[ -z $architectures ]] || printf '%s\n' "-DLORIKEET_CUDA_ARCHITECTURES=$architectures"
}
