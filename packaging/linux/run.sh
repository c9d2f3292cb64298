#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Sets everything up, builds, and opens the studio. Without a display it trains the starter job in the terminal; with
# arguments it passes them to lorikeet-cli. The second time it needs no network and starts in seconds.
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
# shellcheck source=packaging/linux/starter_job.sh
source "$here/starter_job.sh"

set_up() {
    local options=()
    programs=(lorikeet-cli)
    lock_cache
    check_machine
    install_system_packages "$linux_dir/packages-run.txt"
    check_compiler
    find_python run
    name_parts
    build="$cache/build/$(root_name release)/tree"
    if has_nvidia_driver; then
        check_space cpu cuda starter build
        prepare_libtorch "${cpu_wheels[@]}" "${cuda_wheels[@]}"
        find_nvcc
        mapfile -t options < <(cuda_options)
        programs+=(lorikeet_cuda)
    else
        check_space cpu starter build
        prepare_libtorch "${cpu_wheels[@]}"
        options=(-DLORIKEET_CUDA=OFF)
    fi
    prepare_starter
    prepare_sentencepiece
    mapfile -t -O "${#options[@]}" options < <(part_options)
    unlock_cache
    open_root "$(root_name release)"
    configure release -DLORIKEET_TESTS=OFF "${options[@]}"
}

set_up
cli="$build/app/lorikeet-cli"
if (($#)); then
    build_targets "${programs[@]}"
    exec 8>&-
    exec "$cli" "$@"
elif has_display; then
    build_targets all
    exec 8>&-
    exec "$build/app/lorikeet"
else
    build_targets "${programs[@]}"
    exec 8>&-
    run_starter_job "$cli"
fi
