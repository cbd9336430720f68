#!/usr/bin/env bash
# npm @restatedev/restate-server-linux-x64 1.7.12 (written in Rust), @restatedev/restate-sdk 1.17.2, Node.js 20.
#
# Guess: of two that resolve one awakeable, the second is told that it comes too late, as it is with a durable promise
#        of a workflow, whose second resolve fails with "promise was already completed" (409).
# Seen:  all are answered 202, with another value, with a rejection, and long after the handler has returned. The
#        handler has the first value, the others are dropped without a word, so of two who approve and deny, or
#        two who claim a task with it, both believe that theirs counted. The answer says that the server has taken
#        the signal, and the invocation that would know is not asked.
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
import { post, restate, serve, until } from './base.mjs';

let token;
const object = restate.service({
  name: 'task',
  handlers: {
    ask: async (ctx) => {
      const { id, promise } = ctx.awakeable();
      token = id;
      return await promise;
    },
  },
});
const workflow = restate.workflow({
  name: 'flow',
  handlers: {
    run: async (ctx) => await ctx.promise('answer'),
    answer: async (ctx, value) => { await ctx.promise('answer').resolve(value); },
  },
});
await serve(object, workflow);
const asking = post('/task/ask');
await until(() => token);
const resolve = async (value) => (await post(`/restate/awakeables/${token}/resolve`, value)).status;
const statuses = [await resolve('claimed by a'), await resolve('claimed by b')];
console.log(`awakeable: ${statuses.join(' and ')}, the handler has: ${(await asking).value}`);
console.log(`after the handler has returned: ${await resolve('claimed by c')}, a rejection: ` +
  `${(await post(`/restate/awakeables/${token}/reject`, 'no')).status}`);

const running = post('/flow/one/run');
const first = (await post('/flow/one/answer', 'claimed by a')).status;
const second = await post('/flow/one/answer', 'claimed by b');
console.log(`durable promise: ${first} and ${second.status} (${second.value.message}), the workflow has: ${(await running).value}`);
process.exit(0);
END
timeout 120 node run.mjs "$ingress" "$admin" 2>err | tee seen || { tail -20 err; exit 1; }
diff seen - <<'END'
awakeable: 202 and 202, the handler has: claimed by a
after the handler has returned: 202, a rejection: 202
durable promise: 200 and 409 (promise was already completed), the workflow has: claimed by a
END
echo "as found: restate-server 1.7.12, restate-sdk 1.17.2"
