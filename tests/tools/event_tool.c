/*
 * event_tool build|parse VERSION: one JSON text a line on standard input. For `build` it is a draft, for `parse` an
 * event; the answer is one line for each, "=" and an object, or "!" and the name of the outcome.
 *
 *   build  {"event":…,"event_id":…,"room_id":…}
 *   parse  the same, and "client", "content_hash", "matches", "redacted", "redacts", "reference_hash", "signed"
 *
 * event_tool bench VERSION: how many microseconds one event_build() of a message takes, and one Ed25519 signature.
 *
 * The key is the one of the specification's test vectors: server "domain", key "ed25519:1".
 */
#include "codec/base64.h"
#include "matrix/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>

#define BUDGET_BYTES ((size_t)16 << 20)

enum { IDS_MAX = 32, BENCH_ROUNDS = 20000 };

/* What "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1" stands for. */
static const unsigned char seed[ED25519_SEED_BYTES] = {
	0x60, 0x90, 0xc1, 0x03, 0xd5, 0xe7, 0xaf, 0x6b, 0x15, 0xa9, 0x70, 0xfd, 0x56, 0x3e, 0xd7, 0x55,
	0x49, 0xe6, 0x15, 0x97, 0x19, 0xae, 0x5c, 0x3c, 0x31, 0xde, 0xe4, 0x31, 0x6f, 0xb7, 0x5c, 0x0d,
};

static struct signing_identity identity = {
	.server_name = STR_INIT("domain"),
	.key_id = STR_INIT("ed25519:1"),
};

struct draft_ids {
	str ids[IDS_MAX], hashes[IDS_MAX];
	size_t count;
};

/* A list of event ids, or of pairs of id and hash. */
static void read_ids(json list, struct draft_ids *ids)
{
	struct json_iter iter = json_iter(list);
	json v;
	for (; ids->count < IDS_MAX && json_next(&iter, NULL, &v); ids->count++) {
		ids->ids[ids->count] = json_text_or(json_is_array(v) ? json_at(v, 0) : v, STR_EMPTY);
		ids->hashes[ids->count] = json_get_text(json_at(v, 1), STR("sha256"));
	}
}

static enum rc build(struct arena *arena, const struct room_version *version, str text, struct event *event)
{
	json root;
	struct draft_ids prev = {.count = 0}, auth = {.count = 0};
	struct buf content;
	TRY(json_parse(arena, text, &root, NULL));
	read_ids(json_get(root, STR("prev_events")), &prev);
	read_ids(json_get(root, STR("auth_events")), &auth);
	buf_init(&content, arena, BUDGET_BYTES);
	json_put(&content, json_get(root, STR("content")));
	TRY(buf_status(&content));
	struct event_draft draft = {
		.event_id = json_get_text(root, STR("event_id")),
		.room_id = json_get_text(root, STR("room_id")),
		.type = json_get_text(root, STR("type")),
		.sender = json_get_text(root, STR("sender")),
		.is_state = json_get(root, STR("state_key")) != NULL,
		.state_key = json_get_text(root, STR("state_key")),
		.content = buf_str(&content),
		.redacts = json_get_text(root, STR("redacts")),
		.prev_events = prev.ids,
		.prev_count = prev.count,
		.auth_events = auth.ids,
		.auth_count = auth.count,
		.prev_hashes = prev.hashes,
		.auth_hashes = auth.hashes,
	};
	if (!json_int64(json_get(root, STR("origin_server_ts")), &draft.origin_server_ts) ||
	    !json_int64(json_get(root, STR("depth")), &draft.depth))
		return RC_BAD_JSON;
	return event_build(arena, version, &draft, &identity, event, NULL);
}

static void put_event(struct buf *out, const struct event *event)
{
	json_put_key(out, STR("event"));
	buf_put(out, event->canonical);
	json_put_key(out, STR("event_id"));
	json_put_text(out, event->event_id);
	json_put_key(out, STR("room_id"));
	json_put_text(out, event->room_id);
	json_put_key(out, STR("redacts"));
	json_put_text(out, event->redacts);
}

static void put_flag(struct buf *out, str key, bool flag)
{
	json_put_key(out, key);
	buf_put(out, flag ? STR("true") : STR("false"));
}

static enum rc put_findings(struct arena *arena, struct buf *out, const struct event *event)
{
	struct sha256 hash;
	bool matches, valid;
	str redacted, reference;
	const struct event_unsigned data = {.age_ms = 5, .transaction_id = STR("t\"1")};
	TRY(event_content_hash(arena, event->root, &hash));
	TRY(event_hash_matches(arena, event->root, &matches));
	TRY(event_signature_verify(arena, event->version, event->root, identity.server_name,
	                           identity.key_id, identity.key.public_key, &valid));
	TRY(event_redact(arena, event->version, event->root, &redacted));
	TRY(event_reference_text(arena, event->version, event->root, &reference));
	json_put_key(out, STR("reference_hash"));
	json_put_text(out, reference);
	json_put_key(out, STR("client"));
	event_put_client(out, event->canonical, event->event_id, event->room_id, EVENT_FORM_CLIENT, &data);
	json_put_key(out, STR("content_hash"));
	json_put_text(out, base64_encode(arena, BASE64_STANDARD, str_bytes(hash.bytes, sizeof hash.bytes)));
	put_flag(out, STR("matches"), matches);
	put_flag(out, STR("signed"), valid);
	json_put_key(out, STR("redacted"));
	buf_put(out, redacted);
	return arena_status(arena);
}

static enum rc answer(struct arena *arena, const struct room_version *version, str text, bool builds, str *ret_line)
{
	struct event event;
	struct buf out;
	if (builds)
		TRY(build(arena, version, text, &event));
	else
		TRY(event_parse(arena, version, text, &event, NULL));
	buf_init(&out, arena, BUDGET_BYTES);
	buf_putc(&out, '{');
	put_event(&out, &event);
	if (!builds)
		TRY(put_findings(arena, &out, &event));
	buf_putc(&out, '}');
	return buf_finish(&out, ret_line);
}

static int run_lines(const struct room_version *version, bool builds)
{
	struct arena CLEANUP(arena_release) arena;
	char *line = NULL;
	size_t capacity = 0;
	ssize_t n;
	arena_init(&arena, BUDGET_BYTES);
	while ((n = getline(&line, &capacity, stdin)) > 0) {
		str out = STR_EMPTY, text = str_bytes(line, (size_t)n - (line[n - 1] == '\n'));
		enum rc rc = answer(&arena, version, text, builds, &out);
		if (rc == RC_OK)
			printf("=%.*s\n", STR_ARG(out));
		else
			printf("!%s\n", rc_name(rc));
		arena_clear(&arena);
	}
	free(line);
	return ferror(stdin) || fflush(stdout) != 0;
}

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int bench(const struct room_version *version)
{
	static const str id = STR_INIT("$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg");
	const str auth[] = {id, id, id};
	bool random = version->event_id_format == EVENT_ID_RANDOM;
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, BUDGET_BYTES);
	struct event_draft draft = {
		.event_id = random ? STR("$143273582443PhrSn:example.org") : STR_EMPTY,
		.prev_hashes = &id,
		.auth_hashes = auth,
		.room_id = STR("!Nhcu5BS-UMnFX7hBVfVSoXiD7OgH6iRT-xyIuqDnpYQ"),
		.type = STR("m.room.message"),
		.sender = STR("@alice:example.org"),
		.content = arena_printf(&arena, "{\"msgtype\":\"m.text\",\"body\":\"%0500d\"}", 1),
		.origin_server_ts = INT64_C(1760000000000),
		.depth = 1000,
		.prev_events = &id,
		.prev_count = 1,
		.auth_events = auth,
		.auth_count = COUNT_OF(auth),
	};
	unsigned char signature[ED25519_SIGNATURE_BYTES];
	struct arena CLEANUP(arena_release) scratch;
	struct event event;
	arena_init(&scratch, BUDGET_BYTES);
	double start = now_us();
	for (int i = 0; i < BENCH_ROUNDS; i++) {
		arena_clear(&scratch);
		if (event_build(&scratch, version, &draft, &identity, &event, NULL) != RC_OK)
			return 1;
	}
	double built = now_us();
	for (int i = 0; i < BENCH_ROUNDS; i++)
		ed25519_sign(&identity.key, str_first(event.canonical, 450), signature);
	double signature_done = now_us();
	printf("build %.2f us, of which the signature %.2f us\n", (built - start) / BENCH_ROUNDS,
	       (signature_done - built) / BENCH_ROUNDS);
	return 0;
}

int main(int argc, char **argv)
{
	const struct room_version *version = argc == 3 ? room_version_find(str_of(argv[2])) : NULL;
	str verb = argc == 3 ? str_of(argv[1]) : STR_EMPTY;
	bool builds = str_eq(verb, STR("build"));
	if (!version || crypto_init() != RC_OK) {
		fprintf(stderr, "usage: event_tool build|parse|bench VERSION\n");
		return 2;
	}
	ed25519_from_seed(&identity.key, seed);
	if (str_eq(verb, STR("bench")))
		return bench(version);
	if (!builds && !str_eq(verb, STR("parse"))) {
		fprintf(stderr, "event_tool: unknown verb\n");
		return 2;
	}
	return run_lines(version, builds);
}
