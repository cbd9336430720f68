#!/usr/bin/env bash
# npm redlock-universal 0.8.5, ioredis 5.8.2, and two redis-servers of Debian 12 (7.0.15).
#
# Guess: LockManager.releaseLock(handle) and releaseBatch(handles) release what acquireLock or acquireBatch of the same
#        manager has returned, also with the option nodeIndex, which says on which server to lock.
# Seen:  with a nodeIndex other than 0 they say false, and the lock stays for its TTL: the handle does not have the
#        server, and the release goes to the first one. The manager's own count of active locks goes down all the same.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
for i in 0 1; do redis-server --port 0 --unixsocket "$dir/$i.sock" --save '' --daemonize no >/dev/null & done
for i in 0 1; do until [ "$(redis-cli -s "$dir/$i.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done; done
timeout 80 npm install --silent --no-save --prefix "$dir" redlock-universal@0.8.5 ioredis@5.8.2 >/dev/null
cat >run.mjs <<'END'
import { Redis } from 'ioredis';
import { IoredisAdapter, LockManager } from 'redlock-universal';
const servers = ['0.sock', '1.sock'].map((path) => new Redis({ path }));
const manager = new LockManager({ nodes: servers.map((server) => new IoredisAdapter(server)), defaultTTL: 600000 });
for (const nodeIndex of [0, 1]) {
  const handle = await manager.acquireLock('report', { nodeIndex });
  const released = await manager.releaseLock(handle);
  console.log(`server ${nodeIndex}: releaseLock: ${released}, the lock is left: ${await servers[nodeIndex].exists('report')}, active: ${manager.getStats().activeLocks}`);
  const handles = await manager.acquireBatch(['one', 'two'], { nodeIndex });
  console.log(`  releaseBatch: ${await manager.releaseBatch(handles)}, locks left: ${await servers[nodeIndex].exists('one', 'two')}`);
}
process.exit();
END
timeout 30 node run.mjs | tee seen
diff seen - <<'END'
server 0: releaseLock: true, the lock is left: 0, active: 0
  releaseBatch: true,true, locks left: 0
server 1: releaseLock: false, the lock is left: 1, active: 0
  releaseBatch: false,false, locks left: 2
END
echo "as found: redlock-universal 0.8.5"
