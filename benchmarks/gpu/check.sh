#!/bin/sh
# Checks and measures fairwave on a GPU, in at most 8 minutes, on a machine that has torch and no network:
#   benchmarks/gpu/check.sh --gather        on a machine with network: downloads the packages into build/gpu-wheels
#   benchmarks/gpu/check.sh                 installs them into build/gpu-packages and writes build/gpu-check.json and .md
#   benchmarks/gpu/check.sh --device cpu    the dry form: every part in tiny sizes on the CPU
# More options: see benchmarks/gpu/check.py.
set -eu
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-python3}
WHEELS=build/gpu-wheels
PACKAGES=build/gpu-packages
# What a measurement and the tests of parity import; numba is not among them, for it serves the CPU.
NEEDED="pydantic pyyaml psutil numpy xarray gymnasium pytest"

if [ "${1:-}" = --gather ]; then
  mkdir -p "$WHEELS"
  # shellcheck disable=SC2086
  "$PYTHON" -m pip download --quiet --only-binary=:all: --dest "$WHEELS" -c constraints.txt \
    --python-version 3.12 --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
    --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64 $NEEDED
  du -sh "$WHEELS"
  exit 0
fi

if [ -d "$WHEELS" ] && [ ! -d "$PACKAGES" ]; then
  rm -rf "$PACKAGES.part" # of an installation that was cut off
  "$PYTHON" -m pip install --quiet --no-index --no-deps --target "$PACKAGES.part" "$WHEELS"/*.whl
  mv "$PACKAGES.part" "$PACKAGES"
fi
export PYTHONPATH="$PWD:$PWD/$PACKAGES${PYTHONPATH:+:$PYTHONPATH}"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
"$PYTHON" -c 'import numba' 2>/dev/null || export NUMBA_DISABLE_JIT=1 # the CPU then computes by torch's operations
exec "$PYTHON" -m benchmarks.gpu.check "$@"
