#!/bin/bash
# Runs Complement's client-server tests against this checkout, in containers.
#
#   tests/conformance/run.sh SUITE [-run PATTERN]
#
# SUITE is a checkout of Complement; it needs Go, and podman or docker whose API DOCKER_HOST names. BASE names another
# base image than debian:13, BINARY a ready-built exeunt that is put over the one of the image (a quick second run).
# Leaves the outcome of each test in build/conformance.tsv: name, PASS, FAIL or SKIP, seconds.
set -euo pipefail

suite=${1:?the folder of a checkout of Complement}
shift
cd "$(dirname "$0")/../.."
root=$PWD
engine=${ENGINE:-$(command -v podman || command -v docker)}
format=()
[[ $engine == *docker ]] || format=(--format docker)
server=localhost/exeunt-server:latest
image=localhost/exeunt-conformance:latest
mkdir -p build

build_server() {
	"$engine" build "${format[@]}" ${BASE:+--build-arg "BASE=$BASE"} --target server -f packaging/container/Containerfile -t "$server" .
}

build_image() {
	"$engine" build "${format[@]}" --build-arg "SERVER=$server" -f tests/conformance/Containerfile -t "$image" .
	[ -n "${BINARY:-}" ] || return 0
	local folder
	folder=$(mktemp -d)
	install --strip "$BINARY" "$folder/exeunt"
	printf 'FROM %s\nCOPY exeunt /usr/bin/exeunt\n' "$image" >"$folder/Containerfile"
	"$engine" build "${format[@]}" -t "$image" "$folder"
	rm -r "$folder"
}

if [ -z "${BINARY:-}" ] || ! "$engine" image inspect "$server" >/dev/null 2>&1; then
	build_server >build/conformance-image.log 2>&1 || { tail -20 build/conformance-image.log; exit 1; }
fi
build_image >build/conformance-image.log 2>&1 || { tail -20 build/conformance-image.log; exit 1; }
(cd "$suite" && go test -c -o "$root/build/csapi.test" ./tests/csapi)

# The suite wants to stand in the folder of its tests.
cd "$suite/tests/csapi"
code=0
COMPLEMENT_BASE_IMAGE=$image COMPLEMENT_BASE_IMAGE_ARGS='' COMPLEMENT_ALWAYS_PRINT_SERVER_LOGS=0 \
	go tool test2json -t "$root/build/csapi.test" -test.v -test.timeout 40m "${@/#-run/-test.run}" >"$root/build/conformance.json" || code=$?
cd "$root"
"${PYTHON:-python3}" tests/conformance/outcomes.py build/conformance.json >build/conformance.tsv
exit $code
