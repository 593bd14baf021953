// The real server on a free port of loopback, with data of its own.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const START_LIMIT_MS = 20000;

async function freePort() {
	const probe = createServer().listen(0, "127.0.0.1");
	await once(probe, "listening");
	const { port } = probe.address();
	probe.close();
	await once(probe, "close");
	return port;
}

export class Server {
	constructor() {
		this.directory = mkdtempSync(join(tmpdir(), "exeunt-clients-"));
		this.logPath = join(this.directory, "server.log");
	}

	async start() {
		const port = await freePort();
		this.url = `http://127.0.0.1:${port}`;
		const log = openSync(this.logPath, "a");
		this.process = spawn(process.env.EXEUNT_BIN, [
			"serve", "--listen", `127.0.0.1:${port}`, "--data", join(this.directory, "data"),
			"--server-name", "localhost", "--set", "registration.mode=open",
			"--set", "rate_limit.enabled=false",
		], { stdio: ["ignore", log, log] });
		this.ended = once(this.process, "exit");
		const deadline = Date.now() + START_LIMIT_MS;
		while (Date.now() < deadline && this.process.exitCode === null) {
			const answer = await fetch(`${this.url}/health`).catch(() => null);
			if (answer?.ok)
				return this;
			await sleep(10);
		}
		throw new Error(`the server did not start:\n${readFileSync(this.logPath, "utf8")}`);
	}

	// SIGTERM; returns the exit status, and fails on errors in the log.
	async stop() {
		this.process.kill("SIGTERM");
		const [code] = await this.ended;
		const errors = readFileSync(this.logPath, "utf8").split("\n")
			.filter((line) => /^\S+Z error |Sanitizer|runtime error:/.test(line));
		rmSync(this.directory, { recursive: true });
		if (errors.length)
			throw new Error(`errors in the server's log:\n${errors.join("\n")}`);
		return code;
	}
}
