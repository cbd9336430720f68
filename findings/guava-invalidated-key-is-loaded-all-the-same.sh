#!/usr/bin/env bash
# Debian 12: Guava 31.1 (libguava-java), Caffeine 2.6.2 (libcaffeine-java), Java 17.
#
# Guess: once invalidate(key) or invalidateAll() has returned, the cache does not give out what was read before it, as after the release
#        of a lock or the end of a permission: a load that is under way then does not leave its value in the cache.
# Seen:  it does: the value that was read before is in the cache afterwards, for its whole time, and asMap().remove(key) has said that
#        there was none. Guava leaves an entry that is being loaded alone, and its documentation does not speak of that. Caffeine's
#        calls it undefined; there invalidate(key) waits for the load and removes its value.
set -euo pipefail
jars=/usr/share/java
{ [ -e $jars/guava.jar ] && [ -e $jars/caffeine.jar ] && command -v javac >/dev/null; } ||
	{ echo "install the Debian packages libguava-java, libcaffeine-java and default-jdk-headless" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >Finding.java <<'END'
import com.github.benmanes.caffeine.cache.Caffeine;
import com.google.common.cache.CacheBuilder;
import java.util.concurrent.*;

public class Finding {
  static volatile String state; // what the caches are for

  interface Load { String load(Callable<String> read) throws Exception; }
  interface Look { String look(); }
  interface Drop { Object drop(); }

  static void show(String name, Load load, Drop drop, Look look) throws Exception {
    state = "held";
    CountDownLatch read = new CountDownLatch(1), go = new CountDownLatch(1);
    CompletableFuture<String> loaded = CompletableFuture.supplyAsync(() -> {
      try {
        return load.load(() -> {
          String value = state;
          read.countDown();
          go.await();
          return value;
        });
      } catch (Exception e) {
        return e.toString();
      }
    });
    read.await();
    state = "released";
    CompletableFuture<Object> dropped = CompletableFuture.supplyAsync(() -> "" + drop.drop());
    Thread.sleep(2000);
    System.out.println(name + (dropped.isDone() ? " returns " + dropped.get() : " waits"));
    go.countDown();
    loaded.get(20, TimeUnit.SECONDS);
    dropped.get(20, TimeUnit.SECONDS);
    System.out.println("  in the cache then: " + look.look());
  }

  public static void main(String[] args) throws Exception {
    com.google.common.cache.Cache<String, String> g = CacheBuilder.newBuilder().expireAfterWrite(1, TimeUnit.HOURS).build();
    com.github.benmanes.caffeine.cache.Cache<String, String> c = Caffeine.newBuilder().expireAfterWrite(1, TimeUnit.HOURS).build();
    show("Guava, invalidate", r -> g.get("a", r), () -> { g.invalidate("a"); return ""; }, () -> g.getIfPresent("a"));
    show("Guava, invalidateAll", r -> g.get("b", r), () -> { g.invalidateAll(); return ""; }, () -> g.getIfPresent("b"));
    show("Guava, asMap().remove", r -> g.get("c", r), () -> g.asMap().remove("c"), () -> g.getIfPresent("c"));
    show("Caffeine, invalidate", r -> c.get("a", k -> {
      try { return r.call(); } catch (Exception e) { throw new RuntimeException(e); }
    }), () -> { c.invalidate("a"); return ""; }, () -> c.getIfPresent("a"));
    System.exit(0);
  }
}
END
path=$jars/guava.jar:$jars/caffeine.jar:.
javac -J-Xmx256m -cp "$path" Finding.java 2>/dev/null
timeout 80 java -Xmx128m -Djava.util.concurrent.ForkJoinPool.common.parallelism=8 -cp "$path" Finding | sed 's/ $//' | tee seen
diff seen - <<'END'
Guava, invalidate returns
  in the cache then: held
Guava, invalidateAll returns
  in the cache then: held
Guava, asMap().remove returns null
  in the cache then: held
Caffeine, invalidate waits
  in the cache then: null
END
echo "as found: Guava 31.1, Caffeine 2.6.2"
