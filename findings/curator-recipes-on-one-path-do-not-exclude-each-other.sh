#!/usr/bin/env bash
# Apache Curator 5.4.0 and ZooKeeper 3.8.0, both of Debian 12, Java 17.
#
# Guess: two recipes of Curator that lock or elect on one path exclude each other, as LeaderSelector and InterProcessMutex do:
#        a deployment that goes over from one to the other has one leader at any time.
# Seen:  a LeaderLatch leads beside a LeaderSelector, and a mutex, a write lock and a semaphore mutex of one path are held at
#        once. Each sorts only nodes with its own name ("latch-", "lock-", "__WRIT__") by their number and puts all others
#        behind; the semaphore mutex has its nodes a level below. getLeader() of latch and selector names its own leader.
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
	java -cp $jars/zookeeper.jar:$jars/slf4j-nop.jar \
		org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg >/dev/null 2>&1 & server=$!
	until listens || ! kill -0 "$server" 2>/dev/null; do sleep 0.2; done
	! kill -0 "$server" 2>/dev/null || break
done
cat >Run.java <<'END'
import java.util.concurrent.*;
import org.apache.curator.framework.*;
import org.apache.curator.framework.recipes.leader.*;
import org.apache.curator.framework.recipes.locks.*;
import org.apache.curator.retry.RetryNTimes;

public class Run {
  static CuratorFramework client(String port) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient("127.0.0.1:" + port, 20_000, 10_000, new RetryNTimes(3, 500));
    client.start();
    client.blockUntilConnected();
    return client;
  }

  public static void main(String[] args) throws Exception {
    CuratorFramework a = client(args[0]), b = client(args[0]), c = client(args[0]);
    CountDownLatch leads = new CountDownLatch(1);
    LeaderSelector selector = new LeaderSelector(a, "/leader", new LeaderSelectorListenerAdapter() {
      public void takeLeadership(CuratorFramework client) throws InterruptedException { leads.countDown(); Thread.sleep(60_000); }
    });
    selector.setId("old release");
    selector.start();
    System.out.println("selector leads: " + leads.await(20, TimeUnit.SECONDS));
    System.out.println("mutex beside it: " + new InterProcessMutex(c, "/leader").acquire(2, TimeUnit.SECONDS));
    LeaderLatch latch = new LeaderLatch(b, "/leader", "new release");
    latch.start();
    System.out.println("latch leads beside it: " + latch.await(10, TimeUnit.SECONDS));
    System.out.println("the selector still leads: " + selector.hasLeadership());
    System.out.println("leader: " + selector.getLeader().getId() + ", " + latch.getLeader().getId());
    System.out.println("mutex: " + new InterProcessMutex(a, "/lock").acquire(10, TimeUnit.SECONDS));
    System.out.println("write lock: " + new InterProcessReadWriteLock(b, "/lock").writeLock().acquire(10, TimeUnit.SECONDS));
    System.out.println("semaphore mutex: " + new InterProcessSemaphoreMutex(c, "/lock").acquire(10, TimeUnit.SECONDS));
    System.exit(0);
  }
}
END
timeout 85 java -cp $jars/curator-recipes.jar:$jars/slf4j-nop.jar Run.java "$port" 2>/dev/null | tee seen
diff seen - <<'END'
selector leads: true
mutex beside it: false
latch leads beside it: true
the selector still leads: true
leader: old release, new release
mutex: true
write lock: true
semaphore mutex: true
END
echo "as found: Curator 5.4.0"
