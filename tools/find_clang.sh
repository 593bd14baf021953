#!/bin/sh
# Prints the clang that the project is checked with: $CLANG, the oldest release supported, or any.
for clang in ${CLANG:-} clang-14 clang clang-19 clang-18 clang-17 clang-16 clang-15; do
	if command -v "$clang" >/dev/null 2>&1; then
		echo "$clang"
		exit 0
	fi
done
echo "no clang found; run tools/setup.sh --dev" >&2
exit 1
