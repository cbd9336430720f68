#!/usr/bin/env bash
# Debian 12: python3-apscheduler 3.9.1.
#
# Guess: jobs of one id in two job stores, which the scheduler takes, lists and removes as two jobs, run independently, each with
#        its own max_instances of 1.
# Seen:  while one of them runs the other's run is skipped; a job for one date is dropped for good, as it is taken out of its
#        store. The executor counts running instances by the id alone. The other way about, a job that is moved to another
#        executor while it runs runs there beside itself, in spite of max_instances: each executor has a count of its own.
set -euo pipefail
/usr/bin/python3 -c 'import apscheduler' 2>/dev/null || { echo "install the Debian package python3-apscheduler" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import threading
from apscheduler.events import EVENT_JOB_MAX_INSTANCES
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

came = {name: threading.Event() for name in ('mail', 'reports', 'sync', 'sync again')}
leave, skipped = threading.Event(), []


def work(name):
    if name == 'sync' and came[name].is_set():
        name = 'sync again'
    came[name].set()
    leave.wait(60)


def text(name):
    return 'runs' if came[name].wait(4) else 'does not run'


scheduler = BackgroundScheduler(
    timezone='UTC', jobstores={'mail': MemoryJobStore(), 'reports': MemoryJobStore()},
    executors={'default': ThreadPoolExecutor(5), 'other': ThreadPoolExecutor(5)})
scheduler.add_listener(lambda event: skipped.append(event.jobstore), EVENT_JOB_MAX_INSTANCES)
scheduler.start()
for store in 'mail', 'reports':
    scheduler.add_job(work, 'date', args=[store], id='daily', jobstore=store)
    print(store, text(store))
print('skipped:', *skipped, '- jobs that are left:', len(scheduler.get_jobs()))
leave.set()
print('the first has ended; reports', text('reports'))

leave.clear()
scheduler.add_job(work, 'interval', seconds=1, args=['sync'], id='sync', max_instances=1)
print('sync', text('sync'), '- beside itself it', text('sync again'))
scheduler.modify_job('sync', executor='other')
print('on the other executor: beside itself it', text('sync again'))
leave.set()
scheduler.shutdown()
END
timeout 60 /usr/bin/python3 run.py 2>/dev/null | tee seen
diff seen - <<'END'
mail runs
reports does not run
skipped: reports - jobs that are left: 0
the first has ended; reports does not run
sync runs - beside itself it does not run
on the other executor: beside itself it runs
END
echo "as found: APScheduler 3.9.1"
