#!/usr/bin/env bash
# Debian 12: core.cache 1.0.225 (libcore-cache-clojure), its wrapped TTL cache, Clojure 1.11.1, Java 17.
#
# Guess: of threads that call lookup-or-miss for one key at once, one computes the value and the others wait for it, as documented
#        ("value-fn will only be called (at most) once even in the case of retries, so there is no risk of cache stampede").
# Seen:  each thread calls its value-fn, and all but one throw their value away: if it acquires something, a lease or a session,
#        nobody gives that back. The "once" is that of each call: its delay is its own, and the first swap! of the atom wins.
set -euo pipefail
jars=/usr/share/java
names="clojure spec.alpha core.specs.alpha core.cache data.priority-map"
for jar in $names; do
	[ -e "$jars/$jar.jar" ] || { echo "install the Debian packages default-jre-headless and libcore-cache-clojure" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >finding.clj <<'END'
(require '[clojure.core.cache.wrapped :as cache])
(import '[java.util.concurrent CountDownLatch TimeUnit])

(let [leases (cache/ttl-cache-factory {} :ttl 600000)
      acquired (atom #{})
      all (CountDownLatch. 4)
      acquire (fn [key]
                (let [lease (str "lease " (count (swap! acquired conj (Object.))))]
                  (.countDown all)
                  (.await all 5 TimeUnit/SECONDS) ; it takes a while
                  lease))
      threads (doall (repeatedly 4 #(future (cache/lookup-or-miss leases "job" acquire))))
      values (mapv deref threads)]
  (println "threads:" (count threads) "acquired:" (count @acquired) "in use:" (count (distinct values)))
  (println "looked up later:" (count (distinct (conj values (cache/lookup-or-miss leases "job" acquire)))) "acquired:" (count @acquired)))
(flush)
(System/exit 0)
END
path=$(for jar in $names; do printf '%s:' "$jars/$jar.jar"; done)
timeout 80 java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$path" clojure.main finding.clj | tee seen
diff seen - <<'END'
threads: 4 acquired: 4 in use: 1
looked up later: 1 acquired: 4
END
echo "as found: core.cache 1.0.225"
