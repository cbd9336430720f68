#!/usr/bin/env bash
# Debian 12: Qt 6.4.2 (QScxmlStateMachine of qt6-scxml-dev), g++; npm @scion-scxml/scxml 4.3.27 and core 2.6.24, in node.
#
# Guess: an invoked machine that ends gives its result, the donedata of its final state, to the one that has invoked it: the
#        event done.invoke has it as _event.data, as SCXML says, and as done.state has it of a final state within a machine.
# Seen:  so in SCION, and in Qt for done.state. In Qt the data of done.invoke is undefined, without an error: a guard that looks
#        whether the lease was got is false, or an error.execution. Qt evaluates the donedata as the invoked machine ends,
#        and then drops it: the event is made of its name and the id alone. It is not among the exceptions that Qt's page
#        about its compliance lists.
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
<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" initial="acquiring" datamodel="ecmascript">
  <state id="acquiring">
    <invoke id="client">
      <content>
        <scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" initial="try" datamodel="ecmascript">
          <state id="try"><transition target="got"/></state>
          <final id="got"><donedata><param name="token" expr="7"/></donedata></final>
        </scxml>
      </content>
    </invoke>
    <transition event="done.invoke.client" target="within"><log expr="'done.invoke: ' + JSON.stringify(_event.data)"/></transition>
  </state>
  <state id="within" initial="work">
    <state id="work"><transition event="finish" target="worked"/></state>
    <final id="worked"><donedata><param name="token" expr="7"/></donedata></final>
    <transition event="done.state.within" target="end"><log expr="'done.state: ' + JSON.stringify(_event.data)"/></transition>
  </state>
  <state id="end"/>
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
  done.invoke: undefined
  done.state: {"token":7}
SCION:
  done.invoke: {"token":7}
  done.state: {"token":7}
END
echo "as found: Qt 6.4.2, SCION 2.6.24"
