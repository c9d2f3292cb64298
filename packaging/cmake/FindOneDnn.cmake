# SPDX-License-Identifier: GPL-3.0-or-later
# The system's oneDNN, which does the CPU matrix products: target OneDnn::dnnl (Debian: libdnnl-dev).
# Two rules for its users: (1) files that include dnnl.hpp must not see LibTorch's include folder, which carries the headers
# of another oneDNN; (2) OneDnn::dnnl stands before LibTorch::cpu in target_link_libraries, for both libraries export the
# same weak symbols and the other order breaks fp32 products on AVX2 machines.
find_path(OneDnn_INCLUDE_DIR oneapi/dnnl/dnnl.hpp)
find_library(OneDnn_LIBRARY dnnl)
mark_as_advanced(OneDnn_INCLUDE_DIR OneDnn_LIBRARY)

set(OneDnn_VERSION "")
if(OneDnn_INCLUDE_DIR AND EXISTS "${OneDnn_INCLUDE_DIR}/oneapi/dnnl/dnnl_version.h")
    file(STRINGS "${OneDnn_INCLUDE_DIR}/oneapi/dnnl/dnnl_version.h" onednn_lines REGEX "#define DNNL_VERSION_(MAJOR|MINOR|PATCH)")
    string(REGEX MATCHALL "[0-9]+" onednn_numbers "${onednn_lines}")
    string(REPLACE ";" "." OneDnn_VERSION "${onednn_numbers}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OneDnn REQUIRED_VARS OneDnn_LIBRARY OneDnn_INCLUDE_DIR VERSION_VAR OneDnn_VERSION)

if(OneDnn_FOUND AND NOT TARGET OneDnn::dnnl)
    add_library(OneDnn::dnnl UNKNOWN IMPORTED)
    set_target_properties(OneDnn::dnnl PROPERTIES
        IMPORTED_LOCATION "${OneDnn_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${OneDnn_INCLUDE_DIR}")
endif()
