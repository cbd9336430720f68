#!/usr/bin/env bash
# Debian 12: Guava 31.1 (libguava-java), Java 17.
#
# Guess: with expireAfterWrite an entry is there for that time after it was set, however often others ask for it. Those who try to take
#        the key with asMap().putIfAbsent, asMap().computeIfAbsent or get(key, loader) and are refused do not write.
# Seen:  computeIfAbsent begins the time anew although it returns the value that is there and calls no function: a holder that is gone
#        keeps the key for as long as others try to take it. The value that stays is recorded as a write.
set -euo pipefail
jars=/usr/share/java
{ [ -e $jars/guava.jar ] && command -v javac >/dev/null; } ||
	{ echo "install the Debian packages libguava-java and default-jdk-headless" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >Finding.java <<'END'
import com.google.common.cache.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.AtomicInteger;

public class Finding {
  interface Attempt { String take(Cache<String, String> leases) throws Exception; }

  static void show(String name, Attempt attempt) throws Exception {
    Cache<String, String> leases = CacheBuilder.newBuilder().expireAfterWrite(4, TimeUnit.SECONDS).build();
    long start = System.nanoTime(), last = start;
    leases.put("job", "a");
    for (int i = 0; i < 28; i++) {
      Thread.sleep(500);
      if ("b".equals(attempt.take(leases))) {
        System.out.println(name + ": b has it when the time of a is over");
        return;
      }
      long now = System.nanoTime();
      if (now - last > 3_000_000_000L) i = Math.max(0, i - 8); // a pause of the machine: go on longer
      last = now;
    }
    System.out.println(name + ": a has it after " + ((System.nanoTime() - start) / 1_000_000_000 >= 12 ? "three times its time" : "?"));
  }

  public static void main(String[] args) throws Exception {
    AtomicInteger calls = new AtomicInteger();
    show("putIfAbsent", leases -> leases.asMap().putIfAbsent("job", "b") == null ? "b" : "a");
    show("get with a loader", leases -> leases.get("job", () -> "b"));
    show("computeIfAbsent", leases -> leases.asMap().computeIfAbsent("job", key -> {
      calls.incrementAndGet();
      return "b";
    }));
    System.out.println("  calls of its function: " + calls);
  }
}
END
javac -J-Xmx256m -cp $jars/guava.jar Finding.java 2>/dev/null
timeout 80 java -Xmx128m -cp $jars/guava.jar:. Finding | tee seen
diff seen - <<'END'
putIfAbsent: b has it when the time of a is over
get with a loader: b has it when the time of a is over
computeIfAbsent: a has it after three times its time
  calls of its function: 0
END
echo "as found: Guava 31.1"
