// Exeunt under matrix-js-sdk with its cryptography (vodozemac in WebAssembly): encrypted talk, cross-signing, a key
// backup that a third device restores from secret storage; threads and spaces on the way.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { event, logIn, passwordOf, register, until } from "./people.mjs";
import { Server } from "./server.mjs";

const { MatrixEventEvent, RoomEvent, RelationType, EventType } = await import("matrix-js-sdk");

const server = new Server();
const people = {};
const secrets = {}; // by person: what a human would keep on paper
let roomId;

// As an application would ask its user for the recovery key.
function cryptoCallbacks(name) {
	return {
		getSecretStorageKey: async ({ keys }) => [Object.keys(keys)[0], secrets[name].privateKey],
		cacheSecretStorageKey: () => {},
	};
}

async function logInEncrypted(name) {
	return logIn(server, name, {
		options: { cryptoCallbacks: cryptoCallbacks(name) },
		start: { pendingEventOrdering: "detached" }, // what threads need
		prepare: (client) => client.initRustCrypto({ useIndexedDB: false }),
	});
}

async function bootstrap(name) {
	const crypto = people[name].getCrypto();
	let asked = 0;
	await crypto.bootstrapCrossSigning({
		authUploadDeviceSigningKeys: async (request) => {
			asked++;
			await request(null);
		},
	});
	assert.equal(asked, 1);
	await crypto.bootstrapSecretStorage({
		createSecretStorageKey: async () => (secrets[name] = await crypto.createRecoveryKeyFromPassphrase()),
		setupNewSecretStorage: true, setupNewKeyBackup: true,
	});
	assert.equal(await crypto.isCrossSigningReady(), true);
	assert.equal(await crypto.isSecretStorageReady(), true);
}

// The text of an event once it has been decrypted.
async function decrypted(message) {
	if (message.isBeingDecrypted() || message.isDecryptionFailure() || message.getType() === EventType.RoomMessageEncrypted)
		await event(message, MatrixEventEvent.Decrypted, () => !message.isDecryptionFailure());
	return message.getContent().body;
}

// Sends a text, and waits until the other has decrypted it.
async function tell(from, to, text) {
	const { event_id: id } = await from.sendTextMessage(roomId, text);
	await until(to, () => to.getRoom(roomId).findEventById(id));
	const message = to.getRoom(roomId).findEventById(id);
	assert.equal(message.getWireType(), EventType.RoomMessageEncrypted);
	assert.equal(await decrypted(message), text);
	return id;
}

before(async () => {
	await server.start();
	await register(server, "alice", "bob");
});

after(async () => {
	for (const client of Object.values(people))
		client.stopClient();
	assert.equal(await server.stop(), 0);
});

test("log in with cryptography; keys are published", async () => {
	for (const name of ["alice", "bob"])
		people[name] = await logInEncrypted(name);
	const { alice, bob } = people;
	const devices = await bob.getCrypto().getUserDeviceInfo([alice.getUserId()], true);
	const device = devices.get(alice.getUserId()).get(alice.getDeviceId());
	assert.equal(device.getFingerprint(), (await alice.getCrypto().getOwnDeviceKeys()).ed25519);
});

test("set up cross-signing, secret storage and a key backup", async () => {
	for (const name of ["alice", "bob"])
		await bootstrap(name);
	const { alice } = people;
	const status = await alice.getCrypto().getDeviceVerificationStatus(alice.getUserId(), alice.getDeviceId());
	assert.equal(status.crossSigningVerified, true);
	assert.ok(await alice.getCrypto().getActiveSessionBackupVersion());
});

test("talk in an encrypted room, both ways", async () => {
	const { alice, bob } = people;
	const invited = event(bob, RoomEvent.MyMembership, (room, now) => now === "invite");
	({ room_id: roomId } = await alice.createRoom({
		preset: "private_chat", invite: [bob.getUserId()],
		initial_state: [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }],
	}));
	await invited;
	await bob.joinRoom(roomId);
	await until(alice, () => alice.getRoom(roomId)?.getMember(bob.getUserId())?.membership === "join");
	await until(bob, () => bob.getRoom(roomId)?.hasEncryptionStateEvent());
	await tell(alice, bob, "from alice");
	await tell(bob, alice, "from bob");
});

test("a new device is told of, and gets what is said from then on", async () => {
	const { alice, bob } = people;
	people.phone = await logInEncrypted("bob");
	const { phone } = people;
	await until(phone, () => phone.getRoom(roomId));
	const devices = async () => (await alice.getCrypto().getUserDeviceInfo([bob.getUserId()])).get(bob.getUserId());
	while (!(await devices()).has(phone.getDeviceId()))
		await event(alice, "crypto.devicesUpdated");
	await tell(alice, phone, "to every device of bob");
});

test("the third device restores the backup, and reads what was said before it came", async () => {
	const { bob, phone } = people;
	const crypto = phone.getCrypto();
	const before = phone.getRoom(roomId).getLiveTimeline();
	while (await phone.paginateEventTimeline(before, { backwards: true, limit: 30 }));
	const old = before.getEvents().find((message) => message.getWireType() === EventType.RoomMessageEncrypted);
	await crypto.bootstrapCrossSigning({}); // from secret storage: signs itself
	while (await bob.getCrypto().getActiveSessionBackupVersion() !== (await crypto.checkKeyBackupAndEnable())?.backupInfo.version);
	await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
	const deadline = Date.now() + 15000;
	let restored;
	do { // alice's and bob's devices upload within some seconds
		restored = await crypto.restoreKeyBackup();
	} while (restored.total < 2 && Date.now() < deadline);
	assert.ok(restored.imported >= 1, JSON.stringify(restored));
	assert.equal(await decrypted(old), "from alice");
	const status = await bob.getCrypto().getDeviceVerificationStatus(bob.getUserId(), phone.getDeviceId());
	assert.equal(status.signedByOwner, true);
});

test("a thread in the encrypted room", async () => {
	const { alice, bob } = people;
	const root = await tell(alice, bob, "the root");
	// The library rejects its own promise where its /sync brings an event of a thread before the answer to the send.
	bob.sendEvent(roomId, root, EventType.RoomMessage, {
		msgtype: "m.text", body: "in the thread",
		"m.relates_to": { rel_type: RelationType.Thread, event_id: root },
	}).catch(() => {});
	await until(alice, () => alice.getRoom(roomId).getThread(root)?.events.some((reply) =>
		reply.getSender() === bob.getUserId() && reply.getContent().body === "in the thread"));
	const { chunk } = await alice.createThreadListMessagesRequest(roomId, null, 10);
	assert.equal(chunk[0].event_id, root);
	assert.equal(chunk[0].unsigned["m.relations"]["m.thread"].count, 1);
});

test("a space and its hierarchy", async () => {
	const { alice } = people;
	const { room_id: space } = await alice.createRoom({ name: "The theatre", creation_content: { type: "m.space" } });
	await alice.sendStateEvent(space, EventType.SpaceChild, { via: ["localhost"], order: "a" }, roomId);
	const { rooms } = await alice.getRoomHierarchy(space);
	assert.deepEqual(rooms.map((room) => room.room_id), [space, roomId]);
	assert.equal(rooms[0].children_state[0].state_key, roomId);
});

test("cross-signing keys that are there are changed by a password only", async () => {
	const { alice } = people;
	const steps = [];
	await alice.getCrypto().bootstrapCrossSigning({
		setupNewCrossSigning: true,
		authUploadDeviceSigningKeys: async (request) => {
			await assert.rejects(request(null), (error) => {
				steps.push(error.data);
				return error.httpStatus === 401;
			});
			await request({ ...passwordOf(alice.getUserId()), session: steps[0].session });
		},
	});
	assert.ok(steps[0].flows.some((flow) => flow.stages.includes("m.login.password")));
});
