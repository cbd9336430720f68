#!/usr/bin/env bash
# Debian 12: Qt 6.4.2 (QScxmlStateMachine of qt6-scxml-dev), g++; npm @scion-scxml/scxml 4.3.27 and core 2.6.24, in node.
#
# Guess: cancel with the id of two delayed events ends both, "all delayed events with the specified id" being what the SCXML
#        specification asks for; two come about where a state with a send of a fixed id is entered again.
# Seen:  one of the two comes all the same, in Qt the later and in SCION the earlier: the other way about in the same
#        document. Qt looks through its list of delayed events and stops at the first with that id; SCION keeps one timer
#        an id, and the later has taken the place of the earlier.
set -euo pipefail
for command in g++ pkg-config node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages g++, pkg-config, qt6-scxml-dev, nodejs and npm" >&2; exit 1; }
done
pkg-config --exists Qt6Scxml || { echo "install the Debian package qt6-scxml-dev" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 90 npm install --silent --no-save --prefix "$dir" @scion-scxml/scxml@4.3.27 @scion-scxml/core@2.6.24 >/dev/null
cat >twice.scxml <<'END'
<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" initial="held" datamodel="ecmascript">
  <state id="held">
    <onentry>
      <send id="lease" event="expire.first" delay="1s"/>
      <send id="lease" event="expire.second" delay="2s"/>
      <cancel sendid="lease"/>
      <log expr="'cancelled'"/>
    </onentry>
    <transition event="*"><log expr="_event.name"/></transition>
  </state>
</scxml>
END
cat >main.cpp <<'END'
#include <QtCore>
#include <QtScxml>

int main(int argc, char **argv) {
	QCoreApplication app(argc, argv);
	QTextStream out(stdout);
	QScopedPointer<QScxmlStateMachine> machine(QScxmlStateMachine::fromFile(argv[1]));
	for (const QScxmlError &error : machine->parseErrors()) out << "  refused: " << error.toString() << Qt::endl;
	QObject::connect(machine.data(), &QScxmlStateMachine::log, [&](const QString &, const QString &text) { out << "  " << text << Qt::endl; });
	machine->start();
	QTimer::singleShot(6000, &app, &QCoreApplication::quit);
	return app.exec();
}
END
# shellcheck disable=SC2046
timeout 80 g++ -std=c++17 -fPIC main.cpp -o main $(pkg-config --cflags --libs Qt6Scxml Qt6Core)
cat >scion.js <<'END'
const fs = require('fs');
const scxml = require('@scion-scxml/scxml');
const file = process.argv[2];
scxml.documentStringToModel(file, fs.readFileSync(file, 'utf8'), (error, model) => {
  if (error) throw error;
  model.prepare((error, prepared) => {
    if (error) throw error;
    const log = (label, text) => console.log(`  ${text}`);
    new scxml.core.Statechart(prepared, { console: { log } }).start();
    setTimeout(() => process.exit(0), 6000);
  });
}, {});
END
{
	echo "Qt:"
	QT_LOGGING_RULES='*.debug=false' timeout 30 ./main twice.scxml
	echo "SCION:"
	timeout 30 node scion.js twice.scxml
} 2>&1 | tee seen
diff seen - <<'END'
Qt:
  cancelled
  expire.second
SCION:
  cancelled
  expire.first
END
echo "as found: Qt 6.4.2, SCION 2.6.24"
