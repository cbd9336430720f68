#!/usr/bin/env bash
# python3-dbus 1.3.2 and dbus-daemon 1.14.10 of Debian 12.
#
# Guess: a service whose name another process has taken over (allow_replacement) gets it back, or is told NameExistsException,
#        by making a dbus.service.BusName again, as its first one was made.
# Seen:  as long as the first object is there, BusName returns that one without a request to the bus: no error, and the name
#        stays with the other process, also with replace_existing, and also when that process has gone and the name is free.
#        The flags of the second call are passed over as well. Objects are kept by name and connection, and nothing removes
#        one whose name was lost. request_name of the connection asks the bus.
set -euo pipefail
python=/usr/bin/python3
command -v dbus-daemon >/dev/null && $python -c 'import dbus' 2>/dev/null ||
	{ echo "install the Debian packages dbus-daemon and python3-dbus" >&2; exit 1; }
[[ $($python -c 'import dbus; print(dbus.__version__)') == 1.3.2 ]] || { echo "this needs python3-dbus 1.3.2" >&2; exit 1; }
dir=$(mktemp -d)
bus=
trap 'kill $bus 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
cd "$dir"
cat >bus.conf <<END
<busconfig>
  <listen>unix:path=$dir/bus</listen>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>
END
timeout 80 dbus-daemon --config-file=bus.conf --nofork --nosyslog 2>/dev/null &
bus=$!
cat >run.py <<'END'
import os
import time

import dbus.bus
from dbus.service import BusName

NAME = 'org.example.Job'
for _ in range(200):
    if os.path.exists('bus'):
        break
    time.sleep(0.1)


def connect():
    return dbus.bus.BusConnection('unix:path=' + os.path.abspath('bus'))


def owner():
    for name, bus in ('a', a), ('b', b):
        if watcher.name_has_owner(NAME) and watcher.get_name_owner(NAME) == bus.get_unique_name():
            return name
    return 'nobody'


def ask(what, **flags):
    try:
        again = BusName(NAME, a, do_not_queue=True, **flags)
        result = 'the object of the first call' if again is first else 'another object'
    except dbus.exceptions.NameExistsException:
        result = 'NameExistsException'
    print('a asks again%s: %s, the owner is %s' % (what, result, owner()))


a, b, watcher = connect(), connect(), connect()
first = BusName(NAME, a, do_not_queue=True, allow_replacement=True)
print('a asks: the owner is', owner())
other = BusName(NAME, b, do_not_queue=True, replace_existing=True, allow_replacement=True)
print('b takes it over: the owner is', owner())
ask('')
ask(' with replace_existing', replace_existing=True)
del other
print('b gives it up: the owner is', owner())
ask('')
first = None
first = BusName(NAME, a, do_not_queue=True)
print('a asks without its first object: the owner is', owner())
END
timeout 60 $python run.py | tee seen
diff seen - <<'END'
a asks: the owner is a
b takes it over: the owner is b
a asks again: the object of the first call, the owner is b
a asks again with replace_existing: the object of the first call, the owner is b
b gives it up: the owner is nobody
a asks again: the object of the first call, the owner is nobody
a asks without its first object: the owner is a
END
echo "as found: python3-dbus 1.3.2"
