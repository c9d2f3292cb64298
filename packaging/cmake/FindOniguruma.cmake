# SPDX-License-Identifier: GPL-3.0-or-later
# Oniguruma, the regular expressions of the tokenizers' split patterns: target Oniguruma::onig (Debian: libonig-dev).
find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
    pkg_check_modules(PC_Oniguruma QUIET oniguruma)
endif()
find_path(Oniguruma_INCLUDE_DIR oniguruma.h HINTS ${PC_Oniguruma_INCLUDE_DIRS})
find_library(Oniguruma_LIBRARY onig HINTS ${PC_Oniguruma_LIBRARY_DIRS})
mark_as_advanced(Oniguruma_INCLUDE_DIR Oniguruma_LIBRARY)
set(Oniguruma_VERSION "${PC_Oniguruma_VERSION}")

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Oniguruma REQUIRED_VARS Oniguruma_LIBRARY Oniguruma_INCLUDE_DIR
    VERSION_VAR Oniguruma_VERSION)

if(Oniguruma_FOUND AND NOT TARGET Oniguruma::onig)
    add_library(Oniguruma::onig UNKNOWN IMPORTED)
    set_target_properties(Oniguruma::onig PROPERTIES
        IMPORTED_LOCATION "${Oniguruma_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${Oniguruma_INCLUDE_DIR}")
endif()
