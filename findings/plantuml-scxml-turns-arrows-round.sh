#!/usr/bin/env bash
# Debian 12: PlantUML 1.2020.2; npm @scion-scxml/scxml 4.3.27 and core 2.6.24, in node.
#
# Guess: `plantuml -tscxml` writes the state machine that the drawing shows: -left-> and -up-> say where the arrow is drawn, and
#        held -left-> free : release is a transition from held to free. A composite state is a state with states within.
# Seen:  transitions of -left-> and -up-> are written the other way about: a lease can be "released" while it is free, which
#        makes it held, and a held one cannot be released. PlantUML turns such an arrow round to have it laid out, and the
#        SCXML is written from that. And a composite state is left out: its inner states stand beside the others, its own
#        transition is gone without a word, and arrows to it have a target that is not there.
set -euo pipefail
for command in plantuml node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages plantuml, nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --no-audit --no-fund --prefix "$dir" @scion-scxml/scxml@4.3.27 @scion-scxml/core@2.6.24 >/dev/null
lease() { # lease NAME TO BACK writes and converts a lease with these arrows
	cat >"$1.puml" <<END
@startuml
[*] --> free
free $2 held : acquire
held $3 free : release
@enduml
END
	timeout 60 plantuml -tscxml "$1.puml" >/dev/null
}
lease plain -right-\> --\>
lease hinted -right-\> -left-\>
cat >composite.puml <<'END'
@startuml
[*] --> free
free --> held : acquire
state held {
  [*] --> fresh
  fresh --> stale : age
}
held --> free : release
@enduml
END
timeout 60 plantuml -tscxml composite.puml >/dev/null
cat >run.js <<'END'
const fs = require('fs');
const scxml = require('@scion-scxml/scxml');
function run(name, events) {
  const document = fs.readFileSync(`${name}.scxml`, 'utf8');
  return new Promise((resolve, reject) => scxml.documentStringToModel(name, document, (error, model) => {
    if (error) return reject(error);
    model.prepare((error, prepared) => {
      if (error) return reject(error);
      const machine = new scxml.core.Statechart(prepared);
      machine.start();
      for (const event of events) machine.gen({ name: event });
      console.log(`${name}: after ${events.join(', ')} it is ${machine.getConfiguration().join(', ')}`);
      resolve();
    });
  }, {}));
}
(async () => {
  for (const name of ['plain', 'hinted']) {
    await run(name, ['acquire', 'release']);
    await run(name, ['release']);
  }
  const composite = fs.readFileSync('composite.scxml', 'utf8');
  const found = (pattern) => [...composite.matchAll(pattern)].map((match) => match[1]).sort().join(', ');
  console.log(`composite: states ${found(/<state id="(\w+)"/g)}`);
  console.log(`composite: targets ${found(/target="(\w+)"/g)}; events ${found(/event="(\w+)"/g)}`);
  process.exit(0);
})();
END
timeout 30 node run.js | tee seen
diff seen - <<'END'
plain: after acquire, release it is free
plain: after release it is free
hinted: after acquire, release it is held
hinted: after release it is held
composite: states free, fresh, stale, start, startheld
composite: targets free, fresh, held, stale; events acquire, age
END
echo "as found: PlantUML 1.2020.2"
