#!/usr/bin/env bash
# Debian 12: ZooKeeper 3.8.0 and its own recipe LeaderElectionSupport (zookeeper-recipes-election), Java 17.
#
# Guess: a member whose session has ended, with its offer, is told so: "the client application can follow all state transitions via the
#        listener callback", and there is an event FAILED.
# Seen:  the listener of a leader hears nothing, nor does that of a candidate; the one stays ELECTED beside the next leader, the other
#        stays READY and never leads. The class watches the offer before its own, and looks at deletions of nodes alone.
set -euo pipefail
jars=/usr/share/java
{ [ -e $jars/zookeeper-recipes-election.jar ] && [ -e $jars/slf4j-nop.jar ] && command -v javac >/dev/null; } ||
	{ echo "install the Debian packages zookeeper, libslf4j-java and default-jdk-headless" >&2; exit 1; }
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
cat >Finding.java <<'END'
import java.util.concurrent.CountDownLatch;
import org.apache.zookeeper.*;
import org.apache.zookeeper.recipes.leader.*;

public class Finding {
  static String address;

  static class Member {
    final ZooKeeper client;
    final CountDownLatch expired = new CountDownLatch(1);
    final LeaderElectionSupport election = new LeaderElectionSupport();
    final StringBuffer heard = new StringBuffer();

    Member(String name) throws Exception {
      CountDownLatch connected = new CountDownLatch(1);
      client = new ZooKeeper(address, 20_000, event -> {
        if (event.getState() == Watcher.Event.KeeperState.SyncConnected) connected.countDown();
        if (event.getState() == Watcher.Event.KeeperState.Expired) expired.countDown();
      });
      connected.await();
      election.setZooKeeper(client);
      election.setRootNodeName("/election");
      election.setHostName(name);
      election.addListener(event -> {
        if (event.name().matches("ELECTED_COMPLETE|READY_COMPLETE|FAILED|STOP_COMPLETE")) heard.append(" " + event);
      });
    }

    void endSession() throws Exception { // as the server does when it has heard nothing of the client for its timeout
      CountDownLatch connected = new CountDownLatch(1);
      ZooKeeper same = new ZooKeeper(address, 20_000, event -> connected.countDown(), client.getSessionId(), client.getSessionPasswd());
      connected.await();
      same.close();
      expired.await();
    }

    public String toString() { return election.toString().replaceAll("(?s).* state:(\\w+).*", "$1") + ", heard:" + heard; }
  }

  public static void main(String[] args) throws Exception {
    address = "127.0.0.1:" + args[0];
    Member one = new Member("one"), two = new Member("two"), three = new Member("three");
    three.client.create("/election", null, ZooDefs.Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    for (Member m : new Member[] {one, two, three}) m.election.start();
    two.endSession();
    one.endSession();
    for (int i = 0; i < 200 && !three.heard.toString().contains("ELECTED"); i++) Thread.sleep(100);
    Thread.sleep(3000);
    System.out.println("the sessions of one and two have ended, 3 s ago; leader: " + three.election.getLeaderHostName());
    System.out.println("one: " + one);
    System.out.println("two: " + two);
    System.out.println("three: " + three);
    System.exit(0);
  }
}
END
path=$(printf "$jars/%s.jar:" zookeeper zookeeper-jute zookeeper-recipes-election slf4j-api slf4j-nop).
javac -J-Xmx256m -cp "$path" Finding.java
timeout 60 java -Xmx128m -cp "$path" Finding "$port" | tee seen
diff seen - <<'END'
the sessions of one and two have ended, 3 s ago; leader: three
one: ELECTED, heard: ELECTED_COMPLETE
two: READY, heard: READY_COMPLETE
three: ELECTED, heard: READY_COMPLETE READY_COMPLETE ELECTED_COMPLETE
END
echo "as found: ZooKeeper 3.8.0"
