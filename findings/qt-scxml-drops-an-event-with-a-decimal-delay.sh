#!/usr/bin/env bash
# Debian 12: Qt 6.4.2 (QScxmlStateMachine of qt6-scxml-dev), g++; npm @scion-scxml/scxml 4.3.27 and core 2.6.24, in node.
#
# Guess: an event with delay="0.5s", as the SCXML specification allows, comes after that time, as in SCION; or else the
#        document is refused, or error.execution raised. Qt's list of its exceptions to SCXML says nothing of it.
# Seen:  it never comes, there is no error of any kind, and what follows in the same onentry is left out too. Qt takes
#        digits and then "s" or "ms" alone for a time. Where that fails it ends the block as after an error, and does not
#        raise the event that tells of it.
set -euo pipefail
for command in g++ pkg-config node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages g++, pkg-config, qt6-scxml-dev, nodejs and npm" >&2; exit 1; }
done
pkg-config --exists Qt6Scxml || { echo "install the Debian package qt6-scxml-dev" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 90 npm install --silent --no-save --prefix "$dir" @scion-scxml/scxml@4.3.27 @scion-scxml/core@2.6.24 >/dev/null
for delay in 500ms 0.5s; do
	cat >"$delay.scxml" <<END
<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" initial="held" datamodel="ecmascript">
  <state id="held">
    <onentry><log expr="'held'"/><send event="expire" delay="$delay"/><log expr="'to expire'"/></onentry>
    <transition event="error.*"><log expr="_event.name"/></transition>
    <transition event="expire" target="lost"/>
  </state>
  <state id="lost"><onentry><log expr="'lost'"/></onentry></state>
</scxml>
END
done
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
	QTimer::singleShot(4000, &app, &QCoreApplication::quit);
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
    setTimeout(() => process.exit(0), 4000);
  });
}, {});
END
for delay in 500ms 0.5s; do
	echo "Qt, $delay:"
	QT_LOGGING_RULES='*.debug=false' timeout 30 ./main "$delay.scxml"
	echo "SCION, $delay:"
	timeout 30 node scion.js "$delay.scxml"
done 2>&1 | tee seen
diff seen - <<'END'
Qt, 500ms:
  held
  to expire
  lost
SCION, 500ms:
  held
  to expire
  lost
Qt, 0.5s:
  held
SCION, 0.5s:
  held
  to expire
  lost
END
echo "as found: Qt 6.4.2"
