// Exeunt under a browser: pages of another origin, in headless Chromium, run matrix-js-sdk (see page.js). Nothing works
// there without the headers of CORS, on errors, too. Leaves a picture in build/browser.png.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { Server } from "./server.mjs";

const PASSWORD = "correct horse battery staple";
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);
const PICTURE = new URL("../../build/browser.png", import.meta.url).pathname;
const server = new Server();
let browser, site, origin;

async function serveSite() {
	const bundle = await build({
		entryPoints: [new URL("page.js", import.meta.url).pathname], bundle: true, format: "esm", write: false,
		define: { global: "globalThis" }, logLevel: "error", loader: { ".wasm": "binary" },
	});
	const files = {
		"/": ["text/html", readFileSync(new URL("page.html", import.meta.url))],
		"/page.bundle.js": ["text/javascript", bundle.outputFiles[0].contents],
	};
	site = createServer((request, response) => {
		const [type, body] = files[request.url.split("?")[0]] ?? ["text/plain", "nothing here"];
		response.writeHead(200, { "Content-Type": type }).end(body);
	}).listen(0, "127.0.0.1");
	await new Promise((resolve) => site.once("listening", resolve));
	origin = `http://127.0.0.1:${site.address().port}`;
}

async function open(user) {
	const page = await browser.newPage({ viewport: { width: 640, height: 480 } });
	page.on("pageerror", (error) => console.error(`${user}: ${error}`));
	await page.goto(`${origin}/?${new URLSearchParams({ server: server.url, user, password: PASSWORD })}`);
	await page.waitForFunction(() => /PREPARED|SYNCING/.test(document.getElementById("state").textContent));
	return page;
}

before(async () => {
	assert.ok(CHROMIUM, "no Chromium here: tools/setup.sh --clients installs it");
	await server.start();
	for (const username of ["alice", "bob"]) {
		const answer = await fetch(`${server.url}/_matrix/client/v3/register`, {
			method: "POST", body: JSON.stringify({ username, password: PASSWORD, auth: { type: "m.login.dummy" } }),
		});
		assert.equal(answer.status, 200);
	}
	await serveSite();
	browser = await chromium.launch({
		executablePath: CHROMIUM,
		args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync"],
	});
});

after(async () => {
	await browser?.close();
	site?.close();
	assert.equal(await server.stop(), 0);
});

test("two pages of another origin talk; one sees the other's account end", async () => {
	const alice = await open("alice"), bob = await open("bob");
	const room = await alice.evaluate(async () => (await window.client.createRoom({
		name: "The wings", preset: "private_chat", invite: ["@bob:localhost"],
	})).room_id);
	await bob.waitForFunction((id) => window.client.getRoom(id)?.getMyMembership() === "join", room);
	await bob.evaluate((id) => window.client.sendTextMessage(id, "Is anybody there?"), room);
	await alice.getByText("Is anybody there?").waitFor();
	await alice.evaluate((id) => window.client.sendTextMessage(id, "Only until the end of this scene."), room);
	await bob.getByText("Only until the end").waitFor();
	await alice.evaluate((password) => window.client.deactivateAccount({
		type: "m.login.password", identifier: { type: "m.id.user", user: "alice" }, password,
	}, false), PASSWORD);
	await bob.getByText("has ended the account").waitFor();
	assert.equal(await bob.locator("li").count(), 3);
	mkdirSync(new URL("../../build", import.meta.url), { recursive: true });
	await bob.screenshot({ path: PICTURE });
});

test("errors can be read by a page of another origin", async () => {
	const page = await open("bob");
	const read = (method, path, options) => page.evaluate(([m, p, o]) => window.readable(m, p, o), [method, path, options]);
	const token = { Authorization: "Bearer nobody" };
	const json = { "Content-Type": "application/json" };
	assert.deepEqual(await read("GET", "/_matrix/client/v3/account/whoami"), [401, "M_MISSING_TOKEN"]);
	assert.deepEqual(await read("GET", "/_matrix/client/v3/account/whoami", { headers: token }), [401, "M_UNKNOWN_TOKEN"]);
	assert.deepEqual(await read("PUT", "/_matrix/client/v3/nothing", { headers: json, body: "{}" }), [404, "M_UNRECOGNIZED"]);
	assert.deepEqual(await read("DELETE", "/_matrix/client/v3/sync", { headers: token }), [405, "M_UNRECOGNIZED"]);
	assert.deepEqual(await read("POST", "/_matrix/client/v3/login", { headers: json, body: "{" }), [400, "M_NOT_JSON"]);
});
