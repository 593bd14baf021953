#!/bin/bash
# Writes docs/conformance.md anew from what the scenarios see.
#
#   tools/conformance.sh [SUITE]
#
# With SUITE, a checkout of Complement, its client-server tests run first (tests/conformance/run.sh: containers, Go), and
# their outcomes replace tests/conformance/outcomes.tsv.
set -euo pipefail

cd "$(dirname "$0")/.."
traffic=$PWD/build/traffic.tsv
outcomes=tests/conformance/outcomes.tsv

if [ $# -gt 0 ]; then
	tests/conformance/run.sh "$1" || echo "conformance: some of the suite's tests failed; going on"
	cut -f 1,2 build/conformance.tsv >"$outcomes"
fi
rm -f "$traffic"
mapfile -t folders < <(find tests/scenario -mindepth 1 -maxdepth 1 -type d ! -name harness ! -name cluster ! -name __pycache__ | sort)
EXEUNT_BIN=$PWD/build/exeunt EXEUNT_TRAFFIC=$traffic \
	.venv/bin/python -m pytest -q -n 2 --dist loadfile -p no:cacheprovider "${folders[@]}"
.venv/bin/python tools/make_conformance.py "$traffic" "$outcomes" >docs/conformance.md.new
mv docs/conformance.md.new docs/conformance.md
