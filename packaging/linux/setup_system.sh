# shellcheck shell=bash
# SPDX-License-Identifier: GPL-3.0-or-later
# System packages of Debian and Ubuntu, and the checks of compiler, CMake and processor. Sourced after setup_base.sh.

minimal_gcc=12
minimal_cmake=3.25

check_machine() {
    local machine
    machine="$(uname -m)"
    [[ $machine == x86_64 ]] || fail "LibTorch is fetched for x86_64 only, and this machine is $machine."
}

# is_installed NAME[|NAME...]: true if dpkg has one of the names installed.
is_installed() {
    local name
    for name in ${1//|/ }; do
        [[ " $installed_packages " == *" $name "* ]] && return 0
    done
    return 1
}

read_package_list() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' -- "$@"; }

# missing_packages LIST...: prints the entries of the lists that are not installed.
missing_packages() {
    local entry names
    mapfile -t names < <(read_package_list "$@" | tr '|' '\n')
    # dpkg-query ends non-zero when it does not know a name, and still prints the others.
    installed_packages="$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "${names[@]}" 2>/dev/null | sed -n 's/^ii *//p' | tr '\n' ' ' || true)"
    while read -r entry; do
        is_installed "$entry" || printf '%s\n' "$entry"
    done < <(read_package_list "$@")
}

# pick_names ENTRY...: for each entry the first name that apt knows.
pick_names() {
    local entry name chosen
    for entry in "$@"; do
        chosen="${entry%%|*}"
        for name in ${entry//|/ }; do
            if apt-cache show "$name" >/dev/null 2>&1; then
                chosen="$name"
                break
            fi
        done
        printf '%s\n' "$chosen"
    done
}

# install_system_packages LIST...: asks apt only for what dpkg does not have.
install_system_packages() {
    local missing names prefix=()
    if ! command -v dpkg-query >/dev/null; then
        note "no dpkg here: install what packaging/linux/packages-*.txt lists with this system's own tool"
        return 0
    fi
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0

    step "Installing ${#missing[@]} system packages"
    if (($(id -u) != 0)); then
        prefix=(sudo)
        if ! command -v sudo >/dev/null || { [[ ! -t 0 ]] && ! sudo -n true 2>/dev/null; }; then
            mapfile -t names < <(pick_names "${missing[@]}")
            fail "system packages are missing and this user cannot install them; type: su -c 'apt-get install -y ${names[*]}'"
        fi
    fi
    run_apt "${prefix[@]}" apt-get update
    mapfile -t names < <(pick_names "${missing[@]}")
    run_apt "${prefix[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${names[@]}"
}

# run_apt COMMAND...: what apt prints is its progress; its failure becomes one sentence.
run_apt() {
    local log="$logs/apt.log"
    if "$@" 2>&1 | tee "$log" >&2; then
        return 0
    fi
    if grep -q -i 'no space left\|enough free space' "$log"; then
        fail "apt-get ran out of disk space while installing the system packages; free some space and run this again."
    elif grep -q -i 'could not resolve\|temporary failure\|failed to fetch\|unable to connect\|connection failed' "$log"; then
        fail "apt-get cannot reach the package archive; check the network or proxy and run this again."
    elif grep -q -i 'could not get lock\|is another process using it' "$log"; then
        fail "another program is installing packages at this moment; wait for it and run this again."
    fi
    fail "apt-get could not install the system packages; its output is in $log."
}

# at_least HAVE WANT: compares version numbers.
at_least() { [[ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" == "$2" ]]; }

check_compiler() {
    local version
    cxx="$(command -v "${CXX:-g++}" || true)"
    [[ -n $cxx ]] || fail "there is no C++ compiler (${CXX:-g++}); install g++ $minimal_gcc or newer."
    version="$("$cxx" -dumpfullversion 2>/dev/null || "$cxx" -dumpversion)"
    compiler_key="$(basename -- "$cxx")-$version"
    if ! "$cxx" --version | grep -q -i clang && ! at_least "$version" "$minimal_gcc"; then
        fail "the compiler $cxx is version $version, and Lorikeet's C++20 needs g++ $minimal_gcc or newer; install one and set CXX to it."
    fi
    version="$(cmake --version 2>/dev/null | sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p' || true)"
    [[ -n $version ]] || fail "there is no cmake; install version $minimal_cmake or newer."
    at_least "$version" "$minimal_cmake" || fail "cmake is version $version, and Lorikeet needs $minimal_cmake or newer; Debian 12 and Ubuntu 24.04 have it."
}

has_nvidia_driver() { [[ -e /proc/driver/nvidia/version ]] || nvidia-smi -L >/dev/null 2>&1; }

# has_display: somebody answers there. A variable or a socket that a closed session has left behind opens no window.
has_display() {
    local number wayland="${WAYLAND_DISPLAY:-}"
    if [[ -n $wayland ]]; then
        [[ $wayland == /* ]] || wayland="${XDG_RUNTIME_DIR:-/nowhere}/$wayland"
        if answers "$wayland"; then
            return 0
        fi
    fi
    [[ -n ${DISPLAY:-} ]] || return 1
    # Of another machine: only the window itself can try it.
    [[ $DISPLAY == :* || $DISPLAY == unix:* ]] || return 0
    number="${DISPLAY##*:}"
    answers "/tmp/.X11-unix/X${number%%.*}"
}

# answers SOCKET: a program listens on that local socket.
answers() { python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])' "$1" 2>/dev/null; }
