#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Packs the small libraries that the `gpu` preset needs (headers and shared libraries; not LibTorch, not CUDA) into a folder, for a
# borrowed GPU machine that has PyTorch, nvcc and CMake but no package archive. Use, here and then there:
#   packaging/linux/pack_for_gpu.sh parts
#   cmake --preset gpu -DCMAKE_PREFIX_PATH=$PWD/parts -DLORIKEET_SENTENCEPIECE_DIR=$PWD/parts && cmake --build build/gpu
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

development_packages=(libdnnl-dev libonig-dev libutf8proc-dev zlib1g-dev libzstd-dev nlohmann-json3-dev libcli11-dev libssl-dev)
# What libdnnl is linked to that a bare machine may lack.
runtime_libraries=(libOpenCL.so.1)

# copy_package NAME FOLDER: headers, CMake files, and libraries with their links resolved to files under every name that is asked for.
copy_package() {
    local file soname
    while read -r file; do
        case $file in
            /usr/include/*) [[ ! -f $file ]] || install -D -m 644 -- "$file" "$2/include/$(include_path "$file")" ;;
            /usr/share/cmake/*) [[ ! -f $file ]] || install -D -m 644 -- "$file" "$2/share/cmake/${file#/usr/share/cmake/}" ;;
            */lib*.so)
                cp -L -- "$file" "$2/lib/"
                soname="$(objdump -p "$file" | awk '$1 == "SONAME" { print $2 }')"
                [[ -z $soname || -e $2/lib/$soname ]] || ln -s "$(basename -- "$file")" "$2/lib/$soname"
                ;;
        esac
    done < <(dpkg -L "$1")
}

# include_path FILE: below /usr/include, without the folder of the architecture.
include_path() {
    local path="${1#/usr/include/}"
    printf '%s' "${path#"$(uname -m)-linux-gnu/"}"
}

main() {
    local folder="$1" package library
    lock_cache
    install_system_packages "$linux_dir/packages-run.txt"
    check_compiler
    find_python run
    name_parts
    prepare_sentencepiece
    mkdir -p -- "$folder/include" "$folder/lib"
    step "Packing into $folder"
    for package in "${development_packages[@]}"; do
        copy_package "$package" "$folder"
    done
    for library in "${runtime_libraries[@]}"; do
        cp -L -- "/usr/lib/$(uname -m)-linux-gnu/$library" "$folder/lib/"
    done
    cp -- "$sentencepiece"/include/* "$folder/include/"
    cp -- "$sentencepiece"/lib/* "$folder/lib/"
    note "$(du -sh -- "$folder" | cut -f 1) in $folder"
}

if (($# != 1)); then
    fail "tell the folder to pack into: pack_for_gpu.sh FOLDER"
fi
main "$1"
