#!/usr/bin/env bash
# Debian 12: core.async 1.5.648 (libcore-async-clojure), Clojure 1.11.1, Java 17.
#
# Guess: every call of (timeout ms) makes a channel of its own, which "will close after msecs": a timer that is no longer needed, as
#        that of a lease that was given up, can be closed without an effect on others.
# Seen:  timeouts that end within ten milliseconds of each other are one channel: closing one ends those of others at once. It stays
#        in the list until it is due, so that a timeout which is asked for later is closed from its start if it ends by then.
set -euo pipefail
jars=/usr/share/java
names="clojure spec.alpha core.specs.alpha core.async tools.analyzer tools.analyzer.jvm tools.reader asm-all core.cache data.priority-map core.memoize"
for jar in $names; do
	[ -e "$jars/$jar.jar" ] || { echo "install the Debian packages default-jre-headless and libcore-async-clojure" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >finding.clj <<'END'
(require '[clojure.core.async :as a])

(defn ended? [timer] (not= :open (first (a/alts!! [timer] :default :open))))
(defn report [& text] (apply println text) (flush))

; two callers who ask for the same time at once
(loop [tries 1]
  (let [ours (a/timeout 600000), theirs (a/timeout 600000)]
    (if (and (not (identical? ours theirs)) (< tries 1000))
      (recur (inc tries))
      (do (report "two timeouts of 10 minutes are one channel:" (identical? ours theirs))
          (a/close! ours)
          (report "  ours is closed, theirs has ended:" (ended? theirs))))))

; one who asks later, for a time that ends with that of the closed one
(let [due (+ (System/currentTimeMillis) 500000)
      ours (a/timeout (- due (System/currentTimeMillis)))]
  (a/close! ours)
  (Thread/sleep 5000)
  (let [later (doall (for [i (range 50)] (do (Thread/sleep 1) (a/timeout (- due 4 (System/currentTimeMillis))))))]
    (report "timeouts of 495 s that have ended when they are made:" (if (some ended? later) "some" "none")))
  (let [longer (a/timeout (- (+ due 60000) (System/currentTimeMillis)))]
    (report "a timeout of a minute more has:" (ended? longer))))
(System/exit 0)
END
path=$(for jar in $names; do printf '%s:' "$jars/$jar.jar"; done)
timeout 85 java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$path" clojure.main finding.clj | tee seen
diff seen - <<'END'
two timeouts of 10 minutes are one channel: true
  ours is closed, theirs has ended: true
timeouts of 495 s that have ended when they are made: some
a timeout of a minute more has: false
END
echo "as found: core.async 1.5.648"
