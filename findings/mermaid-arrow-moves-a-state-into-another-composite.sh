#!/usr/bin/env bash
# npm mermaid 12.3.0 in Debian's chromium.
#
# Guess: a state belongs to the composite state that declares it, and an arrow to it, wherever the
#        arrow is written, changes nothing but the arrows.
# Seen:  an arrow within a composite state moves the states that it names into that composite state,
#        out of one inside it as well, without an error. An arrow at the top moves none.
set -euo pipefail
for command in chromium npm; do
	command -v "$command" >/dev/null || { echo "install the Debian package $command" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir" 2>/dev/null || { sleep 2; rm -rf "$dir"; }' EXIT
cd "$dir"
npm pack --silent mermaid@12.3.0 >/dev/null
tar xzf mermaid-12.3.0.tgz package/dist/mermaid.min.js
cat >page.html <<'END'
<!doctype html><meta charset="utf-8"><pre></pre>
<script src="package/dist/mermaid.min.js"></script>
<script>
async function draw(name, text) {
  const div = document.createElement('div');
  div.innerHTML = (await mermaid.render(name, text)).svg;
  document.body.append(div);
  return div;
}
// box returns the place in which the state with a name is drawn.
function box(div, id) { return div.querySelector(`[id*="-state-${id}-"] rect`).getBoundingClientRect(); }
function isIn(a, b) { return a.top > b.top && a.bottom < b.bottom && a.left > b.left && a.right < b.right; }
async function main() {
  const states = 'state outer {\nstate inner {\nstate a {\na1\na2\n}\n}\nb\n';
  const within = await draw('one', 'stateDiagram-v2\n' + states + 'b --> a1\n}\n');
  const atTheTop = await draw('two', 'stateDiagram-v2\n' + states + '}\nb --> a1\n');
  return `arrow within outer: a1 is in a: ${isIn(box(within, 'a1'), box(within, 'a'))}, a2 is in a: ${isIn(box(within, 'a2'), box(within, 'a'))}\n` +
    `arrow at the top: a1 is in a: ${isIn(box(atTheTop, 'a1'), box(atTheTop, 'a'))}, a2 is in a: ${isIn(box(atTheTop, 'a2'), box(atTheTop, 'a'))}`;
}
main().then(text => { document.querySelector('pre').textContent = text; document.body.querySelectorAll('svg, script').forEach(e => e.remove()) });
</script>
END
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
	--disable-component-update --disable-sync --user-data-dir="$dir/profile" --virtual-time-budget=20000 \
	--dump-dom "file://$dir/page.html" 2>/dev/null | sed -n '/<pre>/,/<\/pre>/p' | sed 's/.*<pre>//; s/<\/pre>.*//' | tee seen
diff seen - <<'END'
arrow within outer: a1 is in a: false, a2 is in a: true
arrow at the top: a1 is in a: true, a2 is in a: true
END
echo "as found: mermaid 12.3.0, $(chromium --version 2>/dev/null)"
