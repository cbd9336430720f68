#!/usr/bin/env bash
# Debian 12: ZooKeeper 3.8.0 and its own recipe WriteLock (zookeeper-recipes-lock), Java 17.
#
# Guess: a lock() whose connection breaks after its node was made, and before the answer is there, finds that node when it is
#        connected again, as its source says ("look up the current ID if we failed in the middle of creating the znode").
# Seen:  it finds the node, waits for that node to go, and never has the lock, nor has anybody else while the session lives.
#        unlock() fails with "Path must start with /". The name that it found has no directory, unlike the one that create
#        returns, so that its own node looks like another one that came before.
set -euo pipefail
jars=/usr/share/java
{ [ -e $jars/zookeeper-recipes-lock.jar ] && [ -e $jars/slf4j-nop.jar ] && command -v javac >/dev/null; } ||
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
import java.io.*;
import java.net.*;
import java.util.concurrent.CountDownLatch;
import org.apache.zookeeper.*;
import org.apache.zookeeper.recipes.lock.WriteLock;

public class Finding {
  static final int CREATE = 1;
  static volatile boolean armed; // the network loses the answer to the next creation

  static int network(int server) throws IOException {
    ServerSocket in = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    new Thread(() -> {
      try {
        while (true) {
          Socket c = in.accept(), s = new Socket("127.0.0.1", server);
          boolean[] lost = {false};
          new Thread(() -> pass(c, s, lost, true)).start();
          new Thread(() -> pass(s, c, lost, false)).start();
        }
      } catch (IOException e) { e.printStackTrace(); }
    }).start();
    return in.getLocalPort();
  }

  static void pass(Socket from, Socket to, boolean[] lost, boolean request) {
    try (from; to) {
      DataInputStream in = new DataInputStream(from.getInputStream());
      while (true) {
        byte[] packet = new byte[in.readInt()];
        in.readFully(packet);
        if (request && armed && packet.length > 8 && packet[0] == 0 && packet[4] + packet[5] + packet[6] == 0 && packet[7] == CREATE) {
          armed = false;
          lost[0] = true;
        }
        if (!request && lost[0]) return; // both connections are closed
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        new DataOutputStream(out).writeInt(packet.length);
        out.write(packet);
        to.getOutputStream().write(out.toByteArray());
      }
    } catch (IOException e) { /* the end of the connection */ }
  }

  static ZooKeeper client(int port) throws Exception {
    CountDownLatch connected = new CountDownLatch(1);
    ZooKeeper client = new ZooKeeper("127.0.0.1:" + port, 20_000, event -> {
      if (event.getState() == Watcher.Event.KeeperState.SyncConnected) connected.countDown();
    });
    connected.await();
    return client;
  }

  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[0]);
    ZooKeeper ours = client(network(port)), others = client(port);
    others.create("/job", null, ZooDefs.Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    WriteLock a = new WriteLock(ours, "/job", null), b = new WriteLock(others, "/job", null);
    armed = true;
    System.out.println("a locks: " + a.lock() + ", of those who ask: " + others.getChildren("/job", false).size());
    Thread.sleep(3000);
    System.out.println("3 s later, a locks: " + a.lock());
    System.out.println("b locks: " + b.lock());
    try {
      a.unlock();
      System.out.println("a has unlocked");
    } catch (RuntimeException e) {
      System.out.println("a unlocks: " + e.getMessage());
    }
    Thread.sleep(3000);
    System.out.println("3 s later, owner: a " + a.isOwner() + ", b " + b.isOwner());
    System.exit(0);
  }
}
END
path=$(printf "$jars/%s.jar:" zookeeper zookeeper-jute zookeeper-recipes-lock slf4j-api slf4j-nop).
javac -J-Xmx256m -cp "$path" Finding.java
timeout 60 java -Xmx128m -cp "$path" Finding "$port" | tee seen
diff seen - <<'END'
a locks: false, of those who ask: 1
3 s later, a locks: false
b locks: false
a unlocks: Path must start with / character
3 s later, owner: a false, b false
END
echo "as found: ZooKeeper 3.8.0"
