#!/usr/bin/env bash
# Debian 12: Apache Commons Pool 2.11.1 (libcommons-pool2-java), Java 17.
#
# Guess: borrowObject(1000) of a pool at its limit ends after a second, as documented ("determined by the value passed in"),
#        and takes an object that is returned meanwhile.
# Seen:  while another thread is creating an object it ends only when that thread has, and it does not take the object that is
#        returned. It waits for creations first, and that wait has the limit of setMaxWait, which is none by default.
set -euo pipefail
jars=/usr/share/java
{ [ -e $jars/commons-pool2.jar ] && [ -e $jars/commons-logging.jar ] && command -v javac >/dev/null; } ||
	{ echo "install the Debian packages libcommons-pool2-java, libcommons-logging-java and default-jdk-headless" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >Finding.java <<'END'
import java.util.NoSuchElementException;
import java.util.concurrent.*;
import org.apache.commons.pool2.*;
import org.apache.commons.pool2.impl.*;

public class Finding {
  static volatile CountDownLatch creation = new CountDownLatch(0); // creations end when this does

  static GenericObjectPool<Object> pool(int size) {
    GenericObjectPool<Object> pool = new GenericObjectPool<>(new BasePooledObjectFactory<Object>() {
      public Object create() throws Exception { creation.await(); return new Object(); }
      public PooledObject<Object> wrap(Object o) { return new DefaultPooledObject<>(o); }
    });
    pool.setMaxTotal(size);
    return pool;
  }

  static String attempt(GenericObjectPool<Object> pool, long millis) {
    try {
      pool.borrowObject(millis);
      return "has an object";
    } catch (NoSuchElementException e) {
      return "was refused";
    } catch (Exception e) {
      return e.toString();
    }
  }

  static void thread(GenericObjectPool<Object> pool) throws Exception { // it begins to create an object
    creation = new CountDownLatch(1);
    CompletableFuture.supplyAsync(() -> attempt(pool, 60_000));
    Thread.sleep(2000);
  }

  static String now(CompletableFuture<String> f) { return f.getNow("waits"); }

  public static void main(String[] args) throws Exception {
    GenericObjectPool<Object> one = pool(1);
    one.borrowObject();
    long start = System.nanoTime();
    System.out.println("limit 1, one borrowed, borrowObject(1000) " + attempt(one, 1000) + ", in time: "
        + ((System.nanoTime() - start) / 1_000_000_000 < 5));

    one = pool(1);
    thread(one);
    GenericObjectPool<Object> pool = one;
    CompletableFuture<String> f = CompletableFuture.supplyAsync(() -> attempt(pool, 1000));
    Thread.sleep(8000);
    System.out.println("limit 1, one being created, borrowObject(1000) after 8 s: " + now(f));
    creation.countDown();
    System.out.println("  created: " + f.get(20, TimeUnit.SECONDS));

    GenericObjectPool<Object> two = pool(2);
    Object o = two.borrowObject();
    thread(two);
    f = CompletableFuture.supplyAsync(() -> attempt(two, 30_000));
    Thread.sleep(2000);
    two.returnObject(o);
    Thread.sleep(4000);
    System.out.println("limit 2, one being created, one returned 4 s ago, who asked before: " + now(f));
    System.out.println("  free: " + two.getNumIdle() + ", who asks now " + attempt(two, 1000));
    System.exit(0);
  }
}
END
path=$(printf "$jars/%s.jar:" commons-pool2 commons-logging).
javac -J-Xmx256m -cp "$path" Finding.java
timeout 80 java -Xmx128m -Djava.util.concurrent.ForkJoinPool.common.parallelism=8 -cp "$path" Finding | tee seen
diff seen - <<'END'
limit 1, one borrowed, borrowObject(1000) was refused, in time: true
limit 1, one being created, borrowObject(1000) after 8 s: waits
  created: was refused
limit 2, one being created, one returned 4 s ago, who asked before: waits
  free: 1, who asks now has an object
END
echo "as found: Commons Pool 2.11.1"
