#!/usr/bin/env bash
# Apache Curator 5.4.0 and ZooKeeper 3.8.0, both of Debian 12, Java 17.
#
# Guess: a process that registers two services under one instance id, such as its host's name, as the path /name/id allows, can
#        unregister one of them; close() unregisters both.
# Seen:  unregisterService() of the second takes the first out of ZooKeeper and leaves the second there. close() then leaves
#        it there too, until the session ends; a persistent one stays for ever. The discovery keeps its own instances by id
#        alone, and deletes the path of the one that it kept.
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
import org.apache.curator.framework.*;
import org.apache.curator.retry.RetryNTimes;
import org.apache.curator.x.discovery.*;

public class Run {
  static ServiceDiscovery<Void> discovery(String port) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient("127.0.0.1:" + port, 20_000, 10_000, new RetryNTimes(3, 500));
    client.start();
    client.blockUntilConnected();
    ServiceDiscovery<Void> discovery = ServiceDiscoveryBuilder.builder(Void.class).client(client).basePath("/services").build();
    discovery.start();
    return discovery;
  }

  static ServiceInstance<Void> instance(String name, int port) throws Exception {
    return ServiceInstance.<Void>builder().name(name).id("host-7").address("10.0.0.7").port(port).build();
  }

  static ServiceDiscovery<Void> reader;

  static void look(String when) throws Exception {
    int orders = reader.queryForInstances("orders").size(), bills = reader.queryForInstances("bills").size();
    System.out.println(when + ": orders " + orders + ", bills " + bills);
  }

  public static void main(String[] args) throws Exception {
    ServiceDiscovery<Void> ours = discovery(args[0]);
    reader = discovery(args[0]);
    ServiceInstance<Void> orders = instance("orders", 1000), bills = instance("bills", 2000);
    ours.registerService(orders);
    ours.registerService(bills);
    look("registered");
    ours.unregisterService(bills);
    look("bills unregistered");
    ours.close();
    look("closed");
    System.exit(0);
  }
}
END
path=$(printf "$jars/%s.jar:" curator-recipes curator-x-discovery jackson-databind jackson-core jackson-annotations slf4j-nop)
timeout 85 java -cp "$path" Run.java "$port" 2>/dev/null | tee seen
diff seen - <<'END'
registered: orders 1, bills 1
bills unregistered: orders 0, bills 1
closed: orders 0, bills 1
END
echo "as found: Curator 5.4.0"
