#!/usr/bin/env bash
# npm @medusajs/locking-postgres 2.21.2 with @mikro-orm/postgresql 6.6.14, and PostgreSQL 15 of Debian 12. For Medusa's
# framework, which takes minutes to install, the script has a stand-in with the three names that the provider uses.
#
# Guess: a lock of acquire with expire: 2 is free for all after two seconds; execute with timeout: 1 fails after one
#        second if another has the lock.
# Seen:  a lock that has expired is still refused to every owner but its own, and a lock without an owner to all, until
#        someone deletes the row: acquire compares the owners before the time. execute fails when the lock is free
#        at last, with "Timed-out acquiring lock": the ROLLBACK that the timeout calls for waits on the connection
#        behind the statement that waits for the lock.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
pg=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
[ -n "$pg" ] || { echo "install the Debian package postgresql" >&2; exit 1; }
dir=$(mktemp -d)
chmod 711 "$dir"
mkdir "$dir/pg"
as=()
[ "$(id -u)" != 0 ] || { chown postgres "$dir/pg"; as=(runuser -u postgres --); }
trap '"${as[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
cd "$dir"
"${as[@]}" "$pg/initdb" -D "$dir/pg/data" -U postgres -A trust >/dev/null
"${as[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -o "-k $dir/pg -c listen_addresses=''" -l "$dir/pg/log" -w start >/dev/null
timeout 110 npm install --silent --no-save --legacy-peer-deps --prefix "$dir" @medusajs/locking-postgres@2.21.2 \
	@mikro-orm/core@6.6.14 @mikro-orm/postgresql@6.6.14 >/dev/null
mkdir -p node_modules/@medusajs/framework
cat >node_modules/@medusajs/framework/utils.js <<'END'
const property = new Proxy({}, { get: () => () => property });
exports.model = { define: () => ({}), id: () => property, text: () => property, dateTime: () => property };
exports.MedusaService = () => class {};
exports.isDefined = (value) => value !== undefined;
END
cat >run.js <<'END'
const { PostgresAdvisoryLockProvider } = require('./node_modules/@medusajs/locking-postgres/dist/services/advisory-lock.js');
const { MikroORM } = require('@mikro-orm/postgresql');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
(async () => {
  const orm = await MikroORM.init({ host: process.argv[2], user: 'postgres', dbName: 'postgres', entities: [], discovery: { warnWhenNoEntities: false } });
  // The table of the package's migration.
  await orm.em.execute('create table locking (id text not null, owner_id text null, expiration timestamptz null, constraint locking_pkey primary key (id))');
  const provider = () => new PostgresAdvisoryLockProvider({ manager: orm.em.fork() });
  const a = provider();
  const b = provider();
  const attempt = (call) => call.then(() => 'got it', (error) => error.message);
  await a.acquire('job', { ownerId: 'a', expire: 2 });
  await a.acquire('other', { expire: 2 });
  await sleep(6000);
  console.log('b, 6 s of 2 later:', await attempt(b.acquire('job', { ownerId: 'b', expire: 2 })));
  console.log('without an owner:', await attempt(b.acquire('other', { expire: 2 })));
  console.log('a:', await attempt(a.acquire('job', { ownerId: 'a', expire: 2 })));
  let over = false;
  const work = a.execute('nightly', async () => { await sleep(6000); over = true; });
  await sleep(1000);
  console.log('execute of b with a timeout of 1 s:', await attempt(b.execute('nightly', async () => {}, { timeout: 1 })), '- that of a is over:', over);
  await work;
  await orm.close();
})();
END
timeout 60 node run.js "$dir/pg" | tee seen
diff seen - <<'END'
b, 6 s of 2 later: Failed to acquire lock for key "job"
without an owner: Failed to acquire lock for key "other"
a: got it
execute of b with a timeout of 1 s: Timed-out acquiring lock. - that of a is over: true
END
echo "as found: locking-postgres 2.21.2"
