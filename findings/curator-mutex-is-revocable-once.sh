#!/usr/bin/env bash
# Apache Curator 5.4.0 and ZooKeeper 3.8.0, both of Debian 12, Java 17.
#
# Guess: after makeRevocable(listener) an InterProcessMutex is revocable: "your listener will get called when another process/thread
#        wants you to release the lock", each time that it is held, and from then on if it is held already.
# Seen:  the listener is called for the next acquisition alone. When the lock is released and acquired again, or was held already,
#        attemptRevoke succeeds and nobody hears of it. release() forgets the listener, and the node is watched only as it is made.
set -euo pipefail
jars=/usr/share/java
{ [ -e $jars/curator-recipes.jar ] && [ -e $jars/slf4j-nop.jar ] && command -v javac >/dev/null; } ||
	{ echo "install the Debian packages zookeeper, libcurator-recipes-java and default-jdk-headless" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
for _ in 1 2 3 4 5; do
	port=$((20000 + RANDOM % 10000))
	! listens || continue
	printf '%s\n' tickTime=500 dataDir=data "clientPort=$port" clientPortAddress=127.0.0.1 admin.enableServer=false >zoo.cfg
	java -Xmx128m -cp $jars/zookeeper.jar:$jars/slf4j-nop.jar \
		org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg >/dev/null 2>&1 & server=$!
	until listens || ! kill -0 "$server" 2>/dev/null; do sleep 0.2; done
	! kill -0 "$server" 2>/dev/null || break
done
cat >Run.java <<'END'
import java.util.concurrent.*;
import org.apache.curator.framework.*;
import org.apache.curator.framework.recipes.locks.*;
import org.apache.curator.retry.RetryNTimes;

public class Run {
  static final BlockingQueue<String> calls = new LinkedBlockingQueue<>();

  static CuratorFramework client(String port) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient("127.0.0.1:" + port, 20_000, 10_000, new RetryNTimes(3, 500));
    client.start();
    client.blockUntilConnected();
    return client;
  }

  static void revoke(CuratorFramework others, InterProcessMutex lock, String when) throws Exception {
    Revoker.attemptRevoke(others, lock.getParticipantNodes().iterator().next());
    System.out.println(when + ", revoked by another, listener called: " + (calls.poll(8, TimeUnit.SECONDS) != null));
  }

  public static void main(String[] args) throws Exception {
    CuratorFramework ours = client(args[0]), others = client(args[0]);
    InterProcessMutex lock = new InterProcessMutex(ours, "/before"), held = new InterProcessMutex(ours, "/held");
    lock.makeRevocable(l -> calls.add("revoke"));
    lock.acquire();
    revoke(others, lock, "made revocable and acquired");
    lock.release();
    lock.acquire();
    revoke(others, lock, "released and acquired again");
    lock.release();
    lock.makeRevocable(l -> calls.add("revoke"));
    lock.acquire();
    revoke(others, lock, "made revocable once more and acquired");
    held.acquire();
    held.makeRevocable(l -> calls.add("revoke"));
    revoke(others, held, "acquired and made revocable");
    System.exit(0);
  }
}
END
timeout 85 java -cp $jars/curator-recipes.jar:$jars/slf4j-nop.jar Run.java "$port" 2>/dev/null | tee seen
diff seen - <<'END'
made revocable and acquired, revoked by another, listener called: true
released and acquired again, revoked by another, listener called: false
made revocable once more and acquired, revoked by another, listener called: true
acquired and made revocable, revoked by another, listener called: false
END
echo "as found: Curator 5.4.0"
