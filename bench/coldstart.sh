#!/usr/bin/env bash
# Times the first start of an example with an empty build cache, until its first line of output: on
# process memory, and with the clients of all servers. The modules are downloaded before. Both
# run in each round, in turn: on a shared machine only their ratio says something.
#
#   bench/coldstart.sh [ROUNDS]     default 3
set -euo pipefail
cd "$(dirname "$0")/.."

go list -deps ./examples/exchange/servers >/dev/null # downloads the modules that are missing
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT

# seconds PACKAGE: how long it takes from go run to the first line
seconds() {
	rm -rf "$cache" && mkdir "$cache"
	local start=$EPOCHREALTIME
	local line # the program ends at its second, which nobody reads
	line=$(GOCACHE=$cache go run "$1" </dev/null 2>/dev/null | head -n 1) || true
	[[ $line == *registered* ]] || { echo "$1 said: $line" >&2; return 1; }
	bc <<<"scale=1; ($EPOCHREALTIME - $start) / 1"
}

echo "| round | process memory | all servers | ratio |"
echo "|---|---|---|---|"
for round in $(seq "${1:-3}"); do
	memory=$(seconds ./examples/exchange)
	servers=$(seconds ./examples/exchange/servers)
	printf '| %d | %.0f s | %.0f s | %.2f |\n' "$round" "$memory" "$servers" "$(bc <<<"scale=2; $memory / $servers")"
done
