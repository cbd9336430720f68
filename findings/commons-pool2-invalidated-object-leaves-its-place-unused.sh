#!/usr/bin/env bash
# Debian 12: Apache Commons Pool 2.11.1 (libcommons-pool2-java), its GenericKeyedObjectPool, Java 17.
#
# Guess: in a keyed pool at its limit, invalidateObject of an object of one key frees a place for who waits with another key,
#        as returnObject does.
# Seen:  it frees the place and wakes only who waits with the same key. The other waits on with the place free, without a limit
#        if it set none, while somebody who comes later with that key gets an object at once. Only returnObject calls
#        reuseCapacity. In the same way a waiter does not notice that the limit has been raised.
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
  static GenericKeyedObjectPool<String, Object> pool() {
    GenericKeyedObjectPool<String, Object> pool = new GenericKeyedObjectPool<>(new BaseKeyedPooledObjectFactory<String, Object>() {
      public Object create(String key) { return new Object(); }
      public PooledObject<Object> wrap(Object o) { return new DefaultPooledObject<>(o); }
    });
    pool.setMaxTotal(1);
    return pool;
  }

  static CompletableFuture<String> waiter(GenericKeyedObjectPool<String, Object> pool, String key) throws Exception {
    CompletableFuture<String> f = CompletableFuture.supplyAsync(() -> {
      try {
        pool.borrowObject(key, 60_000);
        return "has an object";
      } catch (Exception e) {
        return e.toString();
      }
    });
    while (pool.getNumWaiters() == 0) Thread.sleep(50);
    Thread.sleep(500);
    return f;
  }

  static String soon(CompletableFuture<String> f) throws Exception {
    for (int i = 0; i < 80 && !f.isDone(); i++) Thread.sleep(100);
    return f.getNow("waits after 8 s");
  }

  public static void main(String[] args) throws Exception {
    for (String key : new String[] {"a", "b"}) {
      GenericKeyedObjectPool<String, Object> pool = pool();
      Object o = pool.borrowObject("a");
      CompletableFuture<String> f = waiter(pool, key);
      pool.returnObject("a", o);
      System.out.println("object of a returned, waiter for " + key + ": " + soon(f));
    }
    for (String key : new String[] {"a", "b"}) {
      GenericKeyedObjectPool<String, Object> pool = pool();
      Object o = pool.borrowObject("a");
      CompletableFuture<String> f = waiter(pool, key);
      pool.invalidateObject("a", o);
      System.out.println("object of a invalidated, waiter for " + key + ": " + soon(f));
      if (key.equals("a")) continue;
      System.out.println("  objects: " + (pool.getNumActive() + pool.getNumIdle()) + " of " + pool.getMaxTotal()
          + ", who asks for b now: " + (pool.borrowObject("b", 1000) != null));
    }
    GenericKeyedObjectPool<String, Object> pool = pool();
    pool.borrowObject("a");
    CompletableFuture<String> f = waiter(pool, "b");
    pool.setMaxTotal(2);
    System.out.println("limit raised, waiter for b: " + soon(f));
    System.exit(0);
  }
}
END
path=$(printf "$jars/%s.jar:" commons-pool2 commons-logging).
javac -J-Xmx256m -cp "$path" Finding.java
timeout 80 java -Xmx128m -Djava.util.concurrent.ForkJoinPool.common.parallelism=8 -cp "$path" Finding | tee seen
diff seen - <<'END'
object of a returned, waiter for a: has an object
object of a returned, waiter for b: has an object
object of a invalidated, waiter for a: has an object
object of a invalidated, waiter for b: waits after 8 s
  objects: 0 of 1, who asks for b now: true
limit raised, waiter for b: waits after 8 s
END
echo "as found: Commons Pool 2.11.1"
