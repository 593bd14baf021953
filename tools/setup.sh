#!/bin/bash
# Installs what Exeunt needs to be built and tested, on Debian 12 or later.
#
#   tools/setup.sh            what the build needs
#   tools/setup.sh --dev      also clang, clang-format, clang-tidy and its sanitizer runtimes
#   tools/setup.sh --tests    also the Python environment of the tests, in .venv
#   tools/setup.sh --clients  also what the tests against real clients need (node, npm, Chromium)
#   tools/setup.sh --postgres also PostgreSQL, for the tests on it; no cluster is made
#   tools/setup.sh --oracle   also the environment of the differential tests, in .venv-oracle
#
# Runs as root or through sudo. Says nothing and calls no package manager when nothing is missing.
set -euo pipefail

cd "$(dirname "$0")/.."

readonly BUILD_PACKAGES=(
	meson ninja-build pkg-config gcc libc6-dev
	libmicrohttpd-dev libcurl4-openssl-dev libsodium-dev libutf8proc-dev libsqlite3-dev libpq-dev libcyaml-dev libyaml-dev libcmocka-dev libsystemd-dev
	libyyjson-dev
)
# The release that first had yyjson; an older one takes these packages, and no others, from there.
readonly YYJSON_RELEASE=trixie
readonly YYJSON_PACKAGES="libyyjson-dev libyyjson0"
readonly SOURCE_FILE=/etc/apt/sources.list.d/exeunt-yyjson.sources
readonly PIN_FILE=/etc/apt/preferences.d/exeunt-yyjson
readonly APT=(apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

# as_root COMMAND...: runs it as root, by sudo where we are not root.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@" </dev/null
	elif command -v sudo >/dev/null; then
		sudo "$@" </dev/null
	else
		die "this needs root: $*. Run as root, or install sudo."
	fi
}

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

has_candidate() {
	local policy
	policy=$(apt-cache policy "$1")
	[[ $policy =~ Candidate:\ [^\(] ]]
}

# main_archive RELEASE: prints the URI of the entry of apt's sources whose suite is that release.
# apt itself reads its sources here, so that both of their formats are understood.
main_archive() {
	apt-get indextargets --format '$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(REPO_URI)' \
		'Created-By: Packages' 2>/dev/null |
		awk -F'|' -v release="$1" '
			$1 == release && $2 == "main" && ($3 == "Debian" || $3 == "" || $3 ~ /^\$/) && !found {
				sub("/+$", "", $4); print $4; found = 1
			}'
}

# add_yyjson_source: lets apt see the yyjson packages of a later release, and only those.
add_yyjson_source() {
	local codename uri
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ -n "$codename" ] || die "/etc/os-release names no release; Debian 12 or later is needed."
	uri=$(main_archive "$codename")
	[ -n "$uri" ] ||
		die "apt's sources have no entry for $codename main; libyyjson-dev cannot be found."
	say "adding $YYJSON_RELEASE as a source for yyjson alone ($uri)"
	{
		echo "# Made by Exeunt's tools/setup.sh for yyjson only; see $PIN_FILE."
		printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$uri" "$YYJSON_RELEASE"
	} | as_root_write "$SOURCE_FILE"
	{
		echo "# Made by Exeunt's tools/setup.sh: nothing comes from there by itself, except yyjson."
		printf 'Package: *\nPin: release n=%s\nPin-Priority: 50\n\n' "$YYJSON_RELEASE"
		printf 'Package: %s\nPin: release n=%s\nPin-Priority: 990\n' \
			"$YYJSON_PACKAGES" "$YYJSON_RELEASE"
	} | as_root_write "$PIN_FILE"
	apt_update "$YYJSON_RELEASE" -o "Dir::Etc::sourcelist=$SOURCE_FILE" \
		-o Dir::Etc::sourceparts=/dev/null -o APT::Get::List-Cleanup=0
}

# as_root_write FILE: standard input becomes FILE, readable by all, whole or not at all.
as_root_write() {
	local scratch
	scratch=$(mktemp)
	cat >"$scratch"
	as_root install -m 0644 "$scratch" "$1"
	rm -f "$scratch"
}

# apt_update NAME OPTION...: refreshes package lists. apt does not wait for the lock of its lists,
# so a second run at the same time is met by trying again.
apt_update() {
	local name=$1 try
	shift
	for try in 1 2 3 4 5; do
		if as_root "${APT[@]}" "$@" -o APT::Update::Error-Mode=any update >/dev/null 2>"$log"; then
			return 0
		fi
		sleep "$try"
	done
	sed 's/^/setup:   /' "$log" >&2
	return 1
}

# install_packages PACKAGE...: installs those of them that are missing.
install_packages() {
	local package missing=()
	for package in "$@"; do
		is_installed "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null ||
		die "no apt-get here. Install these by hand: ${missing[*]}"
	say "reading package lists"
	apt_update "all sources" || say "warning: some package lists are out of date; going on"
	if ! has_candidate libyyjson-dev && [[ " ${missing[*]} " == *" libyyjson-dev "* ]]; then
		add_yyjson_source || die "$YYJSON_RELEASE, which has libyyjson-dev, cannot be read."
	fi
	for package in "${missing[@]}"; do
		has_candidate "$package" || die "no source of apt has the package $package."
	done
	say "installing ${missing[*]}"
	as_root env DEBIAN_FRONTEND=noninteractive "${APT[@]}" install -y \
		--no-install-recommends "${missing[@]}" >"$log" 2>&1 || {
		tail -n 20 "$log" | sed 's/^/setup:   /' >&2
		die "apt-get install failed."
	}
}

# install_dev: the second compiler and the tools that read the code. A machine that has them under
# the version's name (clang-14) needs no more.
install_dev() {
	local wanted=() tool
	for tool in clang clang-format clang-tidy; do
		compgen -c "$tool" | grep -Eqx "$tool(-[0-9]+)?" || wanted+=("$tool")
	done
	# The sanitizers' and libFuzzer's runtimes are a package of their own, named by version.
	local runtime
	runtime=$(clang_runtime)
	if [ -n "$runtime" ]; then wanted+=("$runtime"); fi
	if [ ${#wanted[@]} -gt 0 ]; then install_packages "${wanted[@]}"; fi
	runtime=$(clang_runtime)
	if [ -n "$runtime" ]; then install_packages "$runtime"; fi
}

# clang_runtime: the package with the runtimes of the clang that the build would use, if any.
clang_runtime() {
	local clang major
	clang=$(tools/find_clang.sh 2>/dev/null) || return 0
	major=$("$clang" -dumpversion | cut -d. -f1)
	if has_candidate "libclang-rt-$major-dev"; then echo "libclang-rt-$major-dev"; fi
}

# install_postgres: the server's programs. The package would make a cluster and start it: not wanted.
install_postgres() {
	if compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then return 0; fi
	install_packages postgresql-common
	if ! compgen -G '/etc/postgresql/*' >/dev/null; then
		as_root mkdir -p /etc/postgresql-common/createcluster.d
		echo 'create_main_cluster = false' |
			as_root_write /etc/postgresql-common/createcluster.d/exeunt-tests.conf
	fi
	install_packages postgresql
}

install_clients() {
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then install_packages nodejs npm; fi
	install_packages chromium
}

# install_venv FOLDER REQUIREMENTS: a Python environment, made again when its list of packages changes.
install_venv() {
	local python=/usr/bin/python3 folder=$1 requirements=$2 stamp
	install_packages python3 python3-venv
	stamp=$(sha256sum <"$requirements")
	if [ -x "$folder/bin/python" ] && [ "$(cat "$folder/requirements.stamp" 2>/dev/null)" = "$stamp" ]; then
		return 0
	fi
	say "making a Python environment in $folder"
	[ -x "$folder/bin/python" ] && "$folder/bin/python" -c '' 2>/dev/null || "$python" -m venv --clear "$folder"
	"$folder/bin/python" -m pip install -q --disable-pip-version-check --no-input \
		-r "$requirements" </dev/null >"$log" 2>&1 || {
		tail -n 20 "$log" | sed 's/^/setup:   /' >&2
		die "pip could not install $requirements."
	}
	printf '%s\n' "$stamp" >"$folder/requirements.stamp"
}

main() {
	local option dev=no tests=no clients=no oracle=no postgres=no
	for option in "$@"; do
		case $option in
		--dev) dev=yes ;;
		--tests) tests=yes ;;
		--clients) clients=yes ;;
		--postgres) postgres=yes ;;
		--oracle) oracle=yes ;;
		-h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
		*) die "unknown option $option (known: --dev, --tests, --clients, --postgres, --oracle)" ;;
		esac
	done
	install_packages "${BUILD_PACKAGES[@]}"
	if [ $dev = yes ]; then install_dev; fi
	if [ $clients = yes ]; then install_clients; fi
	if [ $postgres = yes ]; then install_postgres; fi
	if [ $tests = yes ]; then install_venv .venv tests/requirements.txt; fi
	if [ $oracle = yes ]; then install_venv .venv-oracle tests/differential/requirements.txt; fi
}

# Two runs at once take turns: apt and .venv have one writer each.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
exec 9<"$0"
flock 9
main "$@"
