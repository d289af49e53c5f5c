#!/usr/bin/env bash
# Install genescribe in a Debian 12 image, as root: what Dockerfile and Apptainer.def run.
#   install.sh SOURCES
# TORCH_INDEX  pip index of another build of PyTorch, such as https://download.pytorch.org/whl/cpu
# TOOLS        optional programs, as Debian's packages
set -euo pipefail
sources=${1:?the folder of the sources}
TOOLS=${TOOLS-augustus hisat2 minimap2 samtools tabix}

apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  ca-certificates g++ procps python3 python3-dev python3-venv $TOOLS
rm -rf /var/lib/apt/lists/*

python3 -m venv /opt/genescribe
pip=(/opt/genescribe/bin/python -m pip install --quiet --no-cache-dir)
"${pip[@]}" torch==2.13.0 ${TORCH_INDEX:+--index-url "$TORCH_INDEX"}
"${pip[@]}" "$sources[workflow]"
/opt/genescribe/bin/genescribe doctor
