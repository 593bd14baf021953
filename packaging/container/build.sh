#!/bin/bash
# Builds the image of exeunt with podman or docker.
#
#   packaging/container/build.sh [TAG]        default: exeunt:latest
#
# BASE names another base image (Debian 13), ENGINE another program than the one found.
set -euo pipefail

cd "$(dirname "$0")/../.."
tag=${1:-exeunt:latest}
engine=${ENGINE:-$(command -v podman || command -v docker)} || { echo "build: neither podman nor docker is here" >&2; exit 1; }
options=()
[ -z "${BASE:-}" ] || options+=(--build-arg "BASE=$BASE")
# podman's own format has no health check
[[ $engine == *docker ]] || options+=(--format docker)
exec "$engine" build "${options[@]}" -f packaging/container/Containerfile -t "$tag" .
