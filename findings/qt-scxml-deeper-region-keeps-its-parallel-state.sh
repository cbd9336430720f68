#!/usr/bin/env bash
# Debian 12: Qt 6.4.2 (QScxmlStateMachine of qt6-scxml-dev), g++; npm @scion-scxml/scxml 4.3.27 and core 2.6.24, in node.
#
# Guess: if one event has a transition in two regions of a parallel state, and one of them leaves the parallel state, the region
#        that comes first in the document decides, as SCXML says: with the region "lease" ahead of "work", an "expire" that
#        takes lease to "lost" wins, however the states of work are nested.
# Seen:  so in SCION. In Qt the transition of the more deeply nested state wins: the machine pauses its work and stays in
#        "held", though the lease has expired, and does go to "lost" as soon as a state without a meaning is wrapped around
#        the lease's transition. Qt sorts the enabled transitions by the depth of their source before it drops those in
#        conflict; the specification takes them in document order.
set -euo pipefail
for command in g++ pkg-config node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages g++, pkg-config, qt6-scxml-dev, nodejs and npm" >&2; exit 1; }
done
pkg-config --exists Qt6Scxml || { echo "install the Debian package qt6-scxml-dev" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --no-audit --no-fund --prefix "$dir" @scion-scxml/scxml@4.3.27 @scion-scxml/core@2.6.24 >/dev/null
machine() { # machine LEASE prints a document whose region "lease" is LEASE
	cat <<END
<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" initial="held">
  <parallel id="held">
    <state id="lease">$1</state>
    <state id="work" initial="busy">
      <state id="busy"><transition event="expire" target="paused"/></state>
      <state id="paused"/>
    </state>
  </parallel>
  <state id="lost"/>
</scxml>
END
}
machine '<transition event="expire" target="lost"/>' >flat.scxml
machine '<state id="fresh"><transition event="expire" target="lost"/></state>' >nested.scxml
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
	machine->start();
	QTimer::singleShot(500, [&] { machine->submitEvent("expire"); });
	QTimer::singleShot(1500, [&] {
		out << machine->activeStateNames().join(", ") << Qt::endl;
		app.quit();
	});
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
    const machine = new scxml.core.Statechart(prepared);
    machine.start();
    machine.gen({ name: 'expire' });
    console.log(machine.getConfiguration().join(', '));
    process.exit(0);
  });
}, {});
END
for document in flat nested; do
	echo "Qt, $document lease: $(QT_LOGGING_RULES='*.debug=false' timeout 20 ./main $document.scxml)"
	echo "SCION, $document lease: $(timeout 20 node scion.js $document.scxml)"
done | tee seen
diff seen - <<'END'
Qt, flat lease: lease, paused
SCION, flat lease: lost
Qt, nested lease: lost
SCION, nested lease: lost
END
echo "as found: Qt 6.4.2, SCION 2.6.24"
