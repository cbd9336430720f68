#!/usr/bin/env bash
# npm workflow-es 2.3.5 and reflect-metadata 0.1.14, in node, with the stores in memory.
#
# Guess: a step that fails is tried again after a while, since a definition's error behaviour is Retry unless it says
#        otherwise; at any rate a workflow whose step has failed does not count as complete with the rest left out.
# Seen:  a step without an onError of its own ends failed at the first error, the steps behind it are never run, and the
#        workflow has the status Complete: what the first step has acquired is not released. The definition's behaviour is
#        never looked at: whether a step is to be compensated asks if a method of it exists in the place of calling it, so
#        that the answer is always yes, and with no compensation to run the step is just over.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" workflow-es@2.3.5 reflect-metadata@0.1.14 >/dev/null
cat >run.js <<'END'
require('reflect-metadata');
const { StepBody, ExecutionResult, WorkflowErrorHandling, TYPES, configureWorkflow } = require('workflow-es');

const statuses = ['Runnable', 'Suspended', 'Complete', 'Terminated'];
const log = [];
const step = (name, run = () => {}) => class extends StepBody {
  run() {
    log.push(name);
    run();
    return ExecutionResult.next();
  }
};
let busy = true;
const acquire = step('acquire');
const work = step('work', () => {
  if (busy) {
    busy = false;
    throw new Error('busy');
  }
});
const release = step('release');

class Default {
  id = 'default';
  version = 1;
  build(builder) { builder.startWith(acquire).then(work).then(release); }
}
class OwnRetry {
  id = 'own retry';
  version = 1;
  build(builder) { builder.startWith(acquire).then(work).onError(WorkflowErrorHandling.Retry, 1000).then(release); }
}

(async () => {
  const config = configureWorkflow();
  const host = config.getHost();
  for (const workflow of [Default, OwnRetry]) host.registerWorkflow(workflow);
  await host.start();
  const store = config.getContainer().get(TYPES.IPersistenceProvider);
  for (const name of ['default', 'own retry']) {
    busy = true;
    log.length = 0;
    const id = await host.startWorkflow(name, 1, {});
    let instance;
    for (let i = 0; i < 150; i++) {
      await new Promise((done) => setTimeout(done, 100));
      instance = await store.getWorkflowInstance(id);
      if (statuses[instance.status] !== 'Runnable') break;
    }
    console.log(`${name}: ${log.join(', ')}; the workflow is ${statuses[instance.status]}`);
  }
  process.exit(0);
})();
END
timeout 60 node run.js | tee seen
diff seen - <<'END'
default: acquire, work; the workflow is Complete
own retry: acquire, work, work, release; the workflow is Complete
END
echo "as found: workflow-es 2.3.5"
