#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Sets everything up, builds, and runs every test. Arguments go to ctest, and then only the first stage runs:
#   packaging/linux/test.sh -R tst_json
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
    open_root ci
    build_kib=4000000 check_space cpu cuda oracles starter build
    prepare_libtorch "${cpu_wheels[@]}" "${cuda_wheels[@]}"
    prepare_starter
    prepare_sentencepiece
    prepare_oracles
    find_nvcc
}

start_clock
set_up
note "set up after $(elapsed)"
stage "tests" run_all_tests "$@"
if (($# == 0)); then
    stage "address and undefined-behaviour sanitizers" run_memory_sanitizers
    stage "thread sanitizer" run_thread_sanitizer
    stage "fuzzers" run_fuzzers
fi
print_summary
