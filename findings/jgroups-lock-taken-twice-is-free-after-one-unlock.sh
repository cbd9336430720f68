#!/usr/bin/env bash
# Debian 12: JGroups 2.12.2 (libjgroups-java), its LockService with CENTRAL_LOCK and with PEER_LOCK, Java 17.
#
# Guess: a thread that holds a lock and locks it again, as lock() and tryLock() allow, holds it until it has unlocked it as
#        often, as with a ReentrantLock: a method that locks can be called by one that has locked.
# Seen:  the first unlock() frees it, and another member gets it while the outer method goes on. The outer one's unlock() then
#        has no effect and no error. The lock notes that it is held, and does not count.
set -euo pipefail
jars=/usr/share/java
for jar in jgroups commons-logging; do
	[ -e "$jars/$jar.jar" ] || { echo "install the Debian packages default-jdk-headless, libjgroups-java and libcommons-logging-java" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >Finding.java <<'END'
import java.util.concurrent.*;
import java.util.concurrent.locks.Lock;
import org.jgroups.JChannel;
import org.jgroups.blocks.locking.LockService;

public class Finding {
  static JChannel member(String protocol) throws Exception { // members in one process, without a network
    JChannel c = new JChannel("SHARED_LOOPBACK:PING(timeout=1000;num_initial_members=2):pbcast.NAKACK(use_mcast_xmit=false)"
        + ":UNICAST:pbcast.STABLE:pbcast.GMS(print_local_addr=false):" + protocol);
    c.connect(protocol);
    return c;
  }

  static <T> T in(ExecutorService thread, Callable<T> f) throws Exception { return thread.submit(f).get(30, TimeUnit.SECONDS); }

  public static void main(String[] args) throws Exception {
    for (String protocol : new String[] {"CENTRAL_LOCK", "PEER_LOCK"}) {
      JChannel a = member(protocol), b = member(protocol);
      System.out.println(protocol + ", members: " + b.getView().size());
      ExecutorService ours = Executors.newSingleThreadExecutor(), theirs = Executors.newSingleThreadExecutor();
      Lock mine = new LockService(a).getLock("job"), other = new LockService(b).getLock("job");
      System.out.println("  locked by tryLock and lock: " + in(ours, () -> { boolean got = mine.tryLock(); mine.lock(); return got; }));
      System.out.println("  other: " + in(theirs, () -> other.tryLock(2, TimeUnit.SECONDS)));
      in(ours, () -> { mine.unlock(); return null; });
      System.out.println("  unlocked once; other: " + in(theirs, () -> other.tryLock(5, TimeUnit.SECONDS)));
      in(ours, () -> { mine.unlock(); return null; });
      System.out.println("  unlocked twice without an error");
      in(theirs, () -> { other.unlock(); return null; });
      b.close();
      a.close();
    }
    System.exit(0);
  }
}
END
path=$(printf "$jars/%s.jar:" jgroups commons-logging).
javac -J-Xmx256m -J-XX:TieredStopAtLevel=1 -cp "$path" Finding.java
timeout 80 java -Xmx256m -XX:TieredStopAtLevel=1 -Djava.net.preferIPv4Stack=true -Djgroups.bind_addr=127.0.0.1 \
	-cp "$path" Finding 2>log | tee seen
diff seen - <<'END'
CENTRAL_LOCK, members: 2
  locked by tryLock and lock: true
  other: false
  unlocked once; other: true
  unlocked twice without an error
PEER_LOCK, members: 2
  locked by tryLock and lock: true
  other: false
  unlocked once; other: true
  unlocked twice without an error
END
echo "as found: JGroups 2.12.2"
