#!/usr/bin/env bash
# Debian 12: Qt 6.4.2 (QScxmlStateMachine of qt6-scxml-dev), g++; npm @scion-scxml/scxml 4.3.27 and core 2.6.24, in node.
#
# Guess: an invoked state machine that is cancelled, as the state that invoked it is left, runs its exit actions, as when it
#        ends by itself: the SCXML specification has it exit like any other, and SCION does so. A resource that the nested
#        machine holds is given back there.
# Seen:  in Qt none of its exit actions is run. The nested machine is stopped where it is and deleted, without the steps of
#        an exit.
set -euo pipefail
for command in g++ pkg-config node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages g++, pkg-config, qt6-scxml-dev, nodejs and npm" >&2; exit 1; }
done
pkg-config --exists Qt6Scxml || { echo "install the Debian package qt6-scxml-dev" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 90 npm install --silent --no-save --prefix "$dir" @scion-scxml/scxml@4.3.27 @scion-scxml/core@2.6.24 >/dev/null
for end in itself parent; do
	cat >"$end.scxml" <<END
<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" initial="working" datamodel="ecmascript">
  <state id="working">
    <onentry><send event="end.$end" delay="500ms"/></onentry>
    <onexit><log expr="'the state that invoked it is left'"/></onexit>
    <invoke id="nested"><content>
      <scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" initial="held" datamodel="ecmascript">
        <state id="held">
          <onentry><log expr="'nested: acquire'"/></onentry>
          <onexit><log expr="'nested: release'"/></onexit>
          <transition event="end" target="done"/>
        </state>
        <final id="done"/>
      </scxml>
    </content></invoke>
    <transition event="end.itself"><send event="end" target="#_nested"/></transition>
    <transition event="done.invoke.nested" target="idle"/>
    <transition event="end.parent" target="idle"/>
  </state>
  <state id="idle"><onentry><log expr="'idle'"/></onentry></state>
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
	QTimer::singleShot(3000, &app, &QCoreApplication::quit);
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
    setTimeout(() => process.exit(0), 3000);
  });
}, {});
END
for end in itself parent; do
	echo "Qt, ended by $end:"
	QT_LOGGING_RULES='*.debug=false;scxml.statemachine.debug=true' timeout 30 ./main "$end.scxml" 2>&1 >/dev/null | sed -n 's/^scxml.statemachine: "" : "\(.*\)"$/  \1/p'
	echo "SCION, ended by $end:"
	timeout 30 node scion.js "$end.scxml" | sed 's/^null /  /'
done 2>&1 | tee seen
diff seen - <<'END'
Qt, ended by itself:
  nested: acquire
  nested: release
  the state that invoked it is left
  idle
SCION, ended by itself:
  nested: acquire
  nested: release
  the state that invoked it is left
  idle
Qt, ended by parent:
  nested: acquire
  the state that invoked it is left
  idle
SCION, ended by parent:
  nested: acquire
  the state that invoked it is left
  idle
  nested: release
END
echo "as found: Qt 6.4.2"
