#!/usr/bin/env bash
# Debian 12: python3-tooz 3.1.0 with its ZooKeeper driver (python3-kazoo 2.8.0), and ZooKeeper 3.8.0.
#
# Guess: a group with an elected leader has the members that joined it, its capabilities can be read for each of them, and it can
#        be deleted when all have left.
# Seen:  from the first election on it has a member "leader" more, who has "joined" for watchers, whose capabilities raise a
#        SerializationError, with whom no Partitioner can be made, and who never leaves: delete_group() says GroupNotEmpty. The
#        driver keeps the election's lock in a node "leader" below the group's, and counts all nodes there. In the same way
#        the first get_lock() makes a group "locks".
set -euo pipefail
[ -e /usr/share/java/zookeeper.jar ] && [ -e /usr/share/java/slf4j-nop.jar ] && command -v java >/dev/null ||
	{ echo "install the Debian packages zookeeper, libslf4j-java, default-jre-headless and python3-tooz" >&2; exit 1; }
/usr/bin/python3 -c 'import tooz, kazoo' 2>/dev/null || { echo "install the Debian packages python3-tooz and python3-kazoo" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
for _ in 1 2 3 4 5; do
	port=$((20000 + RANDOM % 10000))
	! listens || continue
	printf '%s\n' tickTime=500 dataDir=data "clientPort=$port" clientPortAddress=127.0.0.1 admin.enableServer=false >zoo.cfg
	java -cp /usr/share/java/zookeeper.jar:/usr/share/java/slf4j-nop.jar \
		org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg >/dev/null 2>&1 & server=$!
	until listens || ! kill -0 "$server" 2>/dev/null; do sleep 0.2; done
	! kill -0 "$server" 2>/dev/null || break
done
cat >run.py <<'END'
import sys
from tooz import coordination, partitioner

GROUP = b'workers'


def start(member):
    c = coordination.get_coordinator(f'zookeeper://127.0.0.1:{sys.argv[1]}', member)
    c.start(start_heart=True)
    return c


def names(ids):
    return *sorted(i.decode() for i in ids),


def attempt(f, *args):
    try:
        result = f(*args)
        return result.get() if hasattr(result, 'get') else 'made'
    except Exception as err:
        return type(err).__name__


one, two = start(b'one'), start(b'two')
one.create_group(GROUP).get()
for c in one, two:
    c.join_group(GROUP, {'weight': 1}).get()
print('members:', *names(one.get_members(GROUP).get()))
two.watch_join_group(GROUP, lambda event: print('joined:', event.member_id.decode()))
two.run_watchers()
one.watch_elected_as_leader(GROUP, lambda event: print('elected:', event.member_id.decode()))
one.run_watchers()
print('members:', *names(one.get_members(GROUP).get()))
two.run_watchers()
print('its capabilities:', attempt(one.get_member_capabilities, GROUP, b'leader'))
print('partitioner:', attempt(partitioner.Partitioner, one, GROUP))
print('groups:', *names(one.get_groups().get()))
one.get_lock(b'job').acquire()
print('groups with a lock:', *names(one.get_groups().get()))
one.stand_down_group_leader(GROUP)
for c in one, two:
    c.leave_group(GROUP).get()
print('all have left; members:', *names(one.get_members(GROUP).get()), '- delete:', attempt(one.delete_group, GROUP))
END
timeout 60 /usr/bin/python3 run.py "$port" 2>/dev/null | tee seen
diff seen - <<'END'
members: one two
elected: one
members: leader one two
joined: leader
its capabilities: SerializationError
partitioner: SerializationError
groups: workers
groups with a lock: locks workers
all have left; members: leader - delete: GroupNotEmpty
END
echo "as found: tooz 3.1.0"
