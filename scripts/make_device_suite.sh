#!/usr/bin/env bash
# Packs what checks and times compiled programs on any x86-64 Linux machine with
# an AMD or NVIDIA GPU: the runtime, hipfuse-run, hipfuse-bench, artefacts,
# inputs and expected results, the numpy reference. It needs neither LLVM nor
# this tree there:
#
#   tar xf hipfuse-device-suite.tar.gz
#   hipfuse-device-suite/run_device_suite.sh
#
# Usage: make_device_suite.sh [--quick] [--targets=T,...] [-o FILE.tar.gz]
#
# --quick    a case of each family and small benchmarks
# --targets  what to compile for (default: gfx950,gfx942,sm_90,host); the host
#            has to be among them, it computes the expected results
# -o         the file to write (default: BUILD_DIR/hipfuse-device-suite.tar.gz)
#
# BUILD_DIR  build folder (default: build), where hipfuse-compile is
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD_DIR:-build}
targets=gfx950,gfx942,sm_90,host
quick=()
output=
while [ $# -gt 0 ]; do
  case $1 in
  --quick) quick=(--quick) ;;
  --targets=*) targets=${1#*=} ;;
  -o)
    output=${2:?-o needs a file}
    shift
    ;;
  *)
    echo "error: unknown argument '$1'; see the head of $0" >&2
    exit 2
    ;;
  esac
  shift
done
case ,$targets, in
*,host,*) ;;
*)
  echo "error: --targets=$targets lacks the host, which computes the expected" \
    "results" >&2
  exit 2
  ;;
esac
if [ ! -x "$build/bin/hipfuse-compile" ]; then
  echo "error: no $build/bin/hipfuse-compile; run scripts/build.sh first" >&2
  exit 2
fi
output=${output:-$build/hipfuse-device-suite.tar.gz}
limit=$((40 << 20))

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
suite=$work/hipfuse-device-suite

# The runtime on its own. The C++ library is part of each file, as far as it is
# used: whole, it would need a C library that is newer than many machines'.
cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
static="-static-libstdc++ -Wl,--gc-sections"
echo "== runtime and tools"
# Two of these scripts at a time would build in one folder.
exec 9>"$build/device-suite.lock"
flock 9
# A folder is configured once: a compiler that was named without its path would
# look like another one the second time, and CMake would start all over.
[ -f "$build/device-suite/build.ninja" ] || cmake -S runtime -B "$build/device-suite" -G Ninja \
  -DCMAKE_BUILD_TYPE=Release -DHIPFUSE_RT_BUILD_TESTS=OFF \
  -DCMAKE_C_COMPILER="$(cached CMAKE_C_COMPILER)" \
  -DCMAKE_CXX_COMPILER="$(cached CMAKE_CXX_COMPILER)" \
  -DCMAKE_C_COMPILER_LAUNCHER="$(cached CMAKE_C_COMPILER_LAUNCHER)" \
  -DCMAKE_CXX_COMPILER_LAUNCHER="$(cached CMAKE_CXX_COMPILER_LAUNCHER)" \
  -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_EXE_LINKER_FLAGS="$static" \
  -DCMAKE_SHARED_LINKER_FLAGS="$static" >"$work/configure.log" ||
  { cat "$work/configure.log" >&2; exit 1; }
ninja -C "$build/device-suite" ${JOBS:+-j "$JOBS"} >"$work/build.log" ||
  { cat "$work/build.log" >&2; exit 1; }
cmake --install "$build/device-suite" --strip --prefix "$work/prefix" >/dev/null
exec 9>&-
mkdir -p "$suite/bin" "$suite/lib"
cp "$work/prefix/bin/hipfuse-run" "$work/prefix/bin/hipfuse-bench" "$suite/bin"
cp -L "$work/prefix/lib/libhipfuse_rt.so.1" "$suite/lib"
cp scripts/run_device_suite.sh "$suite"
cp LICENSE "$suite"
for file in "$suite"/bin/* "$suite"/lib/*; do
  if ldd "$file" | grep -E 'LLVM|MLIR|libstdc|not found'; then
    echo "error: ${file#"$suite/"} needs these libraries" >&2
    exit 1
  fi
done

glibc=$(readelf -V "$suite"/bin/* "$suite"/lib/* |
  grep -oE 'GLIBC_[0-9.]+' | sed 's/GLIBC_//' | sort -uV | tail -n 1)

echo "== artefacts for $targets, inputs, expected results"
"$(cached HIPFUSE_PYTHON)" scripts/device_suite.py \
  --compiler "$build/bin/hipfuse-compile" --suite "$suite" \
  --targets "$targets" "${quick[@]}"

tar -czf "$work/suite.tar.gz" -C "$work" hipfuse-device-suite
size=$(stat -c %s "$work/suite.tar.gz")
if [ "$size" -ge "$limit" ]; then
  echo "error: the suite has $size bytes, more than $limit" >&2
  exit 1
fi
mv "$work/suite.tar.gz" "$output"
echo "$output: $((size >> 10)) KiB, needs glibc $glibc"
