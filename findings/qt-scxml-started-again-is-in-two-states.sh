#!/usr/bin/env bash
# Debian 12: Qt 6.4.2 (QScxmlStateMachine of qt6-scxml-dev), g++.
#
# Guess: a QScxmlStateMachine that was stopped and is started again begins anew. "The machine will reset its configuration
#        and transition to the initial state" is what the documentation of start() says.
# Seen:  the state in which it was stopped stays active beside the initial one, without an exit: the machine is in two
#        states that exclude each other, handles events in both, and a transition out of one leaves both. Its data are those
#        of the first run, and a delayed event of the first run comes in the second. start() neither clears the configuration
#        nor the data model, and stop() cancels no timer.
set -euo pipefail
for command in g++ pkg-config; do
	command -v "$command" >/dev/null || { echo "install the Debian packages g++, pkg-config and qt6-scxml-dev" >&2; exit 1; }
done
pkg-config --exists Qt6Scxml || { echo "install the Debian package qt6-scxml-dev" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >lease.scxml <<'END'
<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" initial="idle" datamodel="ecmascript">
  <datamodel><data id="tries" expr="0"/></datamodel>
  <state id="idle">
    <transition event="acquire" target="held"><assign location="tries" expr="tries + 1"/></transition>
  </state>
  <state id="held">
    <onentry><log expr="'enter held, try ' + tries"/><send event="expire" delay="3s"/></onentry>
    <onexit><log expr="'exit held'"/></onexit>
    <transition event="expire" target="lost"/>
    <transition event="check"><log expr="'checked in held, tries ' + tries"/></transition>
  </state>
  <state id="lost"><onentry><log expr="'enter lost'"/></onentry></state>
</scxml>
END
cat >main.cpp <<'END'
#include <QtCore>
#include <QtScxml>

static void turn(int ms) {
	QEventLoop loop;
	QTimer::singleShot(ms, &loop, &QEventLoop::quit);
	loop.exec();
}

int main(int argc, char **argv) {
	QCoreApplication app(argc, argv);
	QTextStream out(stdout);
	QScopedPointer<QScxmlStateMachine> machine(QScxmlStateMachine::fromFile("lease.scxml"));
	QObject::connect(machine.data(), &QScxmlStateMachine::log, [&](const QString &, const QString &text) { out << "  " << text << Qt::endl; });
	auto show = [&](const char *when) {
		turn(200);
		QStringList names = machine->activeStateNames();
		names.sort();
		out << when << ": running " << machine->isRunning() << ", in " << names.join(" and ") << Qt::endl;
	};
	machine->start();
	machine->submitEvent("acquire");
	show("acquired");
	machine->stop();
	show("stopped");
	machine->start();
	show("started again");
	machine->submitEvent("check");
	show("checked");
	for (int i = 0; i < 150 && machine->activeStateNames() != QStringList{"lost"}; i++) turn(100);
	show("seconds later");
}
END
# shellcheck disable=SC2046
timeout 80 g++ -std=c++17 -fPIC main.cpp -o main $(pkg-config --cflags --libs Qt6Scxml Qt6Core)
QT_LOGGING_RULES='*=false' timeout 30 ./main | tee seen
diff seen - <<'END'
  enter held, try 1
acquired: running 1, in held
stopped: running 0, in held
started again: running 1, in held and idle
  checked in held, tries 1
checked: running 1, in held and idle
  exit held
  enter lost
seconds later: running 1, in lost
END
echo "as found: Qt 6.4.2"
