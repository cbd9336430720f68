#!/usr/bin/env bash
# npm mermaid 12.3.0 in Debian's chromium.
#
# Guess: a character code of the form #35; or #quot; in a state's name shows its character, whether
#        htmlLabels is on or off.
# Seen:  with htmlLabels off, the codes of ampersand and angle brackets do; any other is shown as
#        an HTML entity, as text: "a#35;b" reads a&#35;b.
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
async function shown(name, htmlLabels) {
  mermaid.initialize({htmlLabels, flowchart: {htmlLabels}});
  const div = document.createElement('div');
  div.innerHTML = (await mermaid.render('d' + Math.random().toString().slice(2), `stateDiagram-v2\nstate "${name}" as a\n`)).svg;
  document.body.append(div);
  const node = div.querySelector('g.node:has(.nodeLabel), g.node:has(text)') || div;
  return (htmlLabels ? node.querySelector('.nodeLabel') : node.querySelector('text')).textContent.trim();
}
async function main() {
  let text = '';
  for (const name of ['a#35;b', 'a#42;b', 'a#9829;b', 'a#quot;b', 'a#amp;b', 'a#lt;b'])
    text += `${name}: ${await shown(name, true)} with HTML labels, ${await shown(name, false)} without\n`;
  return text.trim();
}
main().then(text => { document.querySelector('pre').textContent = text; document.body.querySelectorAll('svg, script').forEach(e => e.remove()) });
</script>
END
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
	--disable-component-update --disable-sync --user-data-dir="$dir/profile" --virtual-time-budget=20000 \
	--dump-dom "file://$dir/page.html" 2>/dev/null | sed -n '/<pre>/,/<\/pre>/p' | sed 's/.*<pre>//; s/<\/pre>.*//' |
	sed 's/&lt;/</g; s/&amp;/\&/g' | tee seen # as the dump writes the text of the page
diff seen - <<'END'
a#35;b: a#b with HTML labels, a&#35;b without
a#42;b: a*b with HTML labels, a&#42;b without
a#9829;b: a♥b with HTML labels, a&#9829;b without
a#quot;b: a"b with HTML labels, a&quot;b without
a#amp;b: a&b with HTML labels, a&b without
a#lt;b: a<b with HTML labels, a<b without
END
echo "as found: mermaid 12.3.0, $(chromium --version 2>/dev/null)"
