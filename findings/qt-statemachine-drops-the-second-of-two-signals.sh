#!/usr/bin/env bash
# Debian 12: Qt 6.4.2 (QStateMachine of libqt6statemachine6, headers of qt6-scxml-dev), g++.
#
# Guess: of two signals that come one right behind the other, such as acquired and lost, each takes the machine a step: it
#        goes from free to held and on to lost, as with two posted events, and as with signals from the program's own loop.
# Seen:  it does so only while the machine is idle and in its own thread. If the signals come from an entry action or from
#        another thread, or a signal comes behind a posted event, the second is dropped without a word: the machine stays in
#        held for good. A signal is made an event only if a transition of a state that is active at that moment waits for
#        it, since the machine is connected to signals of active states alone; events are queued whatever the state is.
set -euo pipefail
for command in g++ pkg-config; do
	command -v "$command" >/dev/null || { echo "install the Debian packages g++, pkg-config and qt6-scxml-dev" >&2; exit 1; }
done
pkg-config --exists Qt6StateMachine || { echo "install the Debian package qt6-scxml-dev" >&2; exit 1; }
moc=$(pkg-config --variable=libexecdir Qt6Core)/moc
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >main.cpp <<'END'
#include <QAbstractTransition>
#include <QCoreApplication>
#include <QState>
#include <QStateMachine>
#include <QTextStream>
#include <QThread>
#include <QTimer>
#include <memory>

class Client : public QObject {
	Q_OBJECT
signals:
	void acquired();
	void lost();
};

struct Named : QEvent {
	QString name;
	explicit Named(const QString &n) : QEvent(QEvent::User), name(n) {}
};

struct On : QAbstractTransition {
	QString name;
	On(const QString &n, QAbstractState *target) : name(n) { setTargetState(target); }
	bool eventTest(QEvent *event) override { return event->type() == QEvent::User && static_cast<Named *>(event)->name == name; }
	void onTransition(QEvent *) override {}
};

enum Way { loop, posted, entry, thread, behind };

static void run(Way way, const char *what) {
	QStateMachine machine;
	Client client;
	auto state = [&](const char *name) {
		auto made = new QState(&machine);
		made->setObjectName(name);
		return made;
	};
	QState *idle = state("idle"), *free = state("free"), *held = state("held"), *lost = state("lost");
	machine.setInitialState(idle);
	idle->addTransition(new On("try", free));
	free->addTransition(&client, &Client::acquired, held);
	free->addTransition(new On("acquired", held));
	held->addTransition(&client, &Client::lost, lost);
	held->addTransition(new On("lost", lost));
	auto post = [&](const char *name) { machine.postEvent(new Named(name)); };
	auto both = [&] {
		emit client.acquired();
		emit client.lost();
	};
	if (way == entry) QObject::connect(free, &QState::entered, both);
	machine.start();
	QTimer::singleShot(300, [&] { post("try"); });
	QTimer::singleShot(1200, [&] {
		if (way == loop) both();
		if (way == posted) post("acquired"), post("lost");
		if (way == behind) {
			post("acquired");
			emit client.lost();
		}
		if (way == thread) {
			std::unique_ptr<QThread> other(QThread::create(both));
			other->start();
			other->wait();
		}
	});
	QTimer::singleShot(2400, [&] {
		for (QAbstractState *now : machine.configuration()) QTextStream(stdout) << what << ": " << now->objectName() << Qt::endl;
		QCoreApplication::quit();
	});
	QCoreApplication::exec();
}

int main(int argc, char **argv) {
	QCoreApplication app(argc, argv);
	run(loop, "two signals from the event loop");
	run(posted, "two posted events");
	run(entry, "two signals from an entry action");
	run(thread, "two signals from another thread");
	run(behind, "a signal behind a posted event");
}
#include "main.moc"
END
timeout 30 "$moc" main.cpp -o main.moc
# shellcheck disable=SC2046
timeout 80 g++ -std=c++17 -fPIC main.cpp -o main $(pkg-config --cflags --libs Qt6StateMachine Qt6Core)
timeout 40 ./main | tee seen
diff seen - <<'END'
two signals from the event loop: lost
two posted events: lost
two signals from an entry action: held
two signals from another thread: held
a signal behind a posted event: held
END
echo "as found: Qt 6.4.2"
