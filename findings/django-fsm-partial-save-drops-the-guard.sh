#!/usr/bin/env bash
# Debian's python3-django-fsm 2.8.1, Django 3.2.25, SQLite.
#
# Guess: with ConcurrentTransitionMixin, a save of other fields alone leaves the guard as it was: the transition
#        that is still to be saved is stored if nobody else has moved the row, and refused if somebody has.
# Seen:  the other way about. After save(update_fields=["note"]) the transition is refused although the row has not
#        moved, and if another process has made the same transition by then, it is accepted: both hold the job.
#        A save in a transaction that was rolled back does the same. (save and refresh_from_db take the state of
#        the object for the one in the database, also when they have neither written nor read it.)
set -euo pipefail
/usr/bin/python3 -c 'import django_fsm' 2>/dev/null || { echo "install the Debian package python3-django-fsm" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import django
from django.conf import settings
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup()
from django.db import connection, models, transaction
from django_fsm import ConcurrentTransition, ConcurrentTransitionMixin, FSMField, transition

class Job(ConcurrentTransitionMixin, models.Model):
    state = FSMField(default="free")
    holder = models.TextField(default="nobody")
    note = models.TextField(default="")

    class Meta:
        app_label = "finding"

    @transition(state, source="free", target="held")
    def take(self, holder):
        self.holder = holder

with connection.schema_editor() as editor:
    editor.create_model(Job)

def save(job):
    try:
        job.save()
        return "accepted"
    except ConcurrentTransition:
        return "refused"

def begin():
    key = Job.objects.create().pk
    return Job.objects.get(pk=key), Job.objects.get(pk=key)

def stored(job):
    return "stored: %s by %s" % Job.objects.values_list("state", "holder").get(pk=job.pk)

def note(job):
    job.note = "taken at noon"
    job.save(update_fields=["note"])

def roll_back(job):
    try:
        with transaction.atomic():
            job.save()
            raise RuntimeError("something else fails")
    except RuntimeError:
        pass

for name, before in ("nothing", lambda job: None), ("a save of the note", note), ("a rollback", roll_back):
    for other in False, True:
        a, b = begin()
        a.take("a")
        before(a)
        if other:
            b.take("b")
            print("  b:", save(b))
        print(f"{name}, then a: {save(a)}, {stored(a)}")
END
timeout 60 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
nothing, then a: accepted, stored: held by a
  b: accepted
nothing, then a: refused, stored: held by b
a save of the note, then a: refused, stored: free by nobody
  b: accepted
a save of the note, then a: accepted, stored: held by a
a rollback, then a: refused, stored: free by nobody
  b: accepted
a rollback, then a: accepted, stored: held by a
END
echo "as found: python3-django-fsm $(dpkg-query -f '${Version}' -W python3-django-fsm)"
