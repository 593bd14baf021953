/*
 * The verb that verifies rooms, a slice of time at a call: the control thread has others to serve, and who
 * asked can show how far it is.
 */
#include "core/room/audit.h"
#include "daemon/verbs.h"

enum {
	SLICE_MS = 200,
	FINDINGS_MAX = 100, /* listed in one answer; the others are counted */
};

struct room_checking {
	struct verb_call *call;
	size_t listed;
};

/* Ours is the only key at hand. */
static enum rc own_key_find(void *self, str server, str key_id, int64_t ts_ms,
                            unsigned char ret_public_key[ED25519_PUBLIC_BYTES])
{
	const struct signing_identity *identity = self;
	(void)ts_ms;
	if (!str_eq(server, identity->server_name) || !str_eq(key_id, identity->key_id))
		return RC_NOT_FOUND;
	for (size_t i = 0; i < ED25519_PUBLIC_BYTES; i++)
		ret_public_key[i] = identity->key.public_key[i];
	return RC_OK;
}

static void put_finding(void *self, str room_id, str sentence)
{
	struct room_checking *checking = self;
	struct buf *out = checking->call->out;
	if (checking->listed >= FINDINGS_MAX)
		return;
	checking->listed++;
	json_put_comma(out);
	buf_putc(out, '{');
	put_text_member(out, "room_id", room_id);
	put_text_member(out, "finding", sentence);
	buf_putc(out, '}');
}

static enum rc check_slice(const struct room_audit *audit, const struct clock *clock, struct room_audit_cursor *cursor,
                           struct room_audit_totals *totals, bool *ret_more)
{
	int64_t until_ms = clock_mono_ms(clock) + SLICE_MS;
	*ret_more = true;
	while (*ret_more && clock_mono_ms(clock) < until_ms)
		TRY(rooms_audit(audit, cursor, totals, ret_more));
	return RC_OK;
}

static int64_t integer_of(const struct verb_call *call, const char *name)
{
	int64_t value;
	return json_integer(json_get(call->request, str_of(name)), &value) && value > 0 ? value : 0;
}

enum rc verb_check_rooms(struct verb_call *call)
{
	struct room_checking checking = {.call = call};
	struct key_source keys = {&call->house->identity, own_key_find};
	struct room_audit audit = {call->house->store, &keys, put_finding, &checking};
	struct room_audit_cursor cursor = {
		integer_of(call, "room"), integer_of(call, "stage"), integer_of(call, "after")};
	struct room_audit_totals totals = {0};
	bool more;
	json_put_key(call->out, STR("findings"));
	buf_putc(call->out, '[');
	TRY(check_slice(&audit, &clock_system, &cursor, &totals, &more));
	buf_putc(call->out, ']');
	put_integer_member(call->out, "count", totals.findings);
	put_integer_member(call->out, "rooms", totals.rooms);
	put_integer_member(call->out, "events", totals.events);
	put_integer_member(call->out, "signatures_unchecked", totals.signatures_unchecked);
	put_integer_member(call->out, "room", cursor.room);
	put_integer_member(call->out, "stage", cursor.stage);
	put_integer_member(call->out, "after", cursor.after);
	put_bool_member(call->out, "more", more);
	return RC_OK;
}
