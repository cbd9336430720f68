// The query of the address says which page is shown, and how: a link shows the same.

export type Page = 'overview' | 'instance' | 'activity' | 'timeline';

export const param = (name: string) => new URLSearchParams(location.search).get(name) ?? '';

export function page(): Page {
	const asked = param('page');
	return asked === 'instance' || asked === 'activity' || asked === 'timeline' ? asked : 'overview';
}

export function href(params: Record<string, string>): string {
	const q = new URLSearchParams();
	for (const [name, value] of Object.entries(params)) if (value !== '') q.set(name, value);
	const text = q.toString();
	return text ? `?${text}` : location.pathname;
}

export const instanceHref = (key: string) => href({page: 'instance', key});

// set changes parameters of the page that is shown, without a step in the browser's history.
export function set(params: Record<string, string>) {
	const q = Object.fromEntries(new URLSearchParams(location.search));
	history.replaceState(history.state, '', href({...q, ...params}));
	tell();
}

let listeners = new Set<() => void>();

// onRoute tells of each change at once.
export function onRoute(listener: () => void): () => void {
	listeners.add(listener);
	return () => listeners.delete(listener);
}

function tell() {
	for (const listener of listeners) listener();
}

export function go(to: string) {
	history.replaceState({...history.state, scroll: scrollY}, '');
	history.pushState({}, '', to);
	moved = true;
	tell();
}

// moved is true until the page that was gone to has taken the focus.
export let moved = false;
export const arrived = () => (moved = false);

history.scrollRestoration = 'manual';
addEventListener('popstate', () => {
	moved = true;
	tell();
});

// Links within the page do not load it again.
addEventListener('click', event => {
	if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
	const link = (event.target as Element).closest?.('a');
	if (!link || link.target || link.hasAttribute('download')) return;
	const url = new URL(link.href);
	if (url.origin !== location.origin || url.pathname !== location.pathname || url.hash) return;
	event.preventDefault();
	go(url.search || url.pathname);
});
