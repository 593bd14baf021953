#!/bin/bash
# Reads every C file of the server with clang-tidy, as .clang-tidy says. Exits 1 on any finding.
set -euo pipefail

cd "$(dirname "$0")/.."
clang=$(tools/find_clang.sh)
tidy=${clang/clang/clang-tidy}
command -v "$tidy" >/dev/null || tidy=clang-tidy
if [ ! -f build-clang/build.ninja ]; then CC=$clang meson setup build-clang; fi
find src -name '*.c' -print0 | sort -z | xargs -0 -n 4 -P "$(nproc)" "$tidy" -p build-clang --quiet
