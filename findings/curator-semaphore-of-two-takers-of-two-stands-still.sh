#!/usr/bin/env bash
# Apache Curator 5.4.0 and ZooKeeper 3.8.0, both of Debian 12, Java 17.
#
# Guess: of two clients that acquire(2) of a semaphore with two leases one gets both and the other waits until they are
#        closed. The semaphore is "mostly fair", and acquire(qty) blocks only "until other clients close enough leases".
# Seen:  with two leases closed one after the other each of the two gets one, and neither the second: nobody holds what it
#        asked for, for as long as both wait. acquire(qty) takes its leases one by one and goes to the end of the queue after
#        each, behind the other. A third for one lease waits as well; with timeouts one fails before the other goes on.
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
import org.apache.curator.framework.recipes.locks.*;
import org.apache.curator.retry.RetryNTimes;

public class Run {
  static InterProcessSemaphoreV2 semaphore(String port) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient("127.0.0.1:" + port, 20_000, 10_000, new RetryNTimes(3, 500));
    client.start();
    client.blockUntilConnected();
    return new InterProcessSemaphoreV2(client, "/licences", 2);
  }

  static boolean within(int seconds, Callable<Boolean> condition) throws Exception {
    for (int i = 0; i < seconds * 10; i++) { if (condition.call()) return true; Thread.sleep(100); }
    return false;
  }

  public static void main(String[] args) throws Exception {
    InterProcessSemaphoreV2 holder = semaphore(args[0]), first = semaphore(args[0]);
    InterProcessSemaphoreV2 second = semaphore(args[0]), third = semaphore(args[0]);
    ExecutorService threads = Executors.newCachedThreadPool();
    Iterator<Lease> held = new ArrayList<>(holder.acquire(2)).iterator();
    Future<Collection<Lease>> one = threads.submit(() -> first.acquire(2));
    System.out.println("the first waits: " + within(20, () -> holder.getParticipantNodes().size() == 3)); // its node is the third
    Future<Collection<Lease>> two = threads.submit(() -> second.acquire(2));
    Thread.sleep(3000);
    held.next().close();
    Thread.sleep(3000);
    held.next().close();
    System.out.println("the holder has closed both");
    boolean got = within(10, () -> one.isDone() || two.isDone());
    System.out.println("one of the two goes on: " + got + ", nodes of leases: " + holder.getParticipantNodes().size());
    System.out.println("the third gets one lease: " + (third.acquire(3, TimeUnit.SECONDS) != null));
    System.exit(0);
  }
}
END
timeout 85 java -cp $jars/curator-recipes.jar:$jars/slf4j-nop.jar Run.java "$port" 2>/dev/null | tee seen
diff seen - <<'END'
the first waits: true
the holder has closed both
one of the two goes on: false, nodes of leases: 3
the third gets one lease: false
END
echo "as found: Curator 5.4.0"
