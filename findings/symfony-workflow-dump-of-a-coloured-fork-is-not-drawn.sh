#!/usr/bin/env bash
# Debian 12: symfony/workflow 5.4.53 (php-symfony-workflow), PHP 8.2, PlantUML 1.2020.2; npm mermaid 12.3.0 in Chromium.
#
# Guess: what Symfony's dumpers write of a workflow is drawn by Mermaid and PlantUML as the workflow is: a transition with a
#        colour in its metadata has coloured arrows, and two transitions of one name are two.
# Seen:  a transition with a colour that leads to two places is an error in Mermaid, and nothing is drawn. The dumper leaves
#        out the arrow that it has written before, and has counted it by then, so that a style for the next arrow comes
#        first. In PlantUML two transitions of one name become one that has the arrows of both, as its id is its name: the
#        drawing says that either place leads to either end.
set -euo pipefail
for command in php plantuml chromium npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages php-cli, php-symfony-workflow, plantuml, chromium and npm" >&2; exit 1; }
done
[ -e /usr/share/php/Symfony/Component/Workflow/autoload.php ] || { echo "install the Debian package php-symfony-workflow" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir" 2>/dev/null || { sleep 2; rm -rf "$dir"; }' EXIT
cd "$dir"
cat >dump.php <<'END'
<?php
require '/usr/share/php/Symfony/Component/Workflow/autoload.php';
use Symfony\Component\Workflow\{Definition, Transition};
use Symfony\Component\Workflow\Dumper\{MermaidDumper, PlantUmlDumper};
use Symfony\Component\Workflow\Metadata\InMemoryMetadataStore;

function colored($to)
{
    $submit = new Transition('submit', 'draft', $to);
    $colors = new SplObjectStorage();
    $colors[$submit] = ['color' => 'red'];
    $definition = new Definition(['draft', 'review', 'tests'], [$submit], 'draft', new InMemoryMetadataStore([], [], $colors));
    return (new MermaidDumper(MermaidDumper::TRANSITION_TYPE_WORKFLOW))->dump($definition);
}
file_put_contents('docs.js', 'const docs = '.json_encode(['one place' => colored(['review']), 'two places' => colored(['review', 'tests'])]).';');
$definition = new Definition(['review', 'tests', 'reviewed', 'tested'], [
    new Transition('close', 'review', 'reviewed'),
    new Transition('close', 'tests', 'tested'),
]);
file_put_contents('close.puml', (new PlantUmlDumper(PlantUmlDumper::WORKFLOW_TRANSITION))->dump($definition));
END
timeout 30 php dump.php
timeout 60 plantuml -tsvg close.puml
npm pack --silent mermaid@12.3.0 >/dev/null
tar xzf mermaid-12.3.0.tgz package/dist/mermaid.min.js
cat >page.html <<'END'
<!doctype html><meta charset="utf-8"><pre></pre>
<script src="package/dist/mermaid.min.js"></script>
<script src="docs.js"></script>
<script>
async function main() {
  let text = '';
  for (const [name, doc] of Object.entries(docs)) {
    try {
      await mermaid.render('drawing', doc);
      text += `Mermaid, ${name}: drawn\n`;
    } catch (error) {
      text += `Mermaid, ${name}: ${error.message}\n`;
    }
  }
  return text;
}
main().then(text => { document.querySelector('pre').textContent = text; document.body.querySelectorAll('svg, script, div').forEach(e => e.remove()) });
</script>
END
{
	timeout 60 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
		--disable-component-update --disable-sync --user-data-dir="$dir/profile" --virtual-time-budget=20000 \
		--dump-dom "file://$dir/page.html" 2>/dev/null | sed -n '/<pre>/,/<\/pre>/p' | sed 's/.*<pre>//; s/<\/pre>.*//' | grep Mermaid
	echo "PlantUML, two transitions of one name: $(grep -o '>close</text>' close.svg | wc -l) drawn"
} | tee seen
diff seen - <<'END'
Mermaid, one place: drawn
Mermaid, two places: Cannot set properties of undefined (setting 'style')
PlantUML, two transitions of one name: 1 drawn
END
echo "as found: symfony/workflow 5.4, mermaid 12.3.0, PlantUML 1.2020.2"
