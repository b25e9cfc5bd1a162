#!/usr/bin/env bash
# Builds everything and runs every test: the numpy reference's own tests, the
# runtime's unit tests, the lit suite, and a consumer of the installed package.
# The last line is "N passed, N failed"; the exit status is 0 only if nothing
# failed and something ran.
#
# BUILD_DIR  build folder (default: build)
# JOBS       parallel jobs (default: number of cores)
# HIPFUSE_HIP_LIBRARY_PATH  folder of a libamdhip64.so that tests use before any
#                           other, such as one that emulates a device
# HIPFUSE_REQUIRE_DEVICES   kinds of devices ("hip", "cuda", "hip,cuda") without
#                           which the run fails; otherwise their tests are
#                           skipped where no device answers
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD_DIR:-build}
jobs=${JOBS:-$(nproc)}
results=$build/test-results

BUILD_DIR=$build JOBS=$jobs scripts/build.sh
rm -rf "$results"
mkdir -p "$results"
python=$(sed -n 's/^HIPFUSE_PYTHON:[A-Z]*=//p' "$build/CMakeCache.txt")
lit=$(sed -n 's/^HIPFUSE_LIT:[A-Z]*=//p' "$build/CMakeCache.txt")

if [ -n "${HIPFUSE_HIP_LIBRARY_PATH:-}" ]; then
  library=$(realpath "$HIPFUSE_HIP_LIBRARY_PATH")
  export LD_LIBRARY_PATH=$library${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi
echo "== devices"
"$build/bin/hipfuse-run" --list-devices

# Each suite runs to its end, whatever the others do; counts decide.
echo "== numpy reference"
"$python" -m unittest discover -s test/golden -t test/golden \
  >"$results/golden.txt" 2>&1 || true
tail -n 3 "$results/golden.txt"

echo "== unit tests"
ctest --test-dir "$build" -j "$jobs" --output-on-failure \
  --output-junit "$PWD/$results/unit.xml" || true

echo "== lit"
"$lit" -v -j "$jobs" --param require-devices="${HIPFUSE_REQUIRE_DEVICES:-}" \
  --output "$results/lit.json" "$build/test" || true

exec "$python" scripts/count_tests.py "$results"
