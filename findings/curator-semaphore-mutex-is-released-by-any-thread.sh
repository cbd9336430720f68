#!/usr/bin/env bash
# Apache Curator 5.4.0 and ZooKeeper 3.8.0, both of Debian 12, Java 17.
#
# Guess: release() of an InterProcessSemaphoreMutex by a thread that has not acquired it fails, as documented ("if the calling thread
#        is the same thread that acquired it") and as that of an InterProcessMutex does.
# Seen:  it gives back the lock of the thread that has it, without an error, and another process gets it while that thread is
#        at work. A thread that is refused and releases in its "finally" is enough. The object keeps one lease, and no thread.
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
import org.apache.curator.framework.recipes.locks.*;
import org.apache.curator.retry.RetryNTimes;

public class Run {
  static CuratorFramework client(String port) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient("127.0.0.1:" + port, 20_000, 10_000, new RetryNTimes(3, 500));
    client.start();
    client.blockUntilConnected();
    return client;
  }

  static String attempt(InterProcessLock lock) { // in another thread
    return CompletableFuture.supplyAsync(() -> {
      String text = "";
      try {
        try {
          text = "acquire " + lock.acquire(2, TimeUnit.SECONDS);
        } finally {
          lock.release();
        }
        return text + ", release without an error";
      } catch (Exception err) {
        return text + ", release " + err.getClass().getSimpleName();
      }
    }).join();
  }

  public static void main(String[] args) throws Exception {
    CuratorFramework ours = client(args[0]), others = client(args[0]);
    InterProcessLock[] held = {new InterProcessMutex(ours, "/mutex"), new InterProcessSemaphoreMutex(ours, "/semaphore")};
    InterProcessLock[] other = {new InterProcessMutex(others, "/mutex"), new InterProcessSemaphoreMutex(others, "/semaphore")};
    for (int i = 0; i < 2; i++) {
      System.out.println(held[i].getClass().getSimpleName() + ": " + held[i].acquire(20, TimeUnit.SECONDS)
          + ", other process: " + other[i].acquire(2, TimeUnit.SECONDS));
      System.out.println("  another thread: " + attempt(held[i]));
      System.out.println("  other process: " + other[i].acquire(5, TimeUnit.SECONDS));
    }
    System.exit(0);
  }
}
END
timeout 85 java -cp $jars/curator-recipes.jar:$jars/slf4j-nop.jar Run.java "$port" 2>/dev/null | tee seen
diff seen - <<'END'
InterProcessMutex: true, other process: false
  another thread: acquire false, release IllegalMonitorStateException
  other process: false
InterProcessSemaphoreMutex: true, other process: false
  another thread: acquire false, release without an error
  other process: true
END
echo "as found: Curator 5.4.0"
