#!/usr/bin/env bash
# Apache Curator 5.4.0 and ZooKeeper 3.8.0, both of Debian 12, Java 17.
#
# Guess: interruptLeadership(), documented to cancel the leadership "if this instance has leadership", has no effect on a
#        LeaderSelector that does not lead.
# Seen:  one that waits in the election is taken out of it. One that still waits for a thread of an executor that selectors
#        share never takes part again: requeue() says false for good, as "already queued", with autoRequeue() as well. The
#        call cancels the selector's task whatever it does, and a task that never ran does not take back "queued". Releases
#        after 5.4.0 have a change for the second part (CURATOR-518).
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
import org.apache.curator.retry.RetryNTimes;

public class Run {
  static CuratorFramework client;

  static LeaderSelector selector(String path, ExecutorService executor) {
    return new LeaderSelector(client, path, executor, new LeaderSelectorListenerAdapter() {
      public void takeLeadership(CuratorFramework client) throws InterruptedException { Thread.sleep(60_000); }
    });
  }

  static boolean within(int seconds, Callable<Boolean> condition) throws Exception {
    for (int i = 0; i < seconds * 10; i++) { if (condition.call()) return true; Thread.sleep(100); }
    return false;
  }

  public static void main(String[] args) throws Exception {
    client = CuratorFrameworkFactory.newClient("127.0.0.1:" + args[0], 20_000, 10_000, new RetryNTimes(3, 500));
    client.start();
    client.blockUntilConnected();

    LeaderSelector leader = selector("/job", Executors.newCachedThreadPool());
    LeaderSelector next = selector("/job", Executors.newCachedThreadPool());
    leader.start();
    within(20, leader::hasLeadership);
    next.start();
    System.out.println("both are in: " + within(20, () -> leader.getParticipants().size() == 2));
    next.interruptLeadership();
    System.out.println("the one that waited is out: " + within(20, () -> leader.getParticipants().size() == 1));

    ExecutorService shared = Executors.newFixedThreadPool(1);
    LeaderSelector mail = selector("/mail", shared), reports = selector("/reports", shared);
    mail.start();
    within(20, mail::hasLeadership);
    reports.autoRequeue();
    reports.start();
    reports.interruptLeadership();
    mail.close();
    System.out.println("the thread is free: " + within(20, () -> shared.submit(() -> true).get(20, TimeUnit.SECONDS)));
    System.out.println("reports leads: " + within(10, reports::hasLeadership));
    System.out.println("requeue: " + reports.requeue() + ", reports leads: " + within(10, reports::hasLeadership));
    System.exit(0);
  }
}
END
timeout 85 java -cp $jars/curator-recipes.jar:$jars/slf4j-nop.jar Run.java "$port" 2>/dev/null | tee seen
diff seen - <<'END'
both are in: true
the one that waited is out: true
the thread is free: true
reports leads: false
requeue: false, reports leads: false
END
echo "as found: Curator 5.4.0"
