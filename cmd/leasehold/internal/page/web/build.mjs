// Builds ../dist from src: the same bytes from the same lock file. With --check it writes nothing,
// and fails if that would change ../dist.

import {createHash} from 'node:crypto';
import {mkdir, readFile, readdir, rm, writeFile} from 'node:fs/promises';
import {dirname, join, relative} from 'node:path';
import {fileURLToPath} from 'node:url';
import {build} from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, '..', 'dist');

const common = {
	absWorkingDir: here,
	bundle: true,
	minify: true,
	write: false,
	charset: 'utf8',
	target: 'es2023',
	legalComments: 'none', // their licences are in licences.txt
	logLevel: 'warning',
	assetNames: '[name]-[hash]',
	loader: {'.woff2': 'file', '.svg': 'file'},
	outdir: join(dist, 'assets'),
};

// named adds the hash of a text to its name.
function named(name, ext, text) {
	return `${name}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}.${ext}`;
}

// files returns the content of dist by path.
async function files() {
	const files = new Map();
	const add = (path, content) => files.set(path, Buffer.from(content));

	// The workers first: the page has their names.
	const workers = {};
	for (const name of ['shared', 'layout']) {
		const {outputFiles: [{contents}]} = await build({...common, entryPoints: [`src/${name}.ts`], format: 'iife'});
		workers[name] = named(name, 'js', contents);
		add(`assets/${workers[name]}`, contents);
	}

	const page = await build({...common, entryPoints: ['src/main.tsx'], format: 'esm', define: {WORKERS: JSON.stringify(workers)}});
	let script, style;
	for (const {path, contents} of page.outputFiles) {
		if (path.endsWith('.js')) add(`assets/${(script = named('page', 'js', contents))}`, contents);
		else if (path.endsWith('.css')) add(`assets/${(style = named('page', 'css', contents))}`, contents);
		else add(`assets/${relative(common.outdir, path)}`, contents);
	}

	const icon = await readFile(join(here, 'src/icon.svg'));
	const iconName = named('icon', 'svg', icon);
	add(`assets/${iconName}`, icon);
	const index = await readFile(join(here, 'src/index.html'), 'utf8');
	add('index.html', index.replace('SCRIPT', `assets/${script}`).replace('STYLE', `assets/${style}`).replace('ICON', `assets/${iconName}`));

	let licences = '';
	for (const name of ['preact', '@dagrejs/dagre', '@dagrejs/graphlib', '@fontsource-variable/inter']) {
		const {version, license} = JSON.parse(await readFile(join(here, 'node_modules', name, 'package.json'), 'utf8'));
		licences += `${name} ${version} (${license})\n\n${(await readFile(join(here, 'node_modules', name, 'LICENSE'), 'utf8')).trim()}\n\n\n`;
	}
	add('licences.txt', licences.trimEnd() + '\n');
	return files;
}

const want = await files();
const have = new Map();
for (const entry of await readdir(dist, {recursive: true, withFileTypes: true}).catch(() => [])) {
	if (!entry.isFile()) continue;
	const path = join(entry.parentPath, entry.name);
	have.set(relative(dist, path), await readFile(path));
}
const differ = [...new Set([...want.keys(), ...have.keys()])].filter(path => !want.has(path) || !have.has(path) || !want.get(path).equals(have.get(path)));
if (process.argv.includes('--check')) {
	if (differ.length > 0) {
		console.error(`dist is not what its sources build: ${differ.sort().join(', ')}: run npm run build in cmd/leasehold/internal/page/web`);
		process.exit(1);
	}
} else {
	await rm(dist, {recursive: true, force: true});
	for (const [path, content] of want) {
		await mkdir(dirname(join(dist, path)), {recursive: true});
		await writeFile(join(dist, path), content);
		console.log(`${path}  ${content.length}`);
	}
}
