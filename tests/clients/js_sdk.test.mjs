// Exeunt under matrix-js-sdk: two people log in, sync, talk, and one of them ends the account.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { event, logIn, passwordOf, register, until } from "./people.mjs";
import { Server } from "./server.mjs";

const { HttpApiEvent, RoomEvent, RoomStateEvent } = await import("matrix-js-sdk");

const MARKED = { membership: "leave", "org.matrix.msc3759.deactivated": true };
const server = new Server();
const people = {};

before(async () => {
	await server.start();
});

after(async () => {
	for (const client of Object.values(people))
		client.stopClient();
	assert.equal(await server.stop(), 0);
});

test("register by one request, without asking first", async () => {
	await register(server, "alice", "bob");
});

test("log in and start to PREPARED", async () => {
	for (const name of ["alice", "bob"]) {
		people[name] = await logIn(server, name);
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
	const answer = await alice.deactivateAccount(passwordOf(alice.getUserId()), false);
	assert.deepEqual(answer, { id_server_unbind_result: "success" });
	const [leave] = await left;
	// The library adds displayname and avatar_url to its copy, undefined where there are none.
	assert.deepEqual(JSON.parse(JSON.stringify(leave.getContent())), MARKED);
	assert.equal(leave.getSender(), leave.getStateKey());
	await loggedOut;
	await assert.rejects(alice.whoami(), { errcode: "M_UNKNOWN_TOKEN" });
	await assert.rejects(logIn(server, "alice"), (error) => error.httpStatus === 403);
	await bob.sendTextMessage(roomId, "exeunt omnes");
});
