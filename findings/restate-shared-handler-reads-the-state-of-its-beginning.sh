#!/usr/bin/env bash
# npm @restatedev/restate-server-linux-x64 1.7.12 (written in Rust), @restatedev/restate-sdk 1.17.2, Node.js 20.
#
# Guess: a shared handler of a virtual object that reads a state key again and again, to wait for a holder to be done,
#        reads what the object has at that moment: shared handlers run beside the exclusive one, and each get is awaited.
# Seen:  it reads what the object had as the handler began, for as long as it runs, while a shared handler that begins
#        now reads the new value. The server sends the state with the invocation, and the SDK answers each get from
#        that. With enableLazyState: true it reads the new value.
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
import { post, restate, serve, sleep, until } from './base.mjs';

const reads = { eager: [], lazy: [] };
let stop = false;
const object = (name, options) => restate.object({
  name,
  options,
  handlers: {
    hold: async (ctx) => { ctx.set('state', 'held'); },
    read: restate.handlers.object.shared(async (ctx) => (await ctx.get('state')) ?? 'free'),
    watch: restate.handlers.object.shared(async (ctx) => {
      while (!stop) {
        reads[name].push((await ctx.get('state')) ?? 'free');
        await sleep(300);
      }
    }),
  },
});
await serve(object('eager'), object('lazy', { enableLazyState: true }));
for (const name of ['eager', 'lazy']) {
  stop = false;
  const watching = post(`/${name}/key/watch`);
  await until(() => reads[name].length >= 2);
  await post(`/${name}/key/hold`);
  const before = reads[name].length;
  await until(() => reads[name].length >= before + 6);
  const now = (await post(`/${name}/key/read`)).value;
  stop = true;
  await watching;
  console.log(`${name}: before ${reads[name][0]}; after the change the watching handler reads ${reads[name].at(-1)}, a new one ${now}`);
}
process.exit(0);
END
timeout 120 node run.mjs "$ingress" "$admin" 2>err | tee seen || { tail -20 err; exit 1; }
diff seen - <<'END'
eager: before free; after the change the watching handler reads free, a new one held
lazy: before free; after the change the watching handler reads held, a new one held
END
echo "as found: restate-server 1.7.12, restate-sdk 1.17.2"
