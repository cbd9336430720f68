#!/usr/bin/env bash
# Apache Curator 5.4.0 and ZooKeeper 3.8.0, both of Debian 12, Java 17.
#
# Guess: a leader of a LeaderLatch whose node an operator has deleted, to make another lead, hears of it: the next one leads
#        and the first does not.
# Seen:  both lead, for as long as the first one's connection holds; getLeader() of both names the second. A candidate watches
#        the node ahead of its own, never its own, so a leader watches none. An InterProcessMutex is held on in the same way,
#        and its isOwnedByCurrentThread() is true.
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
import java.util.*;
import java.util.concurrent.*;
import org.apache.curator.framework.*;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.RetryNTimes;

public class Run {
  static CuratorFramework client(String port) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient("127.0.0.1:" + port, 20_000, 10_000, new RetryNTimes(3, 500));
    client.start();
    client.blockUntilConnected();
    return client;
  }

  public static void main(String[] args) throws Exception {
    CuratorFramework a = client(args[0]), b = client(args[0]), operator = client(args[0]);
    LeaderLatch first = new LeaderLatch(a, "/leader", "first"), second = new LeaderLatch(b, "/leader", "second");
    first.start();
    System.out.println("first leads: " + first.await(20, TimeUnit.SECONDS));
    second.start();
    System.out.println("second leads: " + second.await(3, TimeUnit.SECONDS));
    for (String node : operator.getChildren().forPath("/leader"))
      if (new String(operator.getData().forPath("/leader/" + node)).equals("first")) operator.delete().forPath("/leader/" + node);
    System.out.println("its node is deleted; second leads: " + second.await(20, TimeUnit.SECONDS));
    Thread.sleep(5000);
    System.out.println("first leads: " + first.hasLeadership() + ", leader: " + first.getLeader().getId());
    InterProcessMutex held = new InterProcessMutex(a, "/lock"), other = new InterProcessMutex(b, "/lock");
    System.out.println("mutex: " + held.acquire(20, TimeUnit.SECONDS) + ", another: " + other.acquire(2, TimeUnit.SECONDS));
    for (String node : held.getParticipantNodes()) operator.delete().forPath(node);
    System.out.println("deleted; another: " + other.acquire(20, TimeUnit.SECONDS) + ", first: " + held.isOwnedByCurrentThread());
    System.exit(0);
  }
}
END
timeout 85 java -cp $jars/curator-recipes.jar:$jars/slf4j-nop.jar Run.java "$port" 2>/dev/null | tee seen
diff seen - <<'END'
first leads: true
second leads: false
its node is deleted; second leads: true
first leads: true, leader: second
mutex: true, another: false
deleted; another: true, first: true
END
echo "as found: Curator 5.4.0"
