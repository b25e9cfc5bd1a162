#!/usr/bin/env bash
# Compile-time figures: lm-fuse on flat decode steps of 61 layers and of ten
# times that size, and a decode segment compiled for the host. Figures are the
# median of REPEAT runs (default 5).
#
# BUILD_DIR  build folder (default: build)
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD_DIR:-build}
repeat=${REPEAT:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Milliseconds of lm-fuse alone, by the pass manager's own clock.
fuse_ms() {
  for _ in $(seq "$repeat"); do
    "$build/bin/hipfuse-opt" "$1" --lm-fuse --mlir-timing \
      --mlir-timing-display=list -o /dev/null 2>&1 |
      awk '$NF == "FusePass" { printf "%.3f\n", $1 * 1000 }'
  done | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

printf '%-34s %8s %12s %14s\n' graph 'lm ops' 'lm-fuse ms' 'us per op'
for layers in 61 122 244 610; do
  python3 scripts/generate_model.py --model r1 --layers "$layers" --unroll \
    >"$work/r1.mlir"
  ops=$(grep -c 'lm\.[a-z]' "$work/r1.mlir")
  ms=$(fuse_ms "$work/r1.mlir")
  printf '%-34s %8d %12s %14s\n' "DeepSeek-R1, $layers layers" "$ops" "$ms" \
    "$(awk "BEGIN { printf \"%.2f\", $ms * 1000 / $ops }")"
done

echo
for example in examples/*_decode.mlir; do
  TIMEFORMAT=%R
  seconds=$(for _ in $(seq "$repeat"); do
    { time "$build/bin/hipfuse-compile" "$example" -o "$work/out.so"; } 2>&1
  done | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }')
  printf '%-34s compiled for the host in %s s\n' "$(basename "$example")" "$seconds"
done
