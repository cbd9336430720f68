#!/usr/bin/env bash
# Everything that has to hold before a change lands. Arguments go to `go test`:
#
#   ./test.sh                 all of it
#   ./test.sh -short          what every day needs, in less than two minutes once it has
#                             been compiled: the checks, and the tests without those that
#                             package full marks: clusters, failovers, pauses, killed
#                             processes, the suite of stores on real servers, and
#                             whatever else takes seconds
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

# The matrix takes a minute, so only a run of everything includes it. Packages without a test
# that -short leaves in are not linked for it. The short tests mostly wait, so more packages run at
# a time than there are processors. A run of everything is bound by them: with more packages at a time it
# takes as long, and tests run out of time.
short= matrix=yes none='^$' packages_at_once=$(nproc)
case " $* " in
*" -short "*) short=yes matrix= none='/e2e/(cluster|cmd|drawings|etcdtest|kubernetes|page|process|systemd|xstate)$' packages_at_once=$(($(nproc) * 2)) ;;
*" -run"*) matrix= ;;
esac
[ -z "$matrix" ] || need etcd etcd-server

# Except with -short, e2e/drawings runs a browser and dot, e2e/page a browser and the build of the
# page, e2e/xstate runs XState in node, and e2e/systemd runs a systemd.
if [ -z "$short" ]; then
	need chromium chromium
	need dot graphviz
	need prometheus prometheus # for the alerts of docs
	need node nodejs
	need npm npm
	need systemctl systemd
	for lock in e2e/*/package-lock.json cmd/leasehold/internal/page/web/package-lock.json; do
		dir=${lock%/*}
		[ "$lock" -nt "$dir/node_modules/.package-lock.json" ] || continue
		npm ci --prefix "$dir" --ignore-scripts --silent || {
			echo "test.sh: npm ci failed in $dir: see that npm reaches its registry" >&2
			exit 1
		}
	done
fi

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
shows exchange '"to":"active"' -for 4s & examples=($!) # most of which wait
shows leader 'no longer leads' -for 4s & examples+=($!)
shows shards 'has 64 of 64 shards' -for 2s & examples+=($!)
shows cron 'finishes tick' -for 5s & examples+=($!)
shows http 'serving at' -for 2s -lag 0s -listen 127.0.0.1:0 -probes 127.0.0.1:0 & examples+=($!)
shows order 'boxing -> labelled: label' & examples+=($!)
shows connection 'received tick' -for 3s & examples+=($!)
shows sqlrow 'version 5: done' & examples+=($!)
for one in "${examples[@]}"; do wait "$one"; done

# A program with the race detector ends a second late, for goroutines that are left. The tests fail
# if one is.
export GORACE=atexit_sleep_ms=0

# Vet has been over all of it, and has compiled the programs, which have no tests: with
# the race detector they would have to be compiled once more, the etcd in them too.
go run -exec true ./e2e/etcdtest/etcdmember # links it once, not in each package that runs it
tested=$(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' "$packages" | grep -Ev "$none")
go test -race -shuffle=on -vet=off -timeout 20m -p "$packages_at_once" "$@" $tested

# The tests above ran on Debian's redis-server and on the etcd of the module e2e, through the
# usual clients. Here are the other clients, and older versions of etcd.
if [ -n "$matrix" ]; then
	(cd e2e/etcd36 && GOWORK=off go build -o "$scratch/etcd-3.6" .)
	go build -o "$scratch/matrix" ./e2e/cmd/matrix
	failed=
	"$scratch/matrix" -etcd etcd -etcd "$scratch/etcd-3.6" -only etcd -run '^TestStore$' -programmes 2 >"$scratch/suite" & suite=$!
	"$scratch/matrix" -redis redis-server -etcd "$scratch/etcd-3.6" -etcd built-in -run '^TestRegistry$' || failed=yes
	"$scratch/matrix" -etcd etcd -only etcd,etcd-three,etcd-namespace,etcd-tls -run '^TestRegistry$' || failed=yes
	wait "$suite" || failed=yes
	cat "$scratch/suite"
	[ -z "$failed" ]
fi
