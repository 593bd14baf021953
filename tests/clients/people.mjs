// People with matrix-js-sdk as their client, for the tests beside this file.

import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";

// Part of newer releases of node: what the library misses in node 18 and, but for the first, in node 20.
globalThis.crypto ??= webcrypto;
Promise.withResolvers ??= function () {
	let resolve, reject;
	const promise = new this((yes, no) => { resolve = yes; reject = no; });
	return { promise, resolve, reject };
};

// The library tells every step of its own; what matters here is asserted.
for (const level of ["trace", "debug", "info", "log", "warn", "error"])
	console[level] = () => {};

// It leaves time-outs of nearly two minutes behind; they must not hold up the end of the test.
const { setTimeout: setTimer } = globalThis;
globalThis.setTimeout = (...given) => setTimer(...given).unref();

const { ClientEvent, MemoryStore, RoomEvent, SyncState, createClient } = await import("matrix-js-sdk");

const LIMIT_MS = 10000;
export const PASSWORD = "correct horse battery staple";

// Resolves with the arguments of the first emission for which `accept` holds.
export function event(emitter, name, accept = () => true) {
	return new Promise((resolve, reject) => {
		const timer = setTimeout(() => {
			emitter.off(name, listener);
			reject(new Error(`no ${name} in ${LIMIT_MS} ms`));
		}, LIMIT_MS);
		function listener(...given) {
			if (!accept(...given))
				return;
			clearTimeout(timer);
			emitter.off(name, listener);
			resolve(given);
		}
		emitter.on(name, listener);
	});
}

// Waits until `condition` holds, looking again after every sync and every event of a room.
export async function until(client, condition) {
	const deadline = Date.now() + LIMIT_MS;
	while (!condition()) {
		assert.ok(Date.now() < deadline, `not seen in ${LIMIT_MS} ms: ${condition}`);
		await new Promise((resolve) => {
			const names = [ClientEvent.Sync, RoomEvent.Timeline, RoomEvent.LocalEchoUpdated];
			const timer = setTimeout(done, LIMIT_MS);
			function done() {
				clearTimeout(timer);
				names.forEach((name) => client.off(name, done));
				resolve();
			}
			names.forEach((name) => client.on(name, done));
		});
	}
}

export function passwordOf(name) {
	return { type: "m.login.password", identifier: { type: "m.id.user", user: name }, password: PASSWORD };
}

export async function register(server, ...names) {
	for (const username of names) {
		const answer = await createClient({ baseUrl: server.url }).registerRequest({
			username, password: PASSWORD, auth: { type: "m.login.dummy" },
		});
		assert.equal(answer.user_id, `@${username}:localhost`);
	}
}

// A client that is logged in and has synced for the first time. `prepare` may do something with it before it starts, with the options `start`.
export async function logIn(server, name, { options = {}, start = {}, prepare = async () => {} } = {}) {
	const anonymous = createClient({ baseUrl: server.url });
	const session = await anonymous.loginRequest({ ...passwordOf(name), initial_device_display_name: "test" });
	const client = createClient({
		baseUrl: server.url, accessToken: session.access_token, userId: session.user_id,
		deviceId: session.device_id, store: new MemoryStore(), timelineSupport: true, ...options,
	});
	await prepare(client);
	const prepared = event(client, ClientEvent.Sync, (state) => state === SyncState.Prepared);
	await client.startClient({ lazyLoadMembers: true, initialSyncLimit: 20, threadSupport: true, ...start });
	await prepared;
	return client;
}
