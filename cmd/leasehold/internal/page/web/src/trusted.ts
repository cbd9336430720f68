// A page that takes no texts as scripts takes these: the scripts of the build, by their names.

declare const WORKERS: {shared: string; layout: string};

interface Policy {
	createScriptURL(path: string): string;
}

const types = (globalThis as {trustedTypes?: {createPolicy(name: string, rules: Policy): Policy}}).trustedTypes;
const policy: Policy = types ? types.createPolicy('worker', {createScriptURL: path => path}) : {createScriptURL: path => path};

export const scriptOf = (name: keyof typeof WORKERS): string => policy.createScriptURL(`assets/${WORKERS[name]}`);
