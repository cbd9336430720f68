#!/usr/bin/env bash
# npm lightning-pool 4.14.0, in node.
#
# Guess: close(5000), "wait for active resource for 5 sec than force shutdown", destroys what is still in use when the
#        time is over, as close(true) does at once.
# Seen:  it forgets it: the pool is closed, and destroy of the factory is never called for it, not when its holder
#        releases or destroys it later either. A connection with its locks stays. The pool empties its list before it
#        goes through it.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" lightning-pool@4.14.0 >/dev/null
cat >run.mjs <<'END'
import { Pool } from 'lightning-pool';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
for (const [name, wait] of [['close(true)', true], ['close(1000)', 1000]]) {
  const destroyed = [];
  const pool = new Pool({ create: async () => ({ lock: 'job' }), destroy: async (resource) => { destroyed.push(resource.lock); } }, { max: 1 });
  const resource = await pool.acquire();
  await pool.close(wait);
  console.log(`${name}: closed, size ${pool.size}, destroyed: ${destroyed.join() || 'nothing'}`);
  await pool.releaseAsync(resource);
  await pool.destroyAsync(resource);
  await sleep(1000);
  console.log(`${name}: after release and destroy of the holder: ${destroyed.join() || 'nothing'}`);
}
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
close(true): closed, size 0, destroyed: job
close(true): after release and destroy of the holder: job
close(1000): closed, size 0, destroyed: nothing
close(1000): after release and destroy of the holder: nothing
END
echo "as found: lightning-pool 4.14.0"
