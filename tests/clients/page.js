// In the browser: a small client on matrix-js-sdk. ?server=URL&user=NAME&password=TEXT
import { ClientEvent, RoomEvent, RoomStateEvent, createClient } from "matrix-js-sdk";

const wish = new URLSearchParams(location.search);
const baseUrl = wish.get("server");

function show(id, text) {
	document.getElementById(id).textContent = text;
}

function line(who, text, className = "") {
	const item = document.createElement("li");
	const name = document.createElement("span");
	item.className = className;
	name.className = "who";
	name.textContent = who;
	item.append(name, text);
	document.getElementById("timeline").append(item);
}

// What a script of another origin can read of an answer: nothing, where the server does not allow it.
window.readable = async (method, path, options = {}) => {
	const answer = await fetch(baseUrl + path, { method, ...options });
	return [answer.status, (await answer.json()).errcode ?? null];
};

async function start() {
	const session = await createClient({ baseUrl }).loginRequest({
		type: "m.login.password", identifier: { type: "m.id.user", user: wish.get("user") }, password: wish.get("password"),
	});
	const client = createClient({
		baseUrl, accessToken: session.access_token, userId: session.user_id, deviceId: session.device_id,
	});
	window.client = client;
	client.on(ClientEvent.Sync, (state) => show("state", `${session.user_id}: ${state}`));
	client.on(RoomEvent.Name, (room) => show("room", room.name));
	client.on(RoomEvent.MyMembership, (room, membership) => {
		show("room", room.name);
		if (membership === "invite")
			client.joinRoom(room.roomId);
	});
	client.on(RoomEvent.Timeline, (event) => {
		if (event.getType() === "m.room.message" && !event.status)
			line(event.sender?.name ?? event.getSender(), event.getContent().body);
	});
	client.on(RoomEvent.LocalEchoUpdated, (event) => { // one's own, when it has been sent
		if (event.getType() === "m.room.message" && !event.status)
			line(event.sender?.name ?? event.getSender(), event.getContent().body);
	});
	client.on(RoomStateEvent.Events, (event) => {
		if (event.getContent()["org.matrix.msc3759.deactivated"] === true)
			line(event.getStateKey(), "has ended the account", "gone");
	});
	await client.startClient({ lazyLoadMembers: true });
}

start().catch((error) => show("state", `failed: ${error}`));
