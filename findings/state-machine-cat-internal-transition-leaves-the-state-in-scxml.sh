#!/usr/bin/env bash
# npm state-machine-cat 14.0.8, @scion-scxml/scxml 4.3.27 and core 2.6.24, in node.
#
# Guess: a transition of state-machine-cat's language that is marked internal is one in the SCXML that it writes: it does not
#        leave the state. A transition without a target in SCXML, which does not leave the state, is read as an internal one.
# Seen:  both leave the state. It writes type="internal" together with the state's own name as the target, which SCXML takes
#        for an external transition, as the target is not within the state. And it reads a transition without a target as
#        an external one to the state itself. With a lease that is acquired on entry and released on exit, each renewal
#        gives it back; a document that goes through state-machine-cat, as to be tidied up, is changed so.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 90 npm install --silent --no-save --prefix "$dir" state-machine-cat@14.0.8 @scion-scxml/scxml@4.3.27 @scion-scxml/core@2.6.24 >/dev/null
cat >run.mjs <<'END'
import { createRequire } from 'node:module';
import { render } from 'state-machine-cat';

const scxml = createRequire(import.meta.url)('@scion-scxml/scxml');
// renewed tells what SCION does with a document when the event "renew" comes.
function renewed(document) {
  return new Promise((resolve, reject) => {
    scxml.documentStringToModel('machine.scxml', document, (error, model) => {
      if (error) return reject(error);
      model.prepare((error, prepared) => {
        if (error) return reject(error);
        const log = [];
        const machine = new scxml.core.Statechart(prepared);
        machine.start();
        machine.on('onExit', (state) => log.push(`exit ${state}`));
        machine.on('onEntry', (state) => log.push(`enter ${state}`));
        machine.gen({ name: 'renew' });
        resolve(log.join(', ') || 'the state is not left');
      });
    }, {});
  });
}
const drawn = 'initial, held, lost; initial => held; held => held [type=internal]: renew; held => lost: expire;';
console.log('internal, written as SCXML:', await renewed(await render(drawn, { inputType: 'smcat', outputType: 'scxml' })));
const written = `<?xml version="1.0"?>
<scxml xmlns="http://www.w3.org/2005/07/scxml" initial="held" version="1.0">
  <state id="held"><transition event="renew"/><transition event="expire" target="lost"/></state>
  <state id="lost"/>
</scxml>`;
console.log('SCXML without a target:', await renewed(written));
console.log('the same through state-machine-cat:', await renewed(await render(written, { inputType: 'scxml', outputType: 'scxml' })));
process.exit(0);
END
timeout 30 node run.mjs | tee seen
diff seen - <<'END'
internal, written as SCXML: exit held, enter held
SCXML without a target: the state is not left
the same through state-machine-cat: exit held, enter held
END
echo "as found: state-machine-cat 14.0.8"
