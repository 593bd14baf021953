#!/bin/bash
# Runs Exeunt against real clients: matrix-js-sdk from npm, at the version of package-lock.json, in node and in Chromium.
# EXEUNT_BIN is the server to test (default: build/exeunt). Needs node 18 or later, and npm.
set -euo pipefail

cd "$(dirname "$0")"
EXEUNT_BIN=$(realpath "${EXEUNT_BIN:-../../build/exeunt}")
export EXEUNT_BIN

[ -x "$EXEUNT_BIN" ] || { echo "clients: no server at $EXEUNT_BIN: run make first" >&2; exit 1; }

stamp=$(sha256sum <package-lock.json)
if [ "$(cat node_modules/.stamp 2>/dev/null)" != "$stamp" ]; then
	# npm warns of packages made for newer releases of node; the test brings what is missing.
	npm ci --no-audit --no-fund --loglevel=error </dev/null
	printf '%s\n' "$stamp" >node_modules/.stamp
fi
exec node --test --test-reporter=spec --test-concurrency=1 ./*.test.mjs
