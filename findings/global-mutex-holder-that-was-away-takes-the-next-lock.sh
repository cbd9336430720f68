#!/usr/bin/env bash
# npm @ster5/global-mutex 3.3.0 with its native provider (proper-lockfile is not installed), Linux, in node.
#
# Guess: a holder that was stopped for longer than "stale" is told by onCompromised when it goes on, as its lock has been
#        taken by another by then, and its end changes nothing for that one.
# Seen:  it is told nothing, and its end removes the lock of the other, which is told instead: a third gets in beside that
#        one. If the third is there before the other's next refresh, nobody is told. Until it ends, the first keeps the
#        lock of the other fresh as well. Neither the refresh nor the release looks whose directory it is.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
pids=()
trap 'for pid in "${pids[@]}"; do kill -CONT "$pid" 2>/dev/null || true; kill "$pid" 2>/dev/null || true; done; rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" @ster5/global-mutex@3.3.0 >/dev/null
cat >worker.mjs <<'END'
import { existsSync, writeFileSync } from 'node:fs';
import { withLock } from '@ster5/global-mutex';

const name = process.argv[2];
let told = false;
const onCompromised = () => { if (!told) writeFileSync(`${name}.told`, ''); told = true; };
await withLock({ fileToLock: 'job', stale: 4000, update: 500, retries: { forever: true, minTimeout: 200, maxTimeout: 500 }, onCompromised }, async () => {
  writeFileSync(`${name}.in`, '');
  while (!existsSync(`${name}.end`)) await new Promise((done) => setTimeout(done, 100));
});
writeFileSync(`${name}.out`, '');
END
start() { timeout 85 node worker.mjs "$1" >/dev/null & pids+=($!); }
await() { for _ in $(seq "$2"); do [ -e "$1" ] && return; sleep 0.1; done; return 1; }
say() { if [ -e "$1" ]; then echo yes; else echo no; fi; }
node worker.mjs first & first=$!; pids+=("$first")
await first.in 200
kill -STOP "$first"
start second
await second.in 200 || { echo "the second never got in" >&2; exit 1; }
kill -CONT "$first"
sleep 5
{
	echo "the first was stopped for longer than stale, the second has got in; the first, going on for 5 s, was told: $(say first.told)"
	touch first.end
	await first.out 100
	await second.told 200 || true
	start third
	await third.in 200 || true
	echo "the first has ended: a third is in: $(say third.in), while the second is at work: $([ -e second.out ] && echo no || echo yes); the second was told: $(say second.told)"
} >seen
cat seen
touch second.end third.end
await second.out 100 && await third.out 100
diff seen - <<'END'
the first was stopped for longer than stale, the second has got in; the first, going on for 5 s, was told: no
the first has ended: a third is in: yes, while the second is at work: yes; the second was told: yes
END
echo "as found: @ster5/global-mutex 3.3.0"
