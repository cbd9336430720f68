#!/usr/bin/env bash
# npm node-beanstalk 1.6.7 and jackd 2.2.2, and beanstalkd 1.12 of Debian 12.
#
# Guess: a reserve() that waits for a job fails when the server is stopped, as any request does whose connection ends;
#        the worker can connect again and goes on.
# Seen:  the promise is never settled, with either client: the worker waits for ever for a server that may long be back,
#        without an error or an event. node-beanstalk goes on to say isConnected, and its reserveWithTimeout(2) of a
#        later call is not settled either. Neither client does anything about open requests when the socket ends.
set -euo pipefail
for command in node npm beanstalkd; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and beanstalkd" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --prefix "$dir" node-beanstalk@1.6.7 jackd@2.2.2 >/dev/null
cat >run.js <<'END'
const net = require('net');
const { spawn } = require('child_process');
const Beanstalk = require('node-beanstalk');
const Jackd = require('jackd');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const free = () => new Promise((done) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => done(port));
  });
});
const start = async (port) => {
  const server = spawn('beanstalkd', ['-l', '127.0.0.1', '-p', port]);
  for (let up = false; !up; await sleep(100)) {
    up = await new Promise((done) => net.connect(port, '127.0.0.1').on('connect', function () { this.end(); done(true); }).on('error', () => done(false)));
  }
  return server;
};
const state = async (promise, ms) => Promise.race([promise.then(() => 'a result', (e) => `an error (${e.message})`), sleep(ms).then(() => 'not settled')]);
(async () => {
  const clients = {
    'node-beanstalk': (port) => new Beanstalk.Client({ host: '127.0.0.1', port }),
    jackd: () => new Jackd(),
  };
  for (const [name, make] of Object.entries(clients)) {
    const port = await free();
    let server = await start(port);
    const client = make(port);
    await client.connect({ host: '127.0.0.1', port });
    const reserved = client.reserve();
    await sleep(1000);
    server.kill();
    await new Promise((done) => server.on('exit', done));
    server = await start(port);
    console.log(`${name}: reserve, the server was stopped and is back: ${await state(reserved, 6000)}`);
    if (name !== 'jackd') {
      console.log(`  isConnected: ${client.isConnected}, reserveWithTimeout(2): ${await state(client.reserveWithTimeout(2), 8000)}`);
    }
    server.kill();
  }
  process.exit();
})();
END
timeout 60 node run.js | tee seen
diff seen - <<'END'
node-beanstalk: reserve, the server was stopped and is back: not settled
  isConnected: true, reserveWithTimeout(2): not settled
jackd: reserve, the server was stopped and is back: not settled
END
echo "as found: node-beanstalk 1.6.7, jackd 2.2.2"
