#!/usr/bin/env bash
# npm broadcast-channel 7.4.0, in node 20 (without the Web Locks API).
#
# Guess: hasLeader() goes on being true when a member that does not lead leaves the election, and is always true for the
#        leader itself.
# Seen:  when such a member dies, or closes its channel, hasLeader() is false for everybody, the leader too, while
#        isLeader of the leader stays true. A member that asks again puts it right for itself and for those who do not
#        lead; the leader's hasLeader() stays false. Every death is taken for the leader's, and a leader hears no word
#        of a leader but its own, which it does not receive.
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

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const join = () => {
  const channel = new BroadcastChannel(`job ${process.pid}`, { webWorkerSupport: false });
  return { channel, elector: createLeaderElection(channel, { responseTime: 500 }) };
};
const [a, b, c] = [join(), join(), join()];
const show = async (when) => console.log(`${when}: the leader: isLeader ${a.elector.isLeader}, hasLeader ${await a.elector.hasLeader()}; ` +
  `a member: isLeader ${b.elector.isLeader}, hasLeader ${await b.elector.hasLeader()}`);
await a.elector.applyOnce();
await b.elector.applyOnce();
await c.elector.applyOnce();
await show('three members');
await c.channel.close();
await sleep(3000);
await show('a member that did not lead has left');
await b.elector.applyOnce();
await sleep(3000);
await show('the other member has asked');
await Promise.all([b.channel.close(), a.channel.close()]);
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
three members: the leader: isLeader true, hasLeader true; a member: isLeader false, hasLeader true
a member that did not lead has left: the leader: isLeader true, hasLeader false; a member: isLeader false, hasLeader false
the other member has asked: the leader: isLeader true, hasLeader false; a member: isLeader false, hasLeader true
END
echo "as found: broadcast-channel 7.4.0"
