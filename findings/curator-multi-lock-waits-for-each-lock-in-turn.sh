#!/usr/bin/env bash
# Apache Curator 5.4.0 and ZooKeeper 3.8.0, both of Debian 12, Java 17.
#
# Guess: acquire of an InterProcessMultiLock with a time gives up after that time: it manages its locks as a single one,
#        and acquire of a lock is documented to block until it is available or the given time expires.
# Seen:  each of its locks is waited for that long, one after the other: three locks that become free one by one are
#        acquired after up to three times the time, with the result true.
set -euo pipefail
{ [ -e /usr/share/java/curator-recipes.jar ] && [ -e /usr/share/java/slf4j-nop.jar ] && command -v javac >/dev/null; } ||
	{ echo "install the Debian packages zookeeper, libcurator-recipes-java and default-jdk-headless" >&2; exit 1; }
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
cat >Run.java <<'END'
import java.util.*;
import java.util.concurrent.*;
import org.apache.curator.framework.*;
import org.apache.curator.framework.recipes.locks.*;
import org.apache.curator.retry.RetryNTimes;

public class Run {
  static CuratorFramework client(String hosts) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient(hosts, 20_000, 10_000, new RetryNTimes(3, 500));
    client.start();
    client.blockUntilConnected();
    return client;
  }

  public static void main(String[] args) throws Exception {
    CuratorFramework a = client(args[0]), b = client(args[0]);
    int n = 3, time = 8, hold = 5; // seconds
    List<InterProcessLock> locks = new ArrayList<>();
    List<InterProcessSemaphoreMutex> held = new ArrayList<>();
    for (int i = 0; i < n; i++) {
      held.add(new InterProcessSemaphoreMutex(a, "/lock-" + i));
      held.get(i).acquire();
      locks.add(new InterProcessSemaphoreMutex(b, "/lock-" + i));
    }
    new Thread(() -> {
      try {
        for (InterProcessSemaphoreMutex lock : held) { Thread.sleep(hold * 1000); lock.release(); }
      } catch (Exception e) { throw new RuntimeException(e); }
    }).start();
    long start = System.nanoTime();
    boolean acquired = new InterProcessMultiLock(locks).acquire(time, TimeUnit.SECONDS);
    long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start);
    System.out.println("acquired: " + acquired + ", after more than the time: " + (seconds >= time + hold));
    System.exit(0);
  }
}
END
timeout 80 java -cp /usr/share/java/curator-recipes.jar:/usr/share/java/slf4j-nop.jar Run.java "127.0.0.1:$port" 2>/dev/null | tee seen
diff seen - <<'END'
acquired: true, after more than the time: true
END
echo "as found: Curator 5.4.0"
