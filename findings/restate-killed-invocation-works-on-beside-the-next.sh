#!/usr/bin/env bash
# npm @restatedev/restate-server-linux-x64 1.7.12 (written in Rust), @restatedev/restate-sdk 1.17.2, Node.js 20.
#
# Guess: an exclusive handler of a virtual object is alone with its key: when the server kills an invocation, or aborts
#        an attempt by its abortTimeout, which "interrupts user code", the next one begins once that has ended.
# Seen:  the action of ctx.run goes on to its end, and meanwhile the next invocation of the key works, after a kill, or
#        the next attempt makes the same action again, after the timeout. The server takes the key as free when it has
#        closed the stream. The SDK fails the await and raises ctx.request().attemptCompletedSignal, which an action
#        has to heed by itself.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --ignore-scripts --prefix "$dir" @restatedev/restate-server-linux-x64@1.7.12 @restatedev/restate-sdk@1.17.2 >/dev/null
cat >ports.mjs <<'END'
import net from 'node:net';
const servers = [1, 2, 3].map(() => net.createServer());
await Promise.all(servers.map((s) => new Promise((r) => s.listen(0, '127.0.0.1', r))));
console.log(servers.map((s) => s.address().port).join(' '));
servers.forEach((s) => s.close());
END
read -r ingress admin node < <(node ports.mjs)
export RESTATE_INGRESS__BIND_ADDRESS=127.0.0.1:$ingress RESTATE_ADMIN__BIND_ADDRESS=127.0.0.1:$admin
export RESTATE_BIND_ADDRESS=127.0.0.1:$node RESTATE_ADVERTISED_ADDRESS=http://127.0.0.1:$node RESTATE_LISTEN_MODE=tcp
export RESTATE_BASE_DIR=$dir/data RESTATE_DISABLE_TELEMETRY=true RESTATE_DEFAULT_NUM_PARTITIONS=1 RESTATE_LOGGING=ERROR
timeout 300 node_modules/@restatedev/restate-server-linux-x64/bin/restate-server >log 2>&1 & server=$!
cat >base.mjs <<'END'
import http2 from 'node:http2';
// The SDK asks for Promise.withResolvers, which Node.js has from version 22 on.
Promise.withResolvers ??= function () {
  let resolve, reject;
  return { promise: new this((a, b) => { resolve = a; reject = b; }), resolve, reject };
};
export const restate = await import('@restatedev/restate-sdk');
export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
export async function until(what) {
  for (let i = 0; i < 600 && !(await what()); i++) await sleep(100);
}
const [ingress, admin] = process.argv.slice(2).map((port) => `http://127.0.0.1:${port}`);
const ask = (method) => async (base, path, body) => {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const answer = await fetch(base + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await answer.text();
  return { status: answer.status, value: text === '' ? undefined : JSON.parse(text) };
};
export const post = (path, body) => ask('POST')(ingress, path, body);
export const kill = (id) => ask('PATCH')(admin, `/invocations/${id}/kill`);
export async function serve(...services) {
  const server = http2.createServer(restate.createEndpointHandler({ services }));
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  const uri = `http://127.0.0.1:${server.address().port}`;
  await until(() => ask('POST')(admin, '/deployments', { uri }).then((a) => a.status < 300, () => false));
}
END
cat >run.mjs <<'END'
import { kill, post, restate, serve, sleep, until } from './base.mjs';

let working = 0;
let most = 0;
let begun = 0;
async function work(ms) {
  begun++;
  most = Math.max(most, ++working);
  for (const end = Date.now() + ms; Date.now() < end && most < 2;) await sleep(50);
  working--;
}
const handlers = (ms) => ({ work: async (ctx) => { await ctx.run('work', () => work(ms)); } });
const killed = restate.object({ name: 'killed', handlers: handlers(60000) });
const aborted = restate.object({
  name: 'aborted',
  handlers: handlers(60000),
  options: { inactivityTimeout: { seconds: 1 }, abortTimeout: { seconds: 1 } },
});
const calm = restate.object({ name: 'calm', handlers: handlers(2000) });
await serve(killed, aborted, calm);
const show = async (name, one) => {
  working = most = begun = 0;
  await one();
  console.log(`${name}: at work with one key at once: ${most}`);
};
await show('two invocations', async () => {
  await Promise.all([post('/calm/key/work'), post('/calm/key/work')]);
});
await show('the first of two is killed', async () => {
  const first = (await post('/killed/key/work/send')).value.invocationId;
  await until(() => begun === 1);
  await post('/killed/key/work/send');
  await kill(first);
  await until(() => most === 2);
});
await show('one that takes longer than its timeouts', async () => {
  await post('/aborted/key/work/send');
  await until(() => most === 2);
});
process.exit(0);
END
timeout 120 node run.mjs "$ingress" "$admin" 2>err | tee seen || { tail -20 err; exit 1; }
diff seen - <<'END'
two invocations: at work with one key at once: 1
the first of two is killed: at work with one key at once: 2
one that takes longer than its timeouts: at work with one key at once: 2
END
echo "as found: restate-server 1.7.12, restate-sdk 1.17.2"
