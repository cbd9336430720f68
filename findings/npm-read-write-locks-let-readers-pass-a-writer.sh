#!/usr/bin/env bash
# npm rwmutex 1.0.0, read-write-mutexify 2.1.0, locks 0.2.2, @david.uhlir/mutex 1.2.10, readers-writer-lock 1.0.0 and
# readwrite-lock 1.0.5, in node.
#
# Guess: a writer that waits gets the lock when the readers before it have gone: rwmutex is "inspired by Golang's
#        sync.RWMutex", where a waiting writer keeps new readers out, and @david.uhlir/mutex says that locks are taken in the
#        order of its queue.
# Seen:  in these two, read-write-mutexify and locks a reader that comes later goes in past the writer. While readers overlap,
#        the writer never gets in, as each of them asks only whether a writer is in. readers-writer-lock and readwrite-lock
#        make the later readers wait.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 120 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" \
	rwmutex@1.0.0 read-write-mutexify@2.1.0 locks@0.2.2 @david.uhlir/mutex@1.2.10 \
	readers-writer-lock@1.0.0 readwrite-lock@1.0.5 >/dev/null
cat >run.mjs <<'END'
import mutex from '@david.uhlir/mutex';
import locks from 'locks';
import ReadWriteMutexify from 'read-write-mutexify';
import readersWriterLock from 'readers-writer-lock';
import ReadwriteLock from 'readwrite-lock';
import RWMutex from 'rwmutex';

const { SharedMutex } = mutex;
await SharedMutex.initialize();
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const held = (take) => new Promise((entered) => take(() => new Promise((leave) => entered(leave))));
const [rw, mutexify, plain] = [new RWMutex(), new ReadWriteMutexify(), locks.createReadWriteLock()];
const keyed = new ReadwriteLock();
const queued = new readersWriterLock.RWLock();
const kinds = { // each call is fulfilled with the function that gives the lock back
  'rwmutex': [() => rw.rlock(), () => rw.lock()],
  'read-write-mutexify': [
    () => mutexify.read.lock().then(() => () => mutexify.read.unlock()),
    () => mutexify.write.lock().then(() => () => mutexify.write.unlock()),
  ],
  'locks': [
    () => new Promise((entered) => plain.readLock(() => entered(() => plain.unlock()))),
    () => new Promise((entered) => plain.writeLock(() => entered(() => plain.unlock()))),
  ],
  '@david.uhlir/mutex': [
    () => held((task) => SharedMutex.lockMultiAccess('job', task)),
    () => held((task) => SharedMutex.lockSingleAccess('job', task)),
  ],
  'readers-writer-lock': [() => held((task) => queued.read(task)), () => held((task) => queued.write(task))],
  'readwrite-lock': [
    () => held((task) => keyed.acquireRead('job', task)),
    () => held((task) => keyed.acquireWrite('job', task)),
  ],
};
for (const [name, [read, write]] of Object.entries(kinds)) {
  let leave = await read();
  let written = false;
  let past = 0;
  write().then((release) => { written = true; release(); });
  for (let i = 0; i < 10 && !written; i++) {
    const reader = read();
    const passed = await Promise.race([reader.then(() => !written), pause(1000).then(() => false)]);
    if (passed) past++;
    leave();
    leave = await reader;
  }
  leave();
  console.log(`${name}: ${past} of the later readers went past the writer`);
}
process.exit();
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
rwmutex: 10 of the later readers went past the writer
read-write-mutexify: 10 of the later readers went past the writer
locks: 10 of the later readers went past the writer
@david.uhlir/mutex: 10 of the later readers went past the writer
readers-writer-lock: 0 of the later readers went past the writer
readwrite-lock: 0 of the later readers went past the writer
END
echo "as found: rwmutex 1.0.0, read-write-mutexify 2.1.0, locks 0.2.2, @david.uhlir/mutex 1.2.10"
