import {render} from 'preact';
import {useEffect, useLayoutEffect, useState} from 'preact/hooks';
import {Activity} from './activity';
import {startAges} from './ages';
import {at, ms, span} from './format';
import {InstancePage} from './instance';
import {current, first, hello, instances, link, links, now, retry, start, troubled} from './model';
import {Overview} from './overview';
import {Icon} from './parts';
import {arrived, href, moved, onRoute, page, param, type Page} from './route';
import './style.css';
import {Timeline} from './timeline';
import {seconds, useTopics} from './topic';

const pages: [Page, string][] = [
	['overview', 'Instances'],
	['activity', 'Activity'],
	['timeline', 'Timeline'],
];

function App() {
	const [shown, setShown] = useState({page: page(), key: param('key')});
	useEffect(() => onRoute(() => setShown(before => (before.page === page() && before.key === param('key') && !moved ? before : {page: page(), key: param('key')}))), []);
	useLayoutEffect(() => {
		const name = shown.page === 'instance' ? shown.key : pages.find(([page]) => page === shown.page)![1];
		entitle(name);
		if (!moved) return;
		arrived();
		scrollTo(0, history.state?.scroll ?? 0);
		document.querySelector<HTMLElement>('main')?.focus({preventScroll: true});
	}, [shown]);
	return (
		<>
			<a class="skip" href="#main">
				To the content
			</a>
			<header class="bar">
				<a class="brand" href={href({})} aria-label="leasehold: all instances">
					<svg viewBox="0 0 32 32" aria-hidden="true">
						<rect width="32" height="32" rx="8" />
						<path d="M10 7v18h13" />
						<circle cx="21.5" cy="13" r="3.5" />
					</svg>
					<span>leasehold</span>
				</a>
				<nav aria-label="Pages">
					{pages.map(([name, title]) => (
						<a key={name} href={href({page: name === 'overview' ? '' : name})} aria-current={shown.page === name ? 'page' : undefined}>
							{title}
						</a>
					))}
				</nav>
				<Where />
				<Live />
				<Theme />
			</header>
			<NotCurrent />
			<main id="main" tabIndex={-1} class={`page-${shown.page}`}>
				{shown.page === 'overview' && <Overview />}
				{shown.page === 'instance' && <InstancePage key={shown.key} />}
				{shown.page === 'activity' && <Activity />}
				{shown.page === 'timeline' && <Timeline />}
			</main>
			<Announcer />
		</>
	);
}

// Where says which store is shown.
function Where() {
	useTopics(links);
	if (!hello) return <span class="where" />;
	return (
		<span class="where faint" title={`${hello.store}${hello.prefix ? ` below ${hello.prefix}` : ''}`}>
			{hello.store}
			{hello.prefix && <> · {hello.prefix}</>}
		</span>
	);
}

function Live() {
	useTopics(links);
	const ok = link?.open && current.current;
	return (
		<span title={ok ? 'Live' : hello ? 'Not current' : 'Connecting'} class={`live ${ok ? 'on' : hello ? 'off' : 'waiting'}`}>
			<i class="dot" aria-hidden="true" />
			<span>{ok ? 'Live' : hello ? 'Not current' : 'Connecting'}</span>
		</span>
	);
}

// NotCurrent says since when and why what is shown is old.
function NotCurrent() {
	useTopics(links, seconds);
	if (hello && first !== undefined && hello.version !== first) {
		return (
			<div class="notice" role="status">
				<span>The server was updated.</span>
				<button type="button" class="button small" onClick={() => location.reload()}>
					Load the page again
				</button>
			</div>
		);
	}
	if (!link || (link.open && current.current)) {
		return hello?.truncated ? (
			<div class="notice" role="status">
				{hello.truncated.toLocaleString('en')} more instances are not shown. Serve a prefix to see others.
			</div>
		) : null;
	}
	if (!hello && !link.why) return null;
	const wait = link.retryAt ? Math.max(0, Math.ceil((link.retryAt - Date.now()) / 1000)) : 0;
	const since = link.open ? ms(current.since) : hello ? link.since : undefined;
	return (
		<div class="notice bad">
			<Icon name="alert" />
			<span role="alert">
				<b>{hello ? 'Not current' : 'Nothing to show yet'}{since !== undefined && ` since ${at(since)}`}.</b>{' '}
				{link.open ? `The server does not reach its store${current.error ? `: ${current.error}` : '.'}` : (link.why ?? 'The connection to the server ended.')}
			</span>
			{link.open ? (
				<span class="faint">{since !== undefined && `for ${span(now() - since, 1)}`}</span>
			) : (
				<>
					<span class="faint num">{wait > 0 ? `again in ${wait} s` : 'trying …'}</span>
					<button type="button" class="button small" onClick={() => retry()}>
						Try now
					</button>
				</>
			)}
		</div>
	);
}

let title = '';

// entitle names the page. The tab of a page that nobody looks at tells of trouble too.
function entitle(name: string) {
	title = name;
	document.title = `${troubled > 0 ? `(${troubled}) ` : ''}${title} · leasehold`;
}

// Announcer tells those who do not see the page how many are in trouble, when that changes and not
// more often than every ten seconds.
function Announcer() {
	const [text, setText] = useState('');
	useEffect(() => {
		let said = troubled;
		let timer: ReturnType<typeof setTimeout> | undefined;
		const say = () => {
			timer = undefined;
			if (said === troubled) return;
			said = troubled;
			setText(troubled === 0 ? 'No instance is in trouble.' : `${troubled} in trouble.`);
			timer = setTimeout(say, 10_000);
		};
		const listener = () => {
			if (said === troubled) return;
			timer ??= setTimeout(say, 1000);
			entitle(title);
		};
		instances.listeners.add(listener);
		return () => {
			instances.listeners.delete(listener);
			clearTimeout(timer);
		};
	}, []);
	return (
		<p class="hidden" role="status">
			{text}
		</p>
	);
}

type Look = 'auto' | 'light' | 'dark';
const looks: Look[] = ['auto', 'light', 'dark'];

function stored(): Look {
	try {
		const look = localStorage.getItem('look') as Look;
		return looks.includes(look) ? look : 'auto';
	} catch {
		return 'auto';
	}
}

function Theme() {
	const [look, setLook] = useState(stored);
	useLayoutEffect(() => {
		document.documentElement.dataset.look = look;
		try {
			localStorage.setItem('look', look);
		} catch {
			// it lasts as long as the page
		}
	}, [look]);
	const next = looks[(looks.indexOf(look) + 1) % looks.length]!;
	return (
		<button type="button" class="round" aria-label={`Colours: ${look}. Change to ${next}.`} title={`Colours: ${look}`} onClick={() => setLook(next)}>
			<Icon name={look === 'auto' ? 'auto' : look === 'light' ? 'sun' : 'moon'} />
		</button>
	);
}

document.documentElement.dataset.look = stored();
start();
startAges();
render(<App />, document.getElementById('app')!);
