#!/usr/bin/env bash
# Checks and times Hipfuse's compiled programs on this machine's GPU. Stands in
# an unpacked suite that make_device_suite.sh wrote.
#
# Usage: run_device_suite.sh [--device=hip|cuda|host[:n]] [--check | --bench]
#                            [--filter=REGEX] [--results=DIR] [--ceiling=GB/S]
#
# --device   where to run (default: the first GPU)
# --check    checks only; --bench: benchmarks only
# --filter   cases and benchmarks whose names match, as grep -E reads it
# --results  where checks.csv, attention-TARGET.csv and bench.csv go (default:
#            results here)
# --ceiling  the rate to compare with (default: what the best kernels read,
#            4200 on sm_90, 6500 on gfx950)
#
# BENCH_FLAGS  more options for hipfuse-bench, such as "--replays=200"
# PYTHON       a Python 3 with NumPy (default: python3), for attention, which is
#              compared with the reference on this machine
#
# A check compares all results with those of the host program, which agreed with
# a numpy reference: bit for bit, except where the order of a sum or an
# exponential may differ by a last bit. Exit status: 0 if all passed and at
# least one ran, 1 otherwise, 2 for wrong usage or no device.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
device= filter=. results=$here/results check=1 bench=1 ceiling=
python=${PYTHON:-python3}
for argument; do
  case $argument in
  --device=*) device=${argument#*=} ;;
  --filter=*) filter=${argument#*=} ;;
  --results=*) results=${argument#*=} ;;
  --ceiling=*) ceiling=${argument#*=} ;;
  --check) bench=0 ;;
  --bench) check=0 ;;
  *)
    echo "error: unknown argument '$argument'; see the head of $0" >&2
    exit 2
    ;;
  esac
done
run=$here/bin/hipfuse-run
list=$("$run" --list-devices)
echo "$list"
if [ -z "$device" ]; then
  device=$(sed -nE 's/^((hip|cuda)[^ ]*): .*/\1/p' <<<"$list" | head -n 1)
  if [ -z "$device" ]; then
    echo "error: no GPU; --device=host runs the suite on the host" >&2
    exit 2
  fi
fi
# The line of "cuda" or "cuda:0" starts with its full name.
target=host
[[ $device == host* ]] || target=$(grep -E "^$device(:0)?: " <<<"$list" |
  grep -oE -m 1 'gfx[0-9a-f]+|sm_[0-9]+' | head -n 1 || true)
case $target in
sm_90) ceiling=${ceiling:-4200} ;;
gfx950) ceiling=${ceiling:-6500} ;;
esac
echo "== device: $device"
mkdir -p "$results"
results=$(cd "$results" && pwd)
cd "$here"

# The largest number behind each "$2 " in the text $1.
largest() {
  awk -v key="$2 " '{ while ((at = index($0, key)) > 0) {
      $0 = substr($0, at + length(key)); if ($0 + 0 > most) most = $0 + 0 } }
    END { print most + 0 }' <<<"$1"
}

passed=0 failed=0 missing=0
if [ $check = 1 ]; then
  echo "name,mismatches,elements,max_abs,max_ulp,verdict" >"$results/checks.csv"
  printf '%-96s %12s %10s %8s  %s\n' check mismatches "max abs" "max ulp" ""
  while IFS='|' read -r name artefact entry inputs loose exact tolerance; do
    arguments=("$artefact" "--device=$device" "--entry=$entry" --nan-equal)
    for file in $inputs; do arguments+=("--input=$file"); done
    printed= verdict=ok
    # Once with the tolerance, once for the results that have to be equal.
    for kind in loose exact; do
      references=("${arguments[@]}")
      [ $kind = exact ] || read -ra extra <<<"$tolerance"
      [ $kind = exact ] || references+=("${extra[@]}")
      any=0
      for file in ${!kind}; do
        references+=("--compare=$file")
        [ "$file" = - ] || any=1
      done
      [ $any = 1 ] || continue
      status=0
      output=$("$run" "${references[@]}" 2>&1) || status=$?
      printed+=$output$'\n'
      case $status in
      0) ;;
      1) verdict=FAILED ;;
      *)
        verdict=FAILED
        [[ $output != *"has no code for device"* ]] || verdict="no code"
        break
        ;;
      esac
    done
    mismatches=$(awk '{ for (i = 1; i < NF; ++i) if ($i == "mismatches") {
        split($(i + 1), n, "[/,:]"); a += n[1]; b += n[2] } }
      END { print a + 0 "/" b + 0 }' <<<"$printed")
    abs=$(largest "$printed" "max abs err") ulp=$(largest "$printed" "max ulp")
    printf '%-96s %12s %10s %8s  %s\n' "$name" "$mismatches" "$abs" "$ulp" \
      "$verdict"
    echo "\"$name\",${mismatches%/*},${mismatches#*/},$abs,$ulp,$verdict" \
      >>"$results/checks.csv"
    case $verdict in
    ok) passed=$((passed + 1)) ;;
    FAILED)
      failed=$((failed + 1))
      grep -E 'FAILED|error' <<<"$printed" | sed 's/^/    /' || true
      ;;
    *) missing=$((missing + 1)) ;;
    esac
  done < <(awk -F '|' -v filter="$filter" '$1 ~ filter' cases.txt)

  # What the reference judges here.
  while IFS='|' read -r _ name command; do
    # Some filter their cases by themselves.
    [[ $command == *FILTER* ]] || grep -qE -e "$filter" <<<"$name" || continue
    if ! "$python" -c 'import numpy' 2>/dev/null; then
      echo "$name: not checked, $python has no NumPy"
      missing=$((missing + 1))
      continue
    fi
    read -ra words <<<"$command"
    words=("${words[@]//DEVICE/$device}")
    words=("${words[@]//FILTER/$filter}")
    words=("${words[@]//RESULTS/$results}")
    status=0
    "$python" "${words[@]}" 2>&1 | tee "$results/judged.log" ||
      status=${PIPESTATUS[0]}
    # One that ends without its count has failed.
    read -r good bad none < <(awk '/ have no code/ { none = $1 }
      /^[0-9]+ passed, [0-9]+ failed$/ { good = $1; bad = $3; counted = 1 }
      END { print good + 0, counted ? bad : 1, none + 0 }' \
      "$results/judged.log")
    [ "$status" -le 1 ] || [ "$bad" -gt 0 ] || bad=1
    passed=$((passed + good)) failed=$((failed + bad))
    missing=$((missing + none))
  done < <(awk -F '|' -v target="$target" '$1 == target' judged.txt)
fi

if [ $bench = 1 ]; then
  rm -f "$results/bench.csv"
  printf '%-44s %10s %10s %10s %10s %8s %10s %8s\n' benchmark "median us" \
    "p10 us" "p90 us" GB/s "of copy" "of ${ceiling:-?}" TFLOP/s
  read -ra flags <<<"${BENCH_FLAGS:-}"
  prepared=$(mktemp -d)
  trap 'rm -rf "$prepared"' EXIT
  while IFS='|' read -r label artefact entry bytes inputs _ flops prepare; do
    arguments=("$artefact" "--device=$device" "--entry=$entry" "--bytes=$bytes"
      "--flops=$flops" "--label=$label" --random=1 --csv)
    for input in $inputs; do arguments+=("--input=$input"); done
    status=0 output=
    if [ -n "$prepare" ]; then
      # A function whose results are this one's last arguments.
      read -ra words <<<"$prepare"
      making=("$artefact" "--device=$device" "--entry=${words[0]}" --random=1
        --quiet)
      for input in "${words[@]:2}"; do making+=("--input=$input"); done
      for ((i = 0; i < words[1]; ++i)); do
        making+=("--output=$prepared/$i.npy")
        arguments+=("--input=$prepared/$i.npy")
      done
      output=$("$run" "${making[@]}" 2>&1) || status=$?
    fi
    [ $status -ne 0 ] ||
      output=$("$here/bin/hipfuse-bench" "${arguments[@]}" "${flags[@]}" 2>&1) ||
      status=$?
    if [ $status -ne 0 ]; then
      printf '%-44s %s\n' "$label" "$output"
      if [[ $output == *"has no code for device"* ]]; then
        missing=$((missing + 1))
      else
        failed=$((failed + 1))
      fi
      continue
    fi
    passed=$((passed + 1))
    [ -f "$results/bench.csv" ] || head -n 1 <<<"$output" >"$results/bench.csv"
    tail -n 1 <<<"$output" >>"$results/bench.csv"
    # The texts before the 14 values and method may hold commas.
    tail -n 1 <<<"$output" | awk -F , -v label="$label" -v ceiling="$ceiling" '
      { at = NF - 14
        share = ceiling ? sprintf("%.1f%%", 100 * $(at + 6) / ceiling) : "-"
        flops = $(at + 9) == "" ? "-" : sprintf("%.1f", $(at + 9))
        printf "%-44s %10.2f %10.2f %10.2f %10.1f %7.1f%% %10s %8s\n", label,
          $(at + 1), $(at + 3), $(at + 4), $(at + 6), 100 * $(at + 8), share,
          flops }'
  done < <(awk -F '|' -v filter="$filter" -v target="$target" \
    '$1 ~ filter && ($6 == "" || $6 == target)' bench.txt)
fi

[ $missing = 0 ] ||
  echo "$missing have no code for this device or cannot be checked here"
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
