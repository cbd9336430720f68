#!/usr/bin/env bash
# Debian 12: Boost.MSM of Boost 1.74 (libboost-dev), g++.
#
# Guess: an event that one region of a machine defers and another handles is handled there once, and once more at most when
#        it comes out of the queue.
# Seen:  the region that handles it handles it again at every other event for as long as the event is deferred: a job that
#        waits beside three ticks is logged six times. After each event that was taken all deferred events are given to all
#        regions again, and one that any region still defers goes back into the queue, whatever the others did with it.
set -euo pipefail
command -v g++ >/dev/null || { echo "install the Debian packages g++ and libboost-dev" >&2; exit 1; }
[ -e /usr/include/boost/msm/back/state_machine.hpp ] || { echo "install the Debian package libboost-dev" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >main.cpp <<'END'
#include <iostream>

#include <boost/msm/back/state_machine.hpp>
#include <boost/msm/front/functor_row.hpp>
#include <boost/msm/front/state_machine_def.hpp>

namespace mpl = boost::mpl;
using namespace boost::msm::front;

struct job {};
struct tick {};
struct take {};
static int jobs_done, jobs_logged, ticks;

struct worker_ : state_machine_def<worker_> {
	struct idle : state<> {
		typedef mpl::vector<job> deferred_events;
	};
	struct at_work : state<> {};
	struct logging : state<> {};
	typedef mpl::vector<idle, logging> initial_state;

	struct count_done {
		template <class... T> void operator()(T &&...) { jobs_done++; }
	};
	struct count_logged {
		template <class... T> void operator()(T &&...) { jobs_logged++; }
	};
	struct count_tick {
		template <class... T> void operator()(T &&...) { ticks++; }
	};
	struct transition_table
		: mpl::vector<Row<idle, take, at_work>, Row<at_work, job, none, count_done>, Row<logging, job, none, count_logged>,
			      Row<logging, tick, none, count_tick>> {};
	template <class F, class E> void no_transition(E const &, F &, int) { std::cout << "no transition\n"; }
};

int main() {
	boost::msm::back::state_machine<worker_> worker;
	auto show = [](const char *when) {
		std::cout << when << ": done " << jobs_done << ", logged " << jobs_logged << ", ticks " << ticks << "\n";
	};
	worker.start();
	worker.process_event(job());
	show("one job, deferred by idle");
	for (int i = 0; i < 3; i++) worker.process_event(tick());
	show("three ticks later");
	worker.process_event(take());
	show("taken to work");
	for (int i = 0; i < 3; i++) worker.process_event(tick());
	show("three ticks later");
}
END
timeout 80 g++ -std=c++17 -w -DBOOST_ALLOW_DEPRECATED_HEADERS -DBOOST_BIND_GLOBAL_PLACEHOLDERS main.cpp -o main
timeout 10 ./main | tee seen
diff seen - <<'END'
one job, deferred by idle: done 0, logged 2, ticks 0
three ticks later: done 0, logged 5, ticks 3
taken to work: done 1, logged 6, ticks 3
three ticks later: done 1, logged 6, ticks 6
END
echo "as found: Boost 1.74"
