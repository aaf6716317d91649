#!/bin/sh
# What both kinds of image hold: Python, git and every package in the version of constraints.txt, and not esr itself,
# which comes from the clone that one works in. Run as root in a folder with a clone's files: install.sh cpu|cuda
set -eu
variant=$1

apt-get update
apt-get install --yes --no-install-recommends ca-certificates git python3 python3-venv
rm -rf /var/lib/apt/lists/*

case $variant in
cpu) export PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu ;;
cuda) ;;
*)
    echo "install.sh: the variant is cpu or cuda, not $variant" >&2
    exit 2
    ;;
esac
python3 -m venv /opt/venv
/opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt '.[gpu,slurm,kubernetes]'
/opt/venv/bin/pip uninstall --yes esr
