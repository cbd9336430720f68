#!/usr/bin/env bash
# npm @deliveryhero/dynamodb-lock 2.0.0 with @aws-sdk/client-dynamodb and lib-dynamodb 3.1000.0, and dynalite 4.0.0.
#
# Guess: releaseAllLocks frees all locks of the process, as the README says ("graceful shutdown"): the next process has
#        them at once.
# Seen:  it deletes none of them: it only ends their renewal, and others wait for the whole lease, as after a crash. It
#        waits for the lock objects instead of calling releaseLock for them. What it has been given can still be
#        released one by one.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 150 npm install --silent --no-save --legacy-peer-deps --prefix "$dir" @deliveryhero/dynamodb-lock@2.0.0 dynalite@4.0.0 \
	@aws-sdk/client-dynamodb@3.1000.0 @aws-sdk/lib-dynamodb@3.1000.0 >/dev/null
cat >run.js <<'END'
const { dynamoDBLockClientFactory } = require('@deliveryhero/dynamodb-lock');
const { DynamoDB } = require('@aws-sdk/client-dynamodb');
const { DynamoDBDocument } = require('@aws-sdk/lib-dynamodb');
const server = require('dynalite')({ createTableMs: 0 });
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
server.listen(0, '127.0.0.1', async () => {
  const dynamodb = new DynamoDB({
    endpoint: `http://127.0.0.1:${server.address().port}`, region: 'local', credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  });
  await dynamodb.createTable({
    TableName: 'lockTable',
    KeySchema: [{ AttributeName: 'lockId', KeyType: 'HASH' }, { AttributeName: 'lockGroup', KeyType: 'RANGE' }],
    AttributeDefinitions: ['lockId', 'lockGroup'].map((name) => ({ AttributeName: name, AttributeType: 'S' })),
    ProvisionedThroughput: { ReadCapacityUnits: 100, WriteCapacityUnits: 100 },
  });
  while ((await dynamodb.describeTable({ TableName: 'lockTable' })).Table.TableStatus !== 'ACTIVE') await sleep(200);
  const table = DynamoDBDocument.from(dynamodb);
  const a = dynamoDBLockClientFactory(table, { tableName: 'lockTable' });
  const b = dynamoDBLockClientFactory(table, { tableName: 'lockTable' });
  const options = { leaseDurationInMs: 6000, prolongEveryMs: 1000 };
  const rows = async () => (await table.scan({ TableName: 'lockTable' })).Items.length;
  for (const name of ['releaseLock', 'releaseAllLocks']) {
    const lock = await a.lock('jobs', 'nightly', options);
    await a[name](name === 'releaseLock' ? lock : undefined);
    console.log(`after ${name}: rows ${await rows()}`);
    const start = Date.now();
    const next = await b.lock('jobs', 'nightly', options);
    console.log(`the next one waits for the lease: ${Date.now() - start > 5000}`);
    await b.releaseLock(next);
  }
  process.exit();
});
END
timeout 60 node run.js | tee seen
diff seen - <<'END'
after releaseLock: rows 0
the next one waits for the lease: false
after releaseAllLocks: rows 1
the next one waits for the lease: true
END
echo "as found: dynamodb-lock 2.0.0"
