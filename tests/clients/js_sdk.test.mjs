// Exeunt under matrix-js-sdk: two people log in, sync, talk, and one of them ends the account.

import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { after, before, test } from "node:test";
import { Server } from "./server.mjs";

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

const { ClientEvent, MemoryStore, RoomEvent, RoomStateEvent, SyncState, HttpApiEvent,
	createClient } = await import("matrix-js-sdk");

const LIMIT_MS = 10000;
const PASSWORD = "correct horse battery staple";
const MARKED = { membership: "leave", "org.matrix.msc3759.deactivated": true };
const server = new Server();
const people = {};

// Resolves with the arguments of the first emission for which `accept` holds.
function event(emitter, name, accept = () => true) {
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
async function until(client, condition) {
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

// A client that is logged in and has synced for the first time.
async function logIn(name) {
	const anonymous = createClient({ baseUrl: server.url });
	const session = await anonymous.loginRequest({
		type: "m.login.password", identifier: { type: "m.id.user", user: name },
		password: PASSWORD, initial_device_display_name: "test",
	});
	const client = createClient({
		baseUrl: server.url, accessToken: session.access_token, userId: session.user_id,
		deviceId: session.device_id, store: new MemoryStore(), timelineSupport: true,
	});
	const prepared = event(client, ClientEvent.Sync, (state) => state === SyncState.Prepared);
	await client.startClient({ lazyLoadMembers: true, initialSyncLimit: 20 });
	await prepared;
	return client;
}

before(async () => {
	await server.start();
});

after(async () => {
	for (const client of Object.values(people))
		client.stopClient();
	assert.equal(await server.stop(), 0);
});

test("register by one request, without asking first", async () => {
	for (const username of ["alice", "bob"]) {
		const answer = await createClient({ baseUrl: server.url }).registerRequest({
			username, password: PASSWORD, auth: { type: "m.login.dummy" },
		});
		assert.equal(answer.user_id, `@${username}:localhost`);
	}
});

test("log in and start to PREPARED", async () => {
	for (const name of ["alice", "bob"]) {
		people[name] = await logIn(name);
		assert.ok(people[name].pushRules.global.override.length > 0);
		assert.equal((await people[name].whoami()).user_id, `@${name}:localhost`);
	}
});

let roomId;

test("create a room, invite, join", async () => {
	const { alice, bob } = people;
	const invited = event(bob, RoomEvent.MyMembership, (room, now) => now === "invite");
	({ room_id: roomId } = await alice.createRoom({
		name: "The wings", preset: "private_chat", invite: [bob.getUserId()],
	}));
	const [room] = await invited;
	assert.equal(room.roomId, roomId);
	assert.equal(room.name, "The wings");
	const joined = event(bob, RoomEvent.MyMembership, (_, now) => now === "join");
	await bob.joinRoom(roomId);
	await joined;
	await until(bob, () => bob.getRoom(roomId).getJoinedMemberCount() === 2);
	assert.equal(bob.getRoom(roomId).name, "The wings");
});

test("send and receive, both ways", async () => {
	const { alice, bob } = people;
	for (const [from, to] of [[alice, bob], [bob, alice]]) {
		const text = `from ${from.getUserId()}`;
		const received = event(to, RoomEvent.Timeline,
			(message) => message.getContent().body === text && !message.status);
		const { event_id: id } = await from.sendTextMessage(roomId, text);
		const [message] = await received;
		assert.equal(message.getId(), id);
		assert.equal(message.getSender(), from.getUserId());
	}
});

test("a sent message comes back once, as one's own", async () => {
	const { alice } = people;
	const { event_id: id } = await alice.sendTextMessage(roomId, "echo");
	const find = () => alice.getRoom(roomId).getLiveTimeline().getEvents()
		.filter((message) => message.getContent().body === "echo");
	const { event_id: next } = await alice.sendTextMessage(roomId, "after the echo");
	await until(alice, () => alice.getRoom(roomId).findEventById(next)?.status === null);
	assert.deepEqual(find().map((message) => message.getId()), [id]);
});

test("typing, receipts, redaction, older messages", async () => {
	const { alice, bob } = people;
	const typing = event(bob, "RoomMember.typing", (_, member) => member.typing);
	await alice.sendTyping(roomId, true, 20000);
	const [, member] = await typing;
	assert.equal(member.userId, alice.getUserId());

	const { event_id: id } = await alice.sendTextMessage(roomId, "to be read, then gone");
	await until(bob, () => bob.getRoom(roomId).findEventById(id));
	const read = event(alice, RoomEvent.Receipt);
	await bob.sendReadReceipt(bob.getRoom(roomId).findEventById(id));
	await read;
	const redacted = event(bob, RoomEvent.Redaction);
	await alice.redactEvent(roomId, id);
	await redacted;
	assert.equal(bob.getRoom(roomId).findEventById(id).isRedacted(), true);

	const room = bob.getRoom(roomId);
	while (await bob.paginateEventTimeline(room.getLiveTimeline(), { backwards: true, limit: 3 }));
	assert.equal(room.getLiveTimeline().getEvents()[0].getType(), "m.room.create");
});

test("one ends the account, the other sees the marked leave", async () => {
	const { alice, bob } = people;
	const left = event(bob, RoomStateEvent.Events, (change) =>
		change.getType() === "m.room.member" && change.getStateKey() === alice.getUserId() &&
		change.getContent().membership === "leave");
	const loggedOut = event(alice, HttpApiEvent.SessionLoggedOut);
	const answer = await alice.deactivateAccount({
		type: "m.login.password", password: PASSWORD,
		identifier: { type: "m.id.user", user: alice.getUserId() },
	}, false);
	assert.deepEqual(answer, { id_server_unbind_result: "success" });
	const [leave] = await left;
	// The library adds displayname and avatar_url to its copy, undefined where there are none.
	assert.deepEqual(JSON.parse(JSON.stringify(leave.getContent())), MARKED);
	assert.equal(leave.getSender(), leave.getStateKey());
	await loggedOut;
	await assert.rejects(alice.whoami(), { errcode: "M_UNKNOWN_TOKEN" });
	await assert.rejects(logIn("alice"), (error) => error.httpStatus === 403);
	await bob.sendTextMessage(roomId, "exeunt omnes");
});
