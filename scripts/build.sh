#!/usr/bin/env bash
# Configures and builds Hipfuse: scripts/build.sh [targets...]
#
# BUILD_DIR  build folder (default: build)
# JOBS       parallel jobs (default: number of cores)
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD_DIR:-build}

scripts/install_deps.sh

# A compiler cache must accept the precompiled header.
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros,include_file_mtime,include_file_ctime}
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD}
if [ ! -f "$build/build.ninja" ]; then
  echo "== configure ($build)"
  cmake -S . -B "$build" -G Ninja \
    -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 \
    -DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache
fi
echo "== build"
# ninja prints [done/total] as it goes.
ninja -C "$build" -j "${JOBS:-$(nproc)}" "$@"
