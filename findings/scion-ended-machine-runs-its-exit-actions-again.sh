#!/usr/bin/env bash
# npm @scion-scxml/scxml 4.3.27 and core 2.6.24, in node; Debian 12: Qt 6.4.2 (QScxmlStateMachine of qt6-scxml-dev), g++.
#
# Guess: a machine that has entered a final state of the whole document is over, as SCXML says: the exit actions of its states
#        have run, once, and events that come later do nothing.
# Seen:  so in Qt. In SCION each later event runs the exit actions of the final state again: a lease that is released there is
#        released once more whenever something comes, and so from the next holder. After every event SCION looks whether all
#        of its configuration is final, and then ends the machine, without a check that it has ended before.
set -euo pipefail
for command in g++ pkg-config node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages g++, pkg-config, qt6-scxml-dev, nodejs and npm" >&2; exit 1; }
done
pkg-config --exists Qt6Scxml || { echo "install the Debian package qt6-scxml-dev" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --no-audit --no-fund --prefix "$dir" @scion-scxml/scxml@4.3.27 @scion-scxml/core@2.6.24 >/dev/null
cat >lease.scxml <<'END'
<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" initial="held" datamodel="ecmascript">
  <state id="held">
    <transition event="done" target="over"/>
  </state>
  <final id="over"><onexit><log expr="'released'"/></onexit></final>
</scxml>
END
cat >main.cpp <<'END'
#include <QCoreApplication>
#include <QScxmlStateMachine>
#include <QTextStream>
#include <QTimer>
#include <memory>

int main(int argc, char **argv) {
	QCoreApplication app(argc, argv);
	QTextStream out(stdout);
	std::unique_ptr<QScxmlStateMachine> machine(QScxmlStateMachine::fromFile(argv[1]));
	for (const QScxmlError &error : machine->parseErrors()) out << "refused: " << error.toString() << Qt::endl;
	int released = 0;
	QObject::connect(machine.get(), &QScxmlStateMachine::log, [&] { released++; });
	machine->start();
	auto say = [&](const char *when) { out << when << ": released " << released << Qt::endl; };
	QTimer::singleShot(500, [&] { machine->submitEvent("done"); });
	QTimer::singleShot(1000, [&] { say("done"), machine->submitEvent("late"); });
	QTimer::singleShot(1500, [&] { say("a late event"), machine->submitEvent("late"); });
	QTimer::singleShot(2000, [&] { say("another"), app.quit(); });
	return app.exec();
}
END
# shellcheck disable=SC2046
timeout 80 g++ -std=c++17 -fPIC main.cpp -o main $(pkg-config --cflags --libs Qt6Scxml Qt6Core)
cat >scion.js <<'END'
const scxml = require('@scion-scxml/scxml');
const document = require('fs').readFileSync(process.argv[2], 'utf8');
scxml.documentStringToModel(process.argv[2], document, (error, model) => {
  if (error) throw error;
  model.prepare((error, prepared) => {
    if (error) throw error;
    let released = 0;
    const machine = new scxml.core.Statechart(prepared, { console: { log: () => released++ } });
    const say = (when) => console.log(`${when}: released ${released}`);
    machine.start();
    setTimeout(() => machine.gen({ name: 'done' }), 500);
    setTimeout(() => { say('done'); machine.gen({ name: 'late' }); }, 1000);
    setTimeout(() => { say('a late event'); machine.gen({ name: 'late' }); }, 1500);
    setTimeout(() => { say('another'); process.exit(0); }, 2000);
  });
}, {});
END
{
	echo "Qt:"
	QT_LOGGING_RULES='*.debug=false' timeout 20 ./main lease.scxml
	echo "SCION:"
	timeout 20 node scion.js lease.scxml
} | tee seen
diff seen - <<'END'
Qt:
done: released 1
a late event: released 1
another: released 1
SCION:
done: released 1
a late event: released 2
another: released 3
END
echo "as found: SCION 2.6.24, Qt 6.4.2"
