# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The stages of test.sh: each builds one tree and runs its tests (arguments go to ctest); the summary adds them up. Sourced by
# test.sh.

passed=0
failed=0
skipped=0
stage_lines=()

start_clock() { started=$SECONDS; }

elapsed() { printf '%d min %02d s' $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60)); }

# stage NAME FUNCTION ARGUMENT...: runs the function in a subshell, so that its failure ends the stage and not the script.
stage() {
    local name="$1" begun=$SECONDS verdict=passed
    shift
    counts="$logs/counts-$$.txt"
    printf '0 0 0\n' >"$counts"
    printf '\n======== %s\n' "$name"
    set +e
    (
        set -e
        "$@"
    )
    local status=$?
    set -e
    ((status != 130)) || interrupted
    local p f s
    read -r p f s <"$counts"
    if ((status != 0)); then
        verdict=FAILED
        ((f > 0)) || f=1
    elif ((p == 0)); then
        verdict="nothing to run"
    fi
    rm -f -- "$counts"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    stage_lines+=("$(printf '%-48s %-15s %5d passed %3d failed %3d skipped %5d s' "$name" "$verdict" "$p" "$f" "$s" $((SECONDS - begun)))")
}

# run_ctest OPTION...: in the current tree; leaves its counts for the stage.
run_ctest() {
    local log="$root/ctest.log" status=0
    ctest --test-dir "$build" -j "$(nproc)" --output-on-failure "$@" 2>&1 | tee "$log" || status=$?
    awk '/tests passed, .* tests failed out of/ { failed = $4; total = $NF }
         /\*\*\*Skipped|\(Skipped\)|\*\*\*Not Run/ { skipped++ }
         END { skipped = skipped > total ? total : skipped; print total - failed, failed + 0, skipped + 0 }' "$log" >"$counts"
    return "$status"
}

# quiet_environment: tests neither see nor touch this user's data, and the oracles never ask a hub.
quiet_environment() {
    export XDG_DATA_HOME="$root/xdg/data" XDG_CONFIG_HOME="$root/xdg/config" XDG_STATE_HOME="$root/xdg/state"
    export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 HF_DATASETS_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1 TOKENIZERS_PARALLELISM=false
    export PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
}

run_all_tests() {
    local options=()
    open_root ci
    mapfile -t options < <(part_options)
    [[ -z $(find "$lorikeet_source/engine/kernels" -name '*.cu' -print -quit 2>/dev/null) ]] || mapfile -t -O "${#options[@]}" options < <(cuda_options)
    configure ci "-DLORIKEET_PYTHON=$oracles/bin/python" "${options[@]}"
    build_targets all
    quiet_environment
    run_ctest "$@"
}

# sanitizer_environment: the first finding ends a test.
sanitizer_environment() {
    quiet_environment
    export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
    export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
    export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:suppressions=$linux_dir/tsan_suppressions.txt"
}

# run_memory_sanitizers: the rooms without LibTorch (parsers, tokenizers, data, plan) and their tests.
run_memory_sanitizers() {
    open_root asan-rooms
    configure asan-rooms "-DLORIKEET_PYTHON=$oracles/bin/python" "-DLORIKEET_SENTENCEPIECE_DIR=$sentencepiece" "-DLORIKEET_STARTER_MODEL=$starter_model"
    build_targets all
    sanitizer_environment
    run_ctest -LE slow "$@"
}

# run_memory_sanitizers_everywhere: the whole program and all its tests, which takes hours; so it is asked for by name. Left out are tests that measure or
# limit the memory of the process, which is the sanitizer's own here, and those of builds and texts. LibTorch keeps what it allocates until the end.
run_memory_sanitizers_everywhere() {
    local options=()
    open_root asan
    mapfile -t options < <(part_options)
    configure asan "-DLORIKEET_PYTHON=$oracles/bin/python" "${options[@]}"
    build_targets all
    sanitizer_environment
    # On the stacks that find uses after return GCC 12.2 places 64-byte vectors askew, and the AVX-512 kernels end in a signal.
    export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0:detect_stack_use_after_return=0"
    run_ctest -E '^(tst_cli_out_of_memory|tst_memory_limit|tst_peak_memory|tst_step_allocations.*|tst_mingw|tst_setup|plan_table)$' "$@"
}

# run_thread_sanitizer: the tests with the label `threads` (mailbox, api and the window with a scripted engine).
run_thread_sanitizer() {
    local options=()
    open_root tsan
    mapfile -t options < <(part_options)
    configure tsan "-DLORIKEET_PYTHON=$oracles/bin/python" "${options[@]}"
    ninja -C "$build" -t query lorikeet_tests_threads >/dev/null 2>&1 || return 0
    build_targets lorikeet_tests_threads
    sanitizer_environment
    run_ctest -L threads "$@"
}

# run_fuzzers: each fuzzer for a few seconds, as a test of its own (tests/fuzz; clang's libFuzzer).
run_fuzzers() {
    [[ -f $lorikeet_source/tests/fuzz/CMakeLists.txt ]] || return 0
    open_root fuzz
    cxx="$(command -v clang++)"
    compiler_key="clang-$("$cxx" -dumpversion)"
    configure fuzz "-DLORIKEET_PYTHON=$oracles/bin/python" "-DLORIKEET_SENTENCEPIECE_DIR=$sentencepiece"
    build_targets lorikeet_tests_fuzz
    quiet_environment
    run_ctest "$@"
}

print_summary() {
    local line
    printf '\n======== summary after %s\n' "$(elapsed)"
    for line in "${stage_lines[@]}"; do
        printf '%s\n' "$line"
    done
    printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    ((failed == 0 && passed > 0))
}
