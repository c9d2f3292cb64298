#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Sets everything up, builds, and runs every test. `--stages LIST` runs some stages only (tests, memory, threads, fuzz, or `everything`:
# the whole suite under the memory sanitizers, which takes hours and is never run unasked);
# further arguments go to ctest, and without a list only the first stage runs then:
#   packaging/linux/test.sh -R tst_json
#   packaging/linux/test.sh --stages memory,fuzz
set -euo pipefail

here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)"
# shellcheck source=packaging/linux/setup_base.sh
source "$here/setup_base.sh"
# shellcheck source=packaging/linux/setup_system.sh
source "$here/setup_system.sh"
# shellcheck source=packaging/linux/setup_wheels.sh
source "$here/setup_wheels.sh"
# shellcheck source=packaging/linux/setup_parts.sh
source "$here/setup_parts.sh"
# shellcheck source=packaging/linux/setup_build.sh
source "$here/setup_build.sh"
# shellcheck source=packaging/linux/test_stages.sh
source "$here/test_stages.sh"

set_up() {
    lock_cache
    check_machine
    install_system_packages "$linux_dir/packages-run.txt" "$linux_dir/packages-test.txt"
    check_compiler
    find_python test
    name_parts
    build="$cache/build/ci/tree"
    build_kib=4000000 check_space cpu cuda oracles starter build
    prepare_libtorch "${cpu_wheels[@]}" "${cuda_wheels[@]}"
    prepare_starter
    prepare_sentencepiece
    prepare_oracles
    find_nvcc
    unlock_cache
}

stages="tests,memory,threads,fuzz"
if [[ ${1:-} == --stages ]]; then
    stages="${2:?--stages wants a list of tests, memory, everything, threads, fuzz}"
    shift 2
elif (($#)); then
    stages="tests"
fi

start_clock
set_up
note "set up after $(elapsed)"
for wanted in ${stages//,/ }; do
    case $wanted in
        tests) stage "tests" run_all_tests "$@" ;;
        everything) stage "address and undefined-behaviour sanitizers, whole suite" run_memory_sanitizers_everywhere "$@" ;;
        memory) stage "address and undefined-behaviour sanitizers" run_memory_sanitizers "$@" ;;
        threads) stage "thread sanitizer" run_thread_sanitizer "$@" ;;
        fuzz) stage "fuzzers" run_fuzzers "$@" ;;
        *) fail "there is no stage '$wanted' (there are tests, memory, everything, threads, fuzz)." ;;
    esac
done
print_summary
