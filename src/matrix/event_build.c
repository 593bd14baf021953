/*
 * Building our own events: the hot path of every message.
 *
 * The canonical form is written once, member by member in its order. What is hashed is that text without
 * `hashes` and `signatures`; what is signed and gives the id is the same text with `hashes` and redacted content.
 * So the pieces between these members are written once and copied, and nothing is parsed again.
 */
#include "codec/base64.h"
#include "matrix/event_int.h"

#include <string.h>

enum {
	FRAME_BYTES = 512,      /* first guess of all that is not content, ids and lists */
	BYTES_FOR_EACH_ID = 48, /* in prev_events and auth_events */
	BYTES_FOR_EACH_PAIR = 128, /* the same in v1 and v2 */
};

/*
 * The event without hashes and signatures is written into `hashed`:
 *
 *   {"auth_events":[…],"content":{…},"depth":1,"event_id":…,  "origin_server_ts":…,"prev_events":[…],  "redacts":…,
 *    |               |             |                          |                                        |
 *    0               content_at    content_end                hashes_at                                redacts_at
 *
 *   "room_id":…,"sender":…,  "state_key":…,"type":…}
 *   |                        |
 *   redacts_end              signatures_at
 */
struct builder {
	struct arena *arena;
	const struct room_version *version;
	const struct event_draft *draft;
	struct fail *fail;
	json content;
	struct buf hashed;
	size_t content_at, content_end, hashes_at, redacts_at, redacts_end, signatures_at;
};

static enum rc check_bounded(struct fail *fail, const char *field, str text, size_t max_bytes)
{
	if (text.n <= max_bytes)
		return RC_OK;
	return fail_set(fail, RC_TOO_LARGE, "The event's %s is longer than %zu bytes", field, max_bytes);
}

/* In v1 and v2 the event bears its id, and a hash stands beside each id that it cites. */
static enum rc check_ids(const struct room_version *version, const struct event_draft *draft, struct fail *fail)
{
	bool random = version->event_id_format == EVENT_ID_RANDOM;
	bool hashes = (draft->prev_hashes || draft->prev_count == 0) && (draft->auth_hashes || draft->auth_count == 0);
	struct id_parts parts;
	TRY(check_bounded(fail, "event_id", draft->event_id, ID_MAX_BYTES));
	if (!random && draft->event_id.n)
		return fail_set(fail, RC_BAD_JSON, "The event must have no event_id: its hash makes it");
	if (random && (!event_id_parse(draft->event_id, &parts) || parts.domain.n == 0))
		return fail_set(fail, RC_BAD_JSON, "The event's event_id must be an event ID with a domain");
	if (random && !hashes)
		return fail_set(fail, RC_BAD_JSON, "The event's prev_events and auth_events must have hashes");
	return RC_OK;
}

static enum rc check_draft(const struct room_version *version, const struct event_draft *draft,
                           struct fail *fail)
{
	bool makes_room = event_makes_room(version, draft->type);
	TRY(check_bounded(fail, "type", draft->type, EVENT_TYPE_MAX_BYTES));
	TRY(check_bounded(fail, "state_key", draft->state_key, STATE_KEY_MAX_BYTES));
	TRY(check_bounded(fail, "room_id", draft->room_id, ID_MAX_BYTES));
	TRY(check_bounded(fail, "sender", draft->sender, ID_MAX_BYTES));
	TRY(check_bounded(fail, "redacts", draft->redacts, ID_MAX_BYTES));
	TRY(check_ids(version, draft, fail));
	if (makes_room != (draft->room_id.n == 0))
		return fail_set(fail, RC_BAD_JSON, makes_room ? "The create event must have no room_id"
		                                              : "The event must have a room_id");
	if (draft->prev_count > EVENT_PREV_MAX || draft->auth_count > EVENT_AUTH_MAX)
		return fail_set(fail, RC_BAD_JSON, "The event has more than %d prev_events or %d auth_events",
		                EVENT_PREV_MAX, EVENT_AUTH_MAX);
	if (draft->depth < 0 || draft->origin_server_ts < -JSON_INTEGER_MAX ||
	    draft->origin_server_ts > JSON_INTEGER_MAX)
		return fail_set(fail, RC_BAD_JSON, "The event's depth or origin_server_ts is out of range");
	return RC_OK;
}

/* Recursion ends at JSON_DEPTH_MAX, which json_parse() has checked. */
static unsigned nesting(json v)
{
	unsigned deepest = 0;
	json member;
	if (!json_is_object(v) && !json_is_array(v))
		return 0;
	struct json_iter iter = json_iter(v);
	while (json_next(&iter, NULL, &member)) {
		unsigned depth = nesting(member);
		deepest = depth > deepest ? depth : deepest;
	}
	return deepest + 1;
}

/* Content with the draft's `redacts` in it, as v11 wants it, whatever stood there before. */
static enum rc put_redacts_into_content(struct builder *b)
{
	static const str left_out[] = {STR_INIT("redacts")};
	struct buf with;
	size_t max_bytes = EVENT_MAX_BYTES + ID_MAX_BYTES * 6; /* six for a byte that is escaped */
	buf_init(&with, b->arena, max_bytes);
	TRY(canonical_put_without(&with, b->content, left_out, COUNT_OF(left_out), b->fail));
	with.n--; /* the closing brace */
	json_put_key(&with, STR("redacts"));
	json_put_text(&with, b->draft->redacts);
	buf_putc(&with, '}');
	TRY(buf_status(&with));
	return json_parse(b->arena, buf_str(&with), &b->content, b->fail);
}

static bool is_redaction(const struct builder *b)
{
	return str_eq(b->draft->type, STR("m.room.redaction"));
}

static enum rc read_content(struct builder *b)
{
	TRY(json_parse(b->arena, b->draft->content, &b->content, b->fail));
	if (!json_is_object(b->content))
		return fail_set(b->fail, RC_BAD_JSON, "The event's content must be an object");
	if (nesting(b->content) >= EVENT_DEPTH_JSON_MAX)
		return fail_set(b->fail, RC_BAD_JSON, "The event's content is nested deeper than %d levels",
		                EVENT_DEPTH_JSON_MAX - 1);
	if (is_redaction(b) && b->draft->redacts.n && b->version->redacts_in_content)
		return put_redacts_into_content(b);
	return RC_OK;
}

static void put_pair(struct buf *buf, str id, str hash)
{
	buf_putc(buf, '[');
	json_put_text(buf, id);
	buf_put(buf, STR(",{\"sha256\":"));
	json_put_text(buf, hash);
	buf_put(buf, STR("}]"));
}

/* `hashes` is NULL from v3 on. */
static void put_ids(struct buf *buf, const str *ids, const str *hashes, size_t count)
{
	buf_putc(buf, '[');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_putc(buf, ',');
		if (hashes)
			put_pair(buf, ids[i], hashes[i]);
		else
			json_put_text(buf, ids[i]);
	}
	buf_putc(buf, ']');
}

static bool has_random_id(const struct builder *b)
{
	return b->version->event_id_format == EVENT_ID_RANDOM;
}

/* The event that a redaction is about; empty for anything else. */
static str redacts_of(const struct builder *b)
{
	if (!is_redaction(b))
		return STR_EMPTY;
	if (b->draft->redacts.n && !b->version->redacts_in_content)
		return b->draft->redacts;
	return json_get_text(b->content, STR("redacts"));
}

static int64_t depth_of(const struct builder *b)
{
	int64_t most = event_depth_max(b->version);
	return b->draft->depth < most ? b->draft->depth : most;
}

/* Bytes from `start` to `end` of the text without hashes and signatures. */
static str piece(const struct builder *b, size_t start, size_t end)
{
	return (str){b->hashed.p + start, end - start};
}

/* The part from `auth_events` to `depth`, or to the `event_id` behind it. */
static enum rc put_head(struct builder *b)
{
	struct buf *buf = &b->hashed;
	buf_put(buf, STR("{\"auth_events\":"));
	put_ids(buf, b->draft->auth_events, has_random_id(b) ? b->draft->auth_hashes : NULL, b->draft->auth_count);
	buf_put(buf, STR(",\"content\":"));
	b->content_at = buf->n;
	TRY(event_put_json(buf, b->version, b->content, b->fail));
	b->content_end = buf->n;
	if (b->draft->is_state) /* the auth rules walk it in canonical order */
		TRY(json_parse(b->arena, piece(b, b->content_at, b->content_end), &b->content, b->fail));
	buf_put(buf, STR(",\"depth\":"));
	buf_put_i64(buf, depth_of(b));
	buf_putc(buf, ',');
	if (has_random_id(b)) {
		buf_put(buf, STR("\"event_id\":"));
		json_put_text(buf, b->draft->event_id);
		buf_putc(buf, ',');
	}
	b->hashes_at = buf->n;
	return RC_OK;
}

/* The part from `origin_server_ts` to `type`. */
static void put_rest(struct builder *b)
{
	struct buf *buf = &b->hashed;
	str redacts = b->version->redacts_in_content ? STR_EMPTY : redacts_of(b);
	buf_put(buf, STR("\"origin_server_ts\":"));
	buf_put_i64(buf, b->draft->origin_server_ts);
	buf_put(buf, STR(",\"prev_events\":"));
	put_ids(buf, b->draft->prev_events, has_random_id(b) ? b->draft->prev_hashes : NULL, b->draft->prev_count);
	b->redacts_at = buf->n;
	if (redacts.n) {
		buf_put(buf, STR(",\"redacts\":"));
		json_put_text(buf, redacts);
	}
	b->redacts_end = buf->n;
	if (b->draft->room_id.n) {
		buf_put(buf, STR(",\"room_id\":"));
		json_put_text(buf, b->draft->room_id);
	}
	buf_put(buf, STR(",\"sender\":"));
	json_put_text(buf, b->draft->sender);
	buf_putc(buf, ',');
	b->signatures_at = buf->n;
	if (b->draft->is_state) {
		buf_put(buf, STR("\"state_key\":"));
		json_put_text(buf, b->draft->state_key);
		buf_putc(buf, ',');
	}
	buf_put(buf, STR("\"type\":"));
	json_put_text(buf, b->draft->type);
	buf_putc(buf, '}');
}

static void put_hashes(struct buf *buf, const struct sha256 *hash)
{
	buf_put(buf, STR("\"hashes\":{\"sha256\":\""));
	base64_put(buf, BASE64_STANDARD, str_bytes(hash->bytes, sizeof hash->bytes));
	buf_put(buf, STR("\"},"));
}

static enum rc put_redacted(const struct builder *b, struct buf *buf, const struct sha256 *content_hash)
{
	buf_put(buf, piece(b, 0, b->content_at));
	TRY(redact_put_content(buf, b->version, b->draft->type, b->content));
	buf_put(buf, piece(b, b->content_end, b->hashes_at));
	put_hashes(buf, content_hash);
	buf_put(buf, piece(b, b->hashes_at, b->redacts_at));
	buf_put(buf, piece(b, b->redacts_end, b->hashed.n));
	return buf_status(buf);
}

static void put_signatures(struct buf *buf, const struct signing_identity *identity, str signed_bytes)
{
	unsigned char signature[ED25519_SIGNATURE_BYTES];
	ed25519_sign(&identity->key, signed_bytes, signature);
	buf_put(buf, STR("\"signatures\":{"));
	json_put_text(buf, identity->server_name);
	buf_put(buf, STR(":{"));
	json_put_text(buf, identity->key_id);
	buf_put(buf, STR(":\""));
	base64_put(buf, BASE64_STANDARD, str_bytes(signature, sizeof signature));
	buf_put(buf, STR("\"}},"));
}

static void fill_event(const struct builder *b, const struct sha256 *id_hash, str canonical,
                       struct event *event)
{
	const struct event_draft *draft = b->draft;
	str event_id = has_random_id(b) ? draft->event_id : event_id_of_hash(b->arena, b->version, id_hash);
	*event = (struct event){
		.version = b->version,
		.event_id = event_id,
		.room_id = draft->room_id.n ? draft->room_id : room_id_of_create(b->arena, event_id),
		.type = draft->type,
		.sender = draft->sender,
		.is_state = draft->is_state,
		.state_key = draft->is_state ? draft->state_key : STR_EMPTY,
		.redacts = redacts_of(b),
		.origin_server_ts = draft->origin_server_ts,
		.depth = depth_of(b),
		.prev_events = draft->prev_events,
		.prev_count = draft->prev_count,
		.auth_events = draft->auth_events,
		.auth_count = draft->auth_count,
		.content = b->content,
		.canonical = canonical,
	};
}

/* A buffer for an event of about so many bytes. A guess beyond the limit is no failure yet. */
static void open_buffer(const struct builder *b, struct buf *buf, size_t hint_bytes)
{
	buf_init(buf, b->arena, EVENT_MAX_BYTES);
	(void)buf_reserve(buf, hint_bytes < EVENT_MAX_BYTES ? hint_bytes : EVENT_MAX_BYTES);
}

static enum rc hash_and_sign(const struct builder *b, const struct signing_identity *identity,
                             struct event *event)
{
	struct buf redacted, whole;
	struct sha256 content_hash = sha256(buf_str(&b->hashed));
	open_buffer(b, &redacted, b->hashed.n - (b->content_end - b->content_at) + FRAME_BYTES / 2);
	TRY(put_redacted(b, &redacted, &content_hash));
	open_buffer(b, &whole, b->hashed.n + FRAME_BYTES / 2);
	buf_put(&whole, piece(b, 0, b->hashes_at));
	put_hashes(&whole, &content_hash);
	buf_put(&whole, piece(b, b->hashes_at, b->signatures_at));
	put_signatures(&whole, identity, buf_str(&redacted));
	buf_put(&whole, piece(b, b->signatures_at, b->hashed.n));
	TRY(buf_status(&whole));
	struct sha256 id_hash = sha256(buf_str(&redacted));
	fill_event(b, &id_hash, buf_str(&whole), event);
	return arena_status(b->arena);
}

enum rc event_build(struct arena *arena, const struct room_version *version, const struct event_draft *draft,
                    const struct signing_identity *identity, struct event *ret_event, struct fail *fail)
{
	struct builder b = {.arena = arena, .version = version, .draft = draft, .fail = fail};
	struct event event;
	TRY(check_draft(version, draft, fail));
	TRY(read_content(&b));
	size_t ids = draft->prev_count + draft->auth_count;
	size_t id_bytes = ids * (has_random_id(&b) ? BYTES_FOR_EACH_PAIR : BYTES_FOR_EACH_ID);
	open_buffer(&b, &b.hashed, draft->content.n + FRAME_BYTES + id_bytes);
	enum rc rc = put_head(&b);
	if (rc == RC_OK) {
		put_rest(&b);
		rc = buf_status(&b.hashed);
	}
	if (rc == RC_OK)
		rc = hash_and_sign(&b, identity, &event);
	if (rc == RC_TOO_LARGE)
		return fail_set(fail, rc, "The event is larger than %d bytes", EVENT_MAX_BYTES);
	TRY(rc);
	*ret_event = event;
	return RC_OK;
}
