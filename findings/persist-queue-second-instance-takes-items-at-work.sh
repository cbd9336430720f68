#!/usr/bin/env bash
# python3-persist-queue 0.5.1 of Debian 12.
#
# Guess: an item that a consumer has got from a SQLiteAckQueue is that consumer's until it says ack or nack, or ends.
# Seen:  every process, or part of one, that opens the same path, even to put something, makes the items at work ready
#        again, and the next get hands them out a second time. A new instance cannot tell its own lost items from those
#        of others, and auto_resume, on by default, resumes all. The ack of the first consumer then succeeds as well.
set -euo pipefail
/usr/bin/python3 -c 'import persistqueue' 2>/dev/null || { echo "install the Debian package python3-persist-queue" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import subprocess
import sys

import persistqueue


def get(queue):
    try:
        return queue.get(block=False)
    except persistqueue.Empty:
        return None


path = sys.argv[1]
if len(sys.argv) > 2:
    persistqueue.SQLiteAckQueue(path).put('second')
else:
    consumer = persistqueue.SQLiteAckQueue(path)
    consumer.put('first')
    item = get(consumer)
    print('a consumer gets', item, 'and then', get(consumer))
    subprocess.run([sys.executable, __file__, path, 'put'], check=True, stderr=subprocess.DEVNULL)
    other = persistqueue.SQLiteAckQueue(path, auto_resume=False)
    same = get(other)
    print('another process has put an item; the next consumer gets', same, 'and then', get(other))
    consumer.ack(item)
    other.ack(same)
    print('both have acknowledged it:', consumer.acked_count())
END
timeout 60 /usr/bin/python3 run.py "$dir/queue" 2>&1 | tee seen
diff seen - <<'END'
a consumer gets first and then None
another process has put an item; the next consumer gets first and then second
both have acknowledged it: 1
END
echo "as found: persist-queue 0.5.1"
