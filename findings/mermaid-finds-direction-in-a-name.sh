#!/usr/bin/env bash
# npm mermaid 12.3.0 in Debian's chromium.
#
# Guess: the text in quotes after "state", and the text after a colon, are the reader's; only a line
#        that begins with "direction" sets the direction.
# Seen:  "direction", in any case and within a longer word, before a word that begins with TB, BT, LR or
#        RL makes a statement of the whole line: the state loses its name, the arrow is not drawn.
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
async function main() {
  let text = '';
  for (const name of ['Direction TBD', 'redirection lrs', 'Direction of TB', 'Direction#32;TBD']) {
    const div = await draw('d' + text.length, `stateDiagram-v2\nstate "${name}" as a\na --> b\na --> c : ${name}\n`);
    const shown = [...div.querySelectorAll('g.node foreignObject > div')].map(e => e.innerText).join(', ');
    text += `${name}: states ${shown}; ${div.querySelectorAll('path.transition').length} arrows\n`;
  }
  return text.trim();
}
main().then(text => { document.querySelector('pre').textContent = text; document.body.querySelectorAll('svg, script').forEach(e => e.remove()) });
</script>
END
chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
	--disable-component-update --disable-sync --user-data-dir="$dir/profile" --virtual-time-budget=20000 \
	--dump-dom "file://$dir/page.html" 2>/dev/null | sed -n '/<pre>/,/<\/pre>/p' | sed 's/.*<pre>//; s/<\/pre>.*//' | tee seen
diff seen - <<'END'
Direction TBD: states a, b; 1 arrows
redirection lrs: states a, b; 1 arrows
Direction of TB: states Direction of TB, b, c; 2 arrows
Direction#32;TBD: states Direction TBD, b, c; 2 arrows
END
echo "as found: mermaid 12.3.0, $(chromium --version 2>/dev/null)"
