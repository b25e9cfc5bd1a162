#!/usr/bin/env bash
# Installs what Hipfuse needs on Debian 12 (as root); does nothing where all of
# it is there. `--check` only says what is missing, and exits 1 if anything is.
set -euo pipefail

packages=(
  ca-certificates ccache clang-22 clang-format-22 cmake file g++ git
  libclang-rt-22-dev libcli11-dev libgtest-dev libmlir-22-dev libzstd-dev lld-22
  llvm-22-dev llvm-22-tools make mlir-22-tools ninja-build python3 python3-numpy zlib1g-dev
)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi
if [ "${1:-}" = --check ]; then
  echo "missing packages: ${missing[*]}"
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "error: missing packages: ${missing[*]}; run scripts/install_deps.sh as root" >&2
  exit 1
fi

echo "Installing ${#missing[@]} packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}"
