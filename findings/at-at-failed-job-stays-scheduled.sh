#!/usr/bin/env bash
# Debian 12: at-at 1.2.0 (libat-at-clojure), Clojure 1.11.1, Java 17.
#
# Guess: a job of "every" or "interspaced" that throws once is run again in time, or is no longer listed as scheduled, as a job of
#        "at" or "after" that has run.
# Seen:  it never runs again, nothing is printed, and it is listed for ever with "scheduled? true"; "stop" says true for it, as for a job
#        at work. The pool below ends a periodic task that throws, and at-at does not look at its future.
set -euo pipefail
jars=/usr/share/java
names="clojure spec.alpha core.specs.alpha at-at"
for jar in $names; do
	[ -e "$jars/$jar.jar" ] || { echo "install the Debian packages default-jre-headless and libat-at-clojure" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >finding.clj <<'END'
(require '[overtone.at-at :as at])

(def pool (at/mk-pool))
(defn job [kind start]
  (let [runs (atom 0)]
    {:kind kind, :runs runs
     :info (start #(when (= 2 (swap! runs inc)) (throw (Exception. "the server was away for a moment"))))}))

(let [jobs [(job "every" #(at/every 200 % pool :desc "renew"))
            (job "interspaced" #(at/interspaced 200 % pool :desc "renew"))
            (job "after" #(at/after 200 % pool :desc "once"))]]
  (Thread/sleep 8000)
  (doseq [{:keys [kind runs info]} jobs]
    (println kind "runs:" @runs "scheduled?" @(:scheduled? info) "listed:" (boolean (some #{(:id info)} (map :id (at/scheduled-jobs pool))))
             "stop:" (at/stop info))))
(flush)
(System/exit 0)
END
path=$(for jar in $names; do printf '%s:' "$jars/$jar.jar"; done)
timeout 80 java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$path" clojure.main finding.clj 2>&1 | tee seen
diff seen - <<'END'
every runs: 2 scheduled? true listed: true stop: true
interspaced runs: 2 scheduled? true listed: true stop: true
after runs: 1 scheduled? false listed: false stop: false
END
echo "as found: at-at 1.2.0"
