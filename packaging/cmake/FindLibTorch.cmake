# SPDX-License-Identifier: GPL-3.0-or-later
# LibTorch as unpacked from its Python wheel: target LibTorch::cpu (libtorch_cpu + libc10, nothing of CUDA is linked).
# The wheel's own find_package(Torch) is not used: it wants a CUDA toolkit and changes global flags.
if(LORIKEET_TORCH_FROM_PYTHON AND NOT LORIKEET_TORCH_DIR)
    execute_process(COMMAND python3 -c "import torch; print(torch.__path__[0])"
        OUTPUT_VARIABLE LORIKEET_TORCH_DIR OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
if(LORIKEET_TORCH_DIR AND EXISTS "${LORIKEET_TORCH_DIR}/lib/libtorch_cpu.so")
    set(LibTorch_FOUND TRUE)
    if(NOT TARGET LibTorch::cpu)
        add_library(LibTorch::headers INTERFACE IMPORTED GLOBAL)
        target_include_directories(LibTorch::headers SYSTEM INTERFACE "${LORIKEET_TORCH_DIR}/include")
        target_compile_definitions(LibTorch::headers INTERFACE AT_PER_OPERATOR_HEADERS TORCH_ASSERT_ONLY_METHOD_OPERATORS)
        add_library(LibTorch::cpu INTERFACE IMPORTED GLOBAL)
        target_link_options(LibTorch::cpu INTERFACE "LINKER:--allow-shlib-undefined" "LINKER:-rpath,${LORIKEET_TORCH_DIR}/lib")
        target_link_libraries(LibTorch::cpu INTERFACE
            "${LORIKEET_TORCH_DIR}/lib/libtorch_cpu.so" "${LORIKEET_TORCH_DIR}/lib/libc10.so")
    endif()
else()
    set(LibTorch_FOUND FALSE)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch REQUIRED_VARS LORIKEET_TORCH_DIR LibTorch_FOUND
    REASON_FAILURE_MESSAGE "set LORIKEET_TORCH_DIR to the folder 'torch' of the unpacked wheel (packaging/linux/test.sh does)")
