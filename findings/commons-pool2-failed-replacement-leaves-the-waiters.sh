#!/usr/bin/env bash
# Debian 12: Apache Commons Pool 2.11.1 (libcommons-pool2-java), Java 17.
#
# Guess: a thread that waits in borrowObject, as the pool is at its limit, gets an object or an error when the one that is
#        borrowed turns out to be broken on its return: the place is free, and the thread can create one itself.
# Seen:  if the creation of its replacement fails once, as it does when the server is away for a moment, the waiters wait on with
#        an empty pool, without a limit by default, though the next creation would succeed. Whoever comes later gets an object.
#        The thread that returns creates the replacement; its failure is swallowed, and nobody tries again or wakes a waiter.
set -euo pipefail
jars=/usr/share/java
{ [ -e $jars/commons-pool2.jar ] && [ -e $jars/commons-logging.jar ] && command -v javac >/dev/null; } ||
	{ echo "install the Debian packages libcommons-pool2-java, libcommons-logging-java and default-jdk-headless" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >Finding.java <<'END'
import java.util.concurrent.*;
import org.apache.commons.pool2.*;
import org.apache.commons.pool2.impl.*;

public class Finding {
  static volatile boolean down; // the server that the objects are connections to

  static CompletableFuture<String> borrow(GenericObjectPool<Object> pool) {
    return CompletableFuture.supplyAsync(() -> {
      try {
        pool.borrowObject();
        return "has an object";
      } catch (Exception e) {
        return e.toString();
      }
    });
  }

  static String soon(CompletableFuture<String> f) throws Exception {
    for (int i = 0; i < 100 && !f.isDone(); i++) Thread.sleep(100);
    return f.getNow("waits after 10 s");
  }

  public static void main(String[] args) throws Exception {
    for (boolean failure : new boolean[] {false, true}) {
      GenericObjectPool<Object> pool = new GenericObjectPool<>(new BasePooledObjectFactory<Object>() {
        public Object create() throws Exception {
          if (down) throw new Exception("connection refused");
          return new Object();
        }
        public PooledObject<Object> wrap(Object o) { return new DefaultPooledObject<>(o); }
        public boolean validateObject(PooledObject<Object> p) { return false; } // broken since
      });
      pool.setMaxTotal(1);
      pool.setTestOnReturn(true);
      Object o = pool.borrowObject();
      CompletableFuture<String> waiter = borrow(pool);
      while (pool.getNumWaiters() == 0) Thread.sleep(50);
      Thread.sleep(500);
      down = failure;
      pool.returnObject(o);
      down = false;
      System.out.println("a broken object is returned, server down at that moment: " + failure + ", waiter " + soon(waiter));
      if (!failure) continue;
      System.out.println("  objects: " + (pool.getNumActive() + pool.getNumIdle()) + ", waiters: " + pool.getNumWaiters()
          + ", who asks now " + soon(borrow(pool)));
    }
    System.exit(0);
  }
}
END
path=$(printf "$jars/%s.jar:" commons-pool2 commons-logging).
javac -J-Xmx256m -cp "$path" Finding.java
timeout 80 java -Xmx128m -Djava.util.concurrent.ForkJoinPool.common.parallelism=8 -cp "$path" Finding | tee seen
diff seen - <<'END'
a broken object is returned, server down at that moment: false, waiter has an object
a broken object is returned, server down at that moment: true, waiter waits after 10 s
  objects: 0, waiters: 1, who asks now has an object
END
echo "as found: Commons Pool 2.11.1"
