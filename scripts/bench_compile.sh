#!/usr/bin/env bash
# Compile-time figures: lm-fuse on flat decode steps of 61 layers and of two,
# five and ten times that size, and a decode segment compiled for the host.
#
# Times are medians of REPEAT runs (default 5), of lm-fuse alone: the verifier
# that hipfuse-opt runs after each pass takes longer than the pass. Sizes take
# turns, so that a busy machine slows all. Where valgrind is installed, the
# instructions that lm-fuse executes are counted as well: they show how the work
# grows, where times also show that the larger programs leave the caches.
#
# BUILD_DIR  build folder (default: build)
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD_DIR:-build}
repeat=${REPEAT:-5}
sizes=(61 122 305 610)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The middle of the numbers on standard input.
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# Milliseconds of lm-fuse, by the pass manager's own clock.
fuse_ms() {
  "$build/bin/hipfuse-opt" "$1" --lm-fuse --verify-each=false --mlir-timing \
    --mlir-timing-display=list -o /dev/null 2>&1 |
    awk '$NF == "FusePass" { printf "%.3f\n", $1 * 1000 }'
}

# Instructions of lm-fuse, in thousands; `-` without valgrind.
fuse_instructions() {
  command -v valgrind >/dev/null || { echo -; return; }
  valgrind --tool=callgrind --callgrind-out-file="$work/callgrind" \
    --toggle-collect='*FusePass::runOnOperation*' \
    "$build/bin/hipfuse-opt" "$1" --lm-fuse --verify-each=false -o /dev/null \
    >/dev/null 2>&1
  awk '$1 == "summary:" || $1 == "totals:" { print int($2 / 1000); exit }' \
    "$work/callgrind"
}

ratio() { awk "BEGIN { if (\"$1\" == \"-\") print \"-\"; else printf \"%.2f\", $1 / $2 }"; }

for layers in "${sizes[@]}"; do
  python3 scripts/generate_model.py --model r1 --layers "$layers" --unroll \
    >"$work/$layers.mlir"
done
for _ in $(seq "$repeat"); do
  for layers in "${sizes[@]}"; do
    fuse_ms "$work/$layers.mlir" >>"$work/$layers.ms"
  done
done
printf '%-24s %7s %11s %10s %6s %13s %9s %6s\n' graph 'lm ops' 'lm-fuse ms' \
  'us per op' growth 'k instr.' 'k per op' growth
for layers in "${sizes[@]}"; do
  ops=$(grep -c 'lm\.[a-z]' "$work/$layers.mlir")
  ms=$(median <"$work/$layers.ms")
  count=$(fuse_instructions "$work/$layers.mlir")
  [ "$layers" = "${sizes[0]}" ] && first_ms=$ms && first_count=$count
  printf '%-24s %7d %11s %10s %6s %13s %9s %6s\n' "DeepSeek-R1, $layers layers" \
    "$ops" "$ms" "$(ratio "$(ratio "$ms" 0.001)" "$ops")" \
    "$(ratio "$ms" "$first_ms")" "$count" "$(ratio "$count" "$ops")" \
    "$(ratio "$count" "$first_count")"
done

echo
for example in examples/*_decode.mlir; do
  TIMEFORMAT=%R
  seconds=$(for _ in $(seq "$repeat"); do
    { time "$build/bin/hipfuse-compile" "$example" -o "$work/out.so"; } 2>&1
  done | median)
  printf '%-34s compiled for the host in %s s\n' "$(basename "$example")" "$seconds"
done
