#!/usr/bin/env bash
# Apache Curator 5.4.0 and ZooKeeper 3.8.0, both of Debian 12, Java 17.
#
# Guess: registerService() with the id of a registered instance, documented to "register/re-register/update", replaces it: after
#        a short loss of the connection the instance is there as it was registered last.
# Seen:  the new address is in ZooKeeper until the connection breaks for a moment; from then on the old one is there again,
#        without an error. The discovery registers all its instances again at each reconnection, and keeps for an id the
#        object of the first call. After updateService() it is the new one.
set -euo pipefail
jars=/usr/share/java
{ [ -e $jars/curator-x-discovery.jar ] && [ -e $jars/slf4j-nop.jar ] && command -v javac >/dev/null; } ||
	{ echo "install the Debian packages zookeeper, libcurator-discovery-java and default-jdk-headless" >&2; exit 1; }
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
import java.io.IOException;
import java.net.*;
import java.util.*;
import java.util.concurrent.*;
import org.apache.curator.framework.*;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;
import org.apache.curator.x.discovery.*;

public class Run {
  static final List<Socket> sockets = new CopyOnWriteArrayList<>(); // those of the way to the server that can be cut
  static final List<ConnectionState> states = new CopyOnWriteArrayList<>();

  interface Task { void run() throws Exception; }

  static void background(Task task) {
    Thread thread = new Thread(() -> { try { task.run(); } catch (Exception closed) { } });
    thread.setDaemon(true);
    thread.start();
  }

  static int way(int port) throws IOException {
    ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    background(() -> {
      while (true) {
        Socket client = listener.accept(), server = new Socket(InetAddress.getLoopbackAddress(), port);
        sockets.addAll(List.of(client, server));
        background(() -> client.getInputStream().transferTo(server.getOutputStream()));
        background(() -> server.getInputStream().transferTo(client.getOutputStream()));
      }
    });
    return listener.getLocalPort();
  }

  static CuratorFramework client(int port) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient("127.0.0.1:" + port, 20_000, 10_000, new RetryNTimes(9, 500));
    client.start();
    client.blockUntilConnected();
    return client;
  }

  static ServiceDiscovery<Void> discovery(CuratorFramework client) throws Exception {
    ServiceDiscovery<Void> discovery = ServiceDiscoveryBuilder.builder(Void.class).client(client).basePath("/services").build();
    discovery.start();
    return discovery;
  }

  static ServiceInstance<Void> mail(int port) throws Exception {
    return ServiceInstance.<Void>builder().name("mail").id("mail-1").address("10.0.0.1").port(port).build();
  }

  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[0]);
    CuratorFramework cut = client(way(port));
    ServiceDiscovery<Void> ours = discovery(cut), reader = discovery(client(port));
    cut.getConnectionStateListenable().addListener((client, state) -> states.add(state));
    for (String how : new String[] {"registerService", "updateService"}) {
      ours.registerService(mail(1000));
      if (how.equals("updateService")) ours.updateService(mail(2000)); else ours.registerService(mail(2000));
      System.out.print(how + ", port: " + reader.queryForInstance("mail", "mail-1").getPort());
      states.clear();
      for (Socket socket : sockets) socket.close();
      for (int i = 0; i < 200 && !states.contains(ConnectionState.RECONNECTED); i++) Thread.sleep(100);
      Thread.sleep(3000);
      System.out.println("; after " + states + ": " + reader.queryForInstance("mail", "mail-1").getPort());
    }
    System.exit(0);
  }
}
END
path=$(printf "$jars/%s.jar:" curator-recipes curator-x-discovery jackson-databind jackson-core jackson-annotations slf4j-nop)
timeout 85 java -cp "$path" Run.java "$port" 2>/dev/null | tee seen
diff seen - <<'END'
registerService, port: 2000; after [SUSPENDED, RECONNECTED]: 1000
updateService, port: 2000; after [SUSPENDED, RECONNECTED]: 2000
END
echo "as found: Curator 5.4.0"
