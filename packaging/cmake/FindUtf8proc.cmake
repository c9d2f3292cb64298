# SPDX-License-Identifier: GPL-3.0-or-later
# utf8proc, Unicode categories and canonical (de)composition: target Utf8proc::utf8proc (Debian: libutf8proc-dev).
find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
    pkg_check_modules(PC_Utf8proc QUIET libutf8proc)
endif()
find_path(Utf8proc_INCLUDE_DIR utf8proc.h HINTS ${PC_Utf8proc_INCLUDE_DIRS})
find_library(Utf8proc_LIBRARY utf8proc HINTS ${PC_Utf8proc_LIBRARY_DIRS})
mark_as_advanced(Utf8proc_INCLUDE_DIR Utf8proc_LIBRARY)
set(Utf8proc_VERSION "${PC_Utf8proc_VERSION}")

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Utf8proc REQUIRED_VARS Utf8proc_LIBRARY Utf8proc_INCLUDE_DIR
    VERSION_VAR Utf8proc_VERSION)

if(Utf8proc_FOUND AND NOT TARGET Utf8proc::utf8proc)
    add_library(Utf8proc::utf8proc UNKNOWN IMPORTED)
    set_target_properties(Utf8proc::utf8proc PROPERTIES
        IMPORTED_LOCATION "${Utf8proc_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${Utf8proc_INCLUDE_DIR}")
endif()
