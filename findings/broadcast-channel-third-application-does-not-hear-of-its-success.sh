#!/usr/bin/env bash
# npm broadcast-channel 7.4.0, in node 20 (without the Web Locks API).
#
# Guess: applyOnce(), described as "Returns true if the instance is leader, false if not", says so to whoever asks, also
#        while an earlier call is under way.
# Seen:  a third call, and each one more, while two are under way is answered with undefined: who goes by the answer
#        takes the leader for a member. So it is if none of them wins. Those calls wait for the queue of the others,
#        which ends without a value.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" broadcast-channel@7.4.0 >/dev/null
cat >run.mjs <<'END'
import { BroadcastChannel, createLeaderElection } from 'broadcast-channel';

const join = () => {
  const channel = new BroadcastChannel(`job ${process.pid}`, { webWorkerSupport: false });
  return { channel, elector: createLeaderElection(channel, { responseTime: 500 }) };
};
const [a, b] = [join(), join()];
for (const [name, { elector }] of [['the first member', a], ['the second member', b]]) {
  const answers = await Promise.all([elector.applyOnce(), elector.applyOnce(), elector.applyOnce(), elector.applyOnce()]);
  console.log(`${name}: answers ${answers.map(String).join(', ')}; isLeader ${elector.isLeader}`);
}
await Promise.all([b.channel.close(), a.channel.close()]);
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
the first member: answers true, true, undefined, undefined; isLeader true
the second member: answers false, false, undefined, undefined; isLeader false
END
echo "as found: broadcast-channel 7.4.0"
