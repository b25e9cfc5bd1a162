#!/usr/bin/env bash
# The main job on real input: a DeepSeek-R1 decode step goes through fusion, is
# compiled for the host, runs on seeded input at full size, and is compared with
# an independent numpy reference: with its attention over the paged cache, and with
# routed experts. So are layers of DeepSeek-V4, its attention with the cache write
# and both slot lists, and Llama 3.
#
# BUILD_DIR  build folder (default: build)
# OUT_DIR    where programs, inputs and outputs go (default: out/demo)
# TOKENS     tokens in the step (default: 4)
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD_DIR:-build}
out=${OUT_DIR:-out/demo}
tokens=${TOKENS:-4}

BUILD_DIR=$build scripts/build.sh hipfuse-opt hipfuse-compile hipfuse-run
python=$(sed -n 's/^HIPFUSE_PYTHON:[A-Z]*=//p' "$build/CMakeCache.txt")
export PATH=$PWD/$build/bin:$PATH
mkdir -p "$out"

# Number of lm operations of a program.
ops() { grep -cE '\blm\.[a-z_]+ ' "$1"; }

echo
echo "== fusion: DeepSeek-R1, 61 layers, one decode step"
"$python" scripts/generate_model.py --model r1 --layers 61 --unroll >"$out/r1_step.mlir"
hipfuse-opt "$out/r1_step.mlir" --lm-fuse="report=$out/fusion.json" --canonicalize --cse \
  -o "$out/r1_step_fused.mlir"
"$python" - "$out/fusion.json" <<'PY'
import json, sys
for name, counts in json.load(open(sys.argv[1]))["fusions"].items():
    print(f"  {name:24} {counts['planned']:4} fused, {counts['refused']} refused")
PY
echo "  lm operations: $(ops "$out/r1_step.mlir") before, $(ops "$out/r1_step_fused.mlir") after"

run() { # example entry title
  echo
  echo "== $3"
  local dir=$out/$2
  TIMEFORMAT="  compiled for the host in %R s"
  time hipfuse-compile "examples/$1" -o "$out/${1%.mlir}.so"
  "$python" test/golden/decode_layer.py "examples/$1" --entry "$2" --tokens "$tokens" \
    --seed 1 --dir "$dir" --run "$out/${1%.mlir}.so" | sed 's/^/  /'
  echo "  inputs, outputs (actual_*.npy) and references (ref_*.npy): $dir"
}
run deepseek_r1_attention.mlir dense_attention_layer "one R1 layer (dense MLP) with its attention, full size, $tokens tokens, against numpy"
run deepseek_r1_decode.mlir moe_layer "one R1 layer (experts), full size, $tokens tokens, against numpy"
run deepseek_v4_flash_decode.mlir layer_ratio_4 "one DeepSeek-V4-Flash layer (ratio 4), full size, $tokens tokens, against numpy"
run deepseek_v4_attention.mlir attention_ratio_4 "the attention of one DeepSeek-V4-Flash layer: window and chosen slots, $tokens tokens, against numpy"
run llama3_decode.mlir layer "one Llama-3-70B layer, full size, $tokens tokens, against numpy"
