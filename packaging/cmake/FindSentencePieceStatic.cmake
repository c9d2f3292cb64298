# SPDX-License-Identifier: GPL-3.0-or-later
# SentencePiece 0.2.1 or newer, built static from its source distribution: target SentencePiece::static. Debian's shared
# library predates the fix of CVE-2026-1260 and brings a second protobuf, so the system's one is never looked for.
set(LORIKEET_SENTENCEPIECE_DIR "" CACHE PATH "Folder with include/sentencepiece_processor.h and lib/libsentencepiece.a")

find_path(SentencePieceStatic_INCLUDE_DIR sentencepiece_processor.h
    PATHS "${LORIKEET_SENTENCEPIECE_DIR}/include" NO_DEFAULT_PATH NO_CACHE)
find_library(SentencePieceStatic_LIBRARY NAMES libsentencepiece.a sentencepiece.lib
    PATHS "${LORIKEET_SENTENCEPIECE_DIR}/lib" NO_DEFAULT_PATH NO_CACHE)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SentencePieceStatic
    REQUIRED_VARS SentencePieceStatic_LIBRARY SentencePieceStatic_INCLUDE_DIR
    REASON_FAILURE_MESSAGE "set LORIKEET_SENTENCEPIECE_DIR to the folder that packaging/linux/run.sh builds in the cache")

if(SentencePieceStatic_FOUND AND NOT TARGET SentencePiece::static)
    find_package(Threads REQUIRED)
    add_library(SentencePiece::static STATIC IMPORTED)
    set_target_properties(SentencePiece::static PROPERTIES
        IMPORTED_LOCATION "${SentencePieceStatic_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${SentencePieceStatic_INCLUDE_DIR}"
        INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()
