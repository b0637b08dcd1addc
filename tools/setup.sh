#!/usr/bin/env bash
# Bring a Debian 12 machine to where Percept builds: setup.sh [build|test]
# Installs the Debian packages of packages.txt that are missing and a Python environment in build/venv for the model
# zoo. Does nothing, and needs no network, when everything is there.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-build}
say() { printf '%s\n' "$*" >&2; }

wanted() {
    awk -v what="$what" '/^# \[/ { section = $2; next } /^#/ || !NF { next }
        section == "[build]" || (what == "test" && section == "[test]")' tools/packages.txt
}

mapfile -t packages < <(wanted)
mapfile -t present < <(dpkg-query -W -f='${db:Status-Status} ${binary:Package}\n' "${packages[@]}" 2>/dev/null |
    awk '$1 == "installed" { sub(/:.*/, "", $2); print $2 }')
missing=()
for package in "${packages[@]}"; do
    [[ " ${present[*]-} " == *" $package "* ]] || missing+=("$package")
done

if ((${#missing[@]})); then
    install="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    if ((EUID == 0)); then
        sudo=()
    elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        sudo=(sudo)
    else
        say "Percept needs packages that only root can install. Run this as root, then try again:"
        say "    $install"
        exit 1
    fi
    say "Installing ${#missing[@]} Debian packages: ${missing[*]}"
    mkdir -p build
    log=build/setup.log
    # DEBIAN_FRONTEND: a package that asks a question would wait for ever here.
    if ! { "${sudo[@]}" apt-get update -q && "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        say "setup: apt-get failed; the whole output is in $log"
        exit 1
    fi
fi

stamp=build/venv/percept-requirements.txt
if ! cmp -s tools/requirements.txt "$stamp"; then
    say "Making the Python environment of the model zoo (build/venv); this takes a few minutes once"
    mkdir -p build
    [ -x build/venv/bin/python ] || python3 -m venv build/venv
    # torch first and alone: what follows then keeps the build that pip chose for it.
    for requirements in "$(grep '^torch==' tools/requirements.txt)" "-rtools/requirements.txt"; do
        if ! build/venv/bin/pip install --disable-pip-version-check -q "$requirements" >build/setup.log 2>&1; then
            tail -n 5 build/setup.log >&2
            say "setup: pip install $requirements failed; the whole output is in build/setup.log"
            exit 1
        fi
    done
    cp tools/requirements.txt "$stamp"
fi

# Arm has wheels for other processors, too, but these are the ones we have checked.
if [ "$what" = test ] && [ "$(uname -m)" = x86_64 ]; then
    tools/setup_vgf.sh
    tools/setup_openvino.sh
    tools/setup_openxr.sh
fi
