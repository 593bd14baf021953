#!/bin/bash
# In the container: serves under the name that the suite gives, with what its tests ask for.
set -eu

if [ "${1:-}" = healthy ]; then
	exec 3<>/dev/tcp/127.0.0.1/8008
	printf 'GET /health HTTP/1.0\r\n\r\n' >&3
	read -r -t 4 _ status _ <&3
	exit $((status != 200))
fi
exec exeunt serve --server-name "$SERVER_NAME" --listen 0.0.0.0:8008 --data /data \
	--set registration.mode=open --set rate_limit.enabled=false --set rooms.default_version=11 \
	--set password.argon2_memory_kib=64 --set password.argon2_passes=1
