# SPDX-License-Identifier: GPL-3.0-or-later
# Compiler settings and the two functions every folder uses: lorikeet_room (a static library = one room of the engine) and
# lorikeet_test (one Qt Test program = one file).
include_guard(GLOBAL)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

set(LORIKEET_ROOMS "base;spec;plan;tensor;hardware;formats;tokenizer;data;kernels;quant;model;lora;train;generate;export;api" CACHE STRING
    "Rooms of the engine, lowest first; a tree with fewer of them (sanitizers, fuzzing) builds no program and only their tests")

if(NOT WIN32)
    find_program(LORIKEET_CCACHE ccache)
    if(LORIKEET_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
        set(CMAKE_CXX_COMPILER_LAUNCHER "${LORIKEET_CCACHE}")
        set(CMAKE_CUDA_COMPILER_LAUNCHER "${LORIKEET_CCACHE}")
    endif()
    find_program(LORIKEET_MOLD mold)
    find_program(LORIKEET_LLD ld.lld)
    if(LORIKEET_MOLD)
        add_link_options(-fuse-ld=mold)
    elseif(LORIKEET_LLD)
        add_link_options(-fuse-ld=lld)
    endif()
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wno-missing-field-initializers)
# GCC 12 and 13 take "text" + std::string for an overlapping copy (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
    add_compile_options(-Wno-restrict)
endif()
if(LORIKEET_WERROR)
    add_compile_options(-Werror)
endif()
# Bit equality between builds and with the reference implementations: no silent fused multiply-add outside the kernels.
add_compile_options(-ffp-contract=off)
# Instrumented programs are up to ten times slower.
set(LORIKEET_TEST_PATIENCE 1)
if(LORIKEET_SANITIZE)
    set(LORIKEET_TEST_PATIENCE 10)
endif()
foreach(sanitizer IN LISTS LORIKEET_SANITIZE)
    add_compile_options(-fsanitize=${sanitizer} -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${sanitizer})
endforeach()

# lorikeet_room(NAME SOURCES a.cpp b.cpp [PUBLIC targets] [PRIVATE targets])
# Makes lorikeet_NAME. Includes are written from the top of the project: "engine/base/error.h".
function(lorikeet_room NAME)
    cmake_parse_arguments(ROOM "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
    add_library(lorikeet_${NAME} STATIC ${ROOM_SOURCES})
    target_include_directories(lorikeet_${NAME} PUBLIC "${PROJECT_SOURCE_DIR}")
    target_link_libraries(lorikeet_${NAME} PUBLIC ${ROOM_PUBLIC} PRIVATE ${ROOM_PRIVATE})
endfunction()

# lorikeet_test(tst_x SOURCES tst_x.cpp LINK targets [LABELS unit|parity|ui|gpu|slow|threads] [TIMEOUT s] [SERIAL])
# One Qt Test program, registered with CTest. Label `threads`: also runs under the thread sanitizer. SERIAL: nothing runs beside it, because it promises a time. The target
# lorikeet_tests_LABEL builds all programs with that label. Tests of the engine link Qt6::Test only and use QTEST_GUILESS_MAIN.
function(lorikeet_test NAME)
    cmake_parse_arguments(TEST "SERIAL" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
    add_executable(${NAME} ${TEST_SOURCES})
    set_target_properties(${NAME} PROPERTIES AUTOMOC ON)
    target_compile_definitions(${NAME} PRIVATE QT_NO_KEYWORDS
        LORIKEET_SOURCE_DIR="${PROJECT_SOURCE_DIR}" LORIKEET_BINARY_DIR="${PROJECT_BINARY_DIR}"
        LORIKEET_PYTHON="${LORIKEET_PYTHON}" LORIKEET_STARTER_MODEL="${LORIKEET_STARTER_MODEL}")
    target_link_libraries(${NAME} PRIVATE Qt6::Test ${TEST_LINK})
    add_test(NAME ${NAME} COMMAND ${NAME})
    if(NOT TEST_TIMEOUT)
        set(TEST_TIMEOUT 300)
    endif()
    foreach(label IN LISTS TEST_LABELS)
        if(NOT TARGET lorikeet_tests_${label})
            add_custom_target(lorikeet_tests_${label})
        endif()
        add_dependencies(lorikeet_tests_${label} ${NAME})
    endforeach()
    lorikeet_test_environment(${NAME} "${TEST_LABELS}" ${TEST_TIMEOUT} "QT_QPA_PLATFORM=offscreen")
    set_tests_properties(${NAME} PROPERTIES RUN_SERIAL ${TEST_SERIAL})
endfunction()

# lorikeet_test_again(tst_x_avx2 tst_x LABELS unit [TIMEOUT s] ENVIRONMENT A=b ...): the program of another test, in another environment.
function(lorikeet_test_again NAME PROGRAM)
    cmake_parse_arguments(TEST "" "TIMEOUT" "LABELS;ENVIRONMENT" ${ARGN})
    add_test(NAME ${NAME} COMMAND ${PROGRAM})
    if(NOT TEST_TIMEOUT)
        set(TEST_TIMEOUT 300)
    endif()
    lorikeet_test_environment(${NAME} "${TEST_LABELS}" ${TEST_TIMEOUT} "${TEST_ENVIRONMENT}")
endfunction()

# Labels, time limits (of the program and of each of its functions) and environment of a test.
function(lorikeet_test_environment NAME LABELS TIMEOUT ENVIRONMENT)
    math(EXPR seconds "${TIMEOUT} * ${LORIKEET_TEST_PATIENCE}")
    list(APPEND ENVIRONMENT "OMP_WAIT_POLICY=passive")
    if(LORIKEET_SANITIZE)
        list(APPEND ENVIRONMENT "QTEST_FUNCTION_TIMEOUT=${seconds}000")
    endif()
    set_tests_properties(${NAME} PROPERTIES LABELS "${LABELS}" TIMEOUT ${seconds} ENVIRONMENT "${ENVIRONMENT}")
endfunction()
