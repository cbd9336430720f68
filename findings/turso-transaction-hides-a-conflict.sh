#!/usr/bin/env bash
# npm @tursodatabase/database 0.7.2 (a SQLite written in Rust), in node.
#
# Guess: of two who take a row in transactions made with transaction(fn).concurrent, the loser is told of a conflict,
#        "Write-write conflict", as it is with BEGIN CONCURRENT and COMMIT by hand, and so knows that it may try again.
# Seen:  it is told "cannot rollback - no transaction is active", and nothing of the conflict. So is the loser of a row
#        that another has, with INSERT OR ROLLBACK, in place of "UNIQUE constraint failed". Both errors have ended the
#        transaction already, and the wrapper, also that of transactionAsync, then sends ROLLBACK, whose failure
#        takes the place of the first error.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" @tursodatabase/database@0.7.2 >/dev/null
cat >run.mjs <<'END'
import { connect } from '@tursodatabase/database';

const told = (promise) => promise.then(() => 'done', (error) => error.message.replace('step failed: ', ''));
const one = await connect('jobs.db');
await one.exec('CREATE TABLE jobs (id PRIMARY KEY, owner)');
await one.exec("INSERT INTO jobs VALUES (1, 'nobody')");

const insert = (verb) => `${verb} INTO jobs VALUES (1, 'b')`;
console.log('INSERT in transaction():', await told(one.transaction(() => one.exec(insert('INSERT')))()));
console.log('INSERT OR ROLLBACK by hand:', await told(one.exec('BEGIN').then(() => one.exec(insert('INSERT OR ROLLBACK')))));
console.log('INSERT OR ROLLBACK in transaction():',
  await told(one.transaction(() => one.exec(insert('INSERT OR ROLLBACK')))()));

await one.exec("PRAGMA journal_mode = 'mvcc'");
const two = await connect('jobs.db');
const claim = (owner) => `UPDATE jobs SET owner = '${owner}' WHERE id = 1`;
// From its first change on, a row has its versions in memory, and a conflict shows as the second changes it.
await one.exec(claim('nobody again'));
// The first claims the row, the second does so before the first commits, and fails.
async function compete(name, second) {
  await one.exec('BEGIN CONCURRENT');
  await one.exec(claim('a'));
  console.log(`${name}: the second is told:`, await told(second()));
  console.log(`${name}: the first is told:`, await told(one.exec('COMMIT')));
}
await compete('by hand', async () => {
  await two.exec('BEGIN CONCURRENT');
  await two.exec(claim('b'));
  await two.exec('COMMIT');
});
await compete('transaction', () => two.transaction(() => two.exec(claim('b'))).concurrent());
await compete('transactionAsync', () => two.transactionAsync((t) => t.exec(claim('b'))).concurrent());
console.log('the row:', JSON.stringify(await (await one.prepare('SELECT owner FROM jobs')).get()));
process.exit(0);
END
timeout 40 node run.mjs | tee seen
diff seen - <<'END'
INSERT in transaction(): Runtime error: UNIQUE constraint failed: jobs.id (19)
INSERT OR ROLLBACK by hand: Runtime error: UNIQUE constraint failed: jobs.id (19)
INSERT OR ROLLBACK in transaction(): Transaction error: cannot rollback - no transaction is active
by hand: the second is told: Write-write conflict
by hand: the first is told: done
transaction: the second is told: Transaction error: cannot rollback - no transaction is active
transaction: the first is told: done
transactionAsync: the second is told: Transaction error: cannot rollback - no transaction is active
transactionAsync: the first is told: done
the row: {"owner":"a"}
END
echo "as found: @tursodatabase/database 0.7.2"
