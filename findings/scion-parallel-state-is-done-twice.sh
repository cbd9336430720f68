#!/usr/bin/env bash
# npm @scion-scxml/scxml 4.3.27 and core 2.6.24, in node; Debian 12: Qt 6.4.2 (QScxmlStateMachine of qt6-scxml-dev), g++.
#
# Guess: a parallel state is done once, when the last of its regions has come to its final state: with a machine that works in
#        rounds, and begins the next one at done.state, one "finish" that both regions hear ends one round.
# Seen:  so in Qt. In SCION it is done once for each region that comes to its end in that step: the second done.state finds the
#        next round begun and ends it as well, before any work of it is done. SCION asks after the step whether all regions
#        are in a final state, once for each final state that was entered; SCXML asks as each is entered. With regions that
#        end by events of their own it does not show.
set -euo pipefail
for command in g++ pkg-config node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages g++, pkg-config, qt6-scxml-dev, nodejs and npm" >&2; exit 1; }
done
pkg-config --exists Qt6Scxml || { echo "install the Debian package qt6-scxml-dev" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --no-audit --no-fund --prefix "$dir" @scion-scxml/scxml@4.3.27 @scion-scxml/core@2.6.24 >/dev/null
cat >machine.scxml <<'END'
<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" initial="round" datamodel="ecmascript">
  <datamodel><data id="rounds" expr="0"/></datamodel>
  <parallel id="round">
    <onentry><assign location="rounds" expr="rounds + 1"/><log expr="'round ' + rounds"/></onentry>
    <state id="lease">
      <state id="held"><transition event="finish" target="released"/></state>
      <final id="released"/>
    </state>
    <state id="work">
      <state id="busy"><transition event="finish" target="done"/></state>
      <final id="done"/>
    </state>
    <transition event="done.state.round" target="round"/>
  </parallel>
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
	QObject::connect(machine.get(), &QScxmlStateMachine::log, [&](const QString &, const QString &text) { out << "  " << text << Qt::endl; });
	machine->start();
	QTimer::singleShot(500, [&] { machine->submitEvent("finish"); });
	QTimer::singleShot(3000, [&] { app.quit(); });
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
    const log = (label, text) => console.log(`  ${text}`);
    const machine = new scxml.core.Statechart(prepared, { console: { log } });
    machine.start();
    setTimeout(() => machine.gen({ name: 'finish' }), 500);
    setTimeout(() => process.exit(0), 3000);
  });
}, {});
END
{
	echo "Qt:"
	QT_LOGGING_RULES='*.debug=false' timeout 20 ./main machine.scxml
	echo "SCION:"
	timeout 20 node scion.js machine.scxml
} | tee seen
diff seen - <<'END'
Qt:
  round 1
  round 2
SCION:
  round 1
  round 2
  round 3
END
echo "as found: SCION 2.6.24, Qt 6.4.2"
