#!/usr/bin/env bash
# Everything that has to hold before a change lands. Arguments go to `go test`:
#
#   ./test.sh                 all of it
#   ./test.sh -run Renew      the checks, and those tests
set -euo pipefail
cd "$(dirname "$0")"

# need COMMAND PACKAGE: installs a Debian package if its command is missing and that
# is possible, or else says in one line what to install.
need() {
	command -v "$1" >/dev/null && return
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		echo "installing $2" >&2
		apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2" >&2 || true
	fi
	command -v "$1" >/dev/null || {
		echo "test.sh: $1 is missing: install the Debian package $2" >&2
		exit 1
	}
}

command -v go >/dev/null || {
	echo "test.sh: go is missing: install Go 1.26 or later from https://go.dev/dl" >&2
	exit 1
}
need gcc build-essential # for the race detector
need redis-server redis-server

# Those of all modules of the workspace. The tools stand apart, so that importers never
# see them.
packages=github.com/leasehold-go/leasehold/...
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
(cd tools && GOWORK=off go build -o "$scratch/staticcheck" honnef.co/go/tools/cmd/staticcheck)

unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
	echo "gofmt would change: $unformatted" >&2
	exit 1
fi
go vet "$packages"
"$scratch/staticcheck" "$packages"

# shows EXAMPLE TEXT ARGUMENTS: runs an example on its own, as a newcomer would, and
# fails unless it says TEXT.
shows() {
	local name=$1 text=$2
	shift 2
	go run "./examples/$name" "$@" </dev/null >"$scratch/$name"
	grep -q "$text" "$scratch/$name" || {
		echo "examples/$name did not say $text:" >&2
		cat "$scratch/$name" >&2
		exit 1
	}
}
shows exchange '"to":"active"' -for 4s
shows order 'boxing -> labelled: label'
shows connection 'received tick' -for 3s
shows sqlrow 'version 5: done'

go test -race -shuffle=on -timeout 20m "$@" "$packages"
