#include "core/room/audit.h"

#include "core/room/resolution_int.h"

#include <stdarg.h>
#include <stdio.h>

enum {
	AUDIT_PAGE_EVENTS = 100,
	AUDIT_PAGE_BYTES = 32 << 20,
	AUDIT_EVENT_BYTES = 512 << 20, /* a resolution may need much; nothing is kept from one event to the next */
	SENTENCE_BYTES = 1024,
};

enum stage { STAGE_STREAM, STAGE_ASIDE, STAGE_STATE };

struct auditor {
	const struct room_audit *audit;
	struct room_audit_totals *totals;
	struct txn_ro *txn;
	struct arena page, scratch;    /* of this step, and of one event */
	const struct room_row *room;
	const struct room_version *version;
};

static PRINTF(3, 4) void finding(struct auditor *a, const struct event_row *row, const char *format, ...)
{
	char text[SENTENCE_BYTES];
	va_list args;
	int n = row ? snprintf(text, sizeof text, "event %.*s: ", STR_ARG(row->event_id)) : 0;
	size_t at = n > 0 && (size_t)n < sizeof text ? (size_t)n : 0;
	va_start(args, format);
	(void)vsnprintf(text + at, sizeof text - at, format, args);
	va_end(args);
	a->totals->findings++;
	a->audit->on_finding(a->audit->self, a->room->room_id, str_of(text));
}

/* ---- the event by itself ---- */

/* The stored bytes of an event that was redacted, or whose content was not what was hashed, are its redacted form. */
static enum rc is_redacted_form(struct auditor *a, const struct event *event, bool *ret_is)
{
	str redacted;
	TRY(event_redact(&a->scratch, a->version, event->root, &redacted));
	*ret_is = str_eq(redacted, event->canonical);
	return RC_OK;
}

static enum rc hashes_check(struct auditor *a, const struct event_row *row, const struct event *event)
{
	bool matches, redacted;
	TRY(event_hash_matches(&a->scratch, event->root, &matches));
	TRY(is_redacted_form(a, event, &redacted));
	if (!matches && !redacted)
		finding(a, row, "the content is not what was hashed");
	if (row->redacted_by != 0 && !redacted)
		finding(a, row, "it was redacted, and its content is still there");
	return RC_OK;
}

static enum rc signature_check(struct auditor *a, const struct event_row *row, const struct event *event, str server)
{
	struct json_iter keys = json_iter(json_get(json_get(event->root, STR("signatures")), server));
	const struct key_source *source = a->audit->keys;
	unsigned char public_key[ED25519_PUBLIC_BYTES];
	bool valid = false, known = false;
	str key_id;
	json signature;
	while (!valid && json_next(&keys, &key_id, &signature)) {
		enum rc rc = source->find(source->self, server, key_id, 0, public_key);
		if (rc == RC_NOT_FOUND)
			continue;
		TRY(rc);
		known = true;
		TRY(event_signature_verify(&a->scratch, a->version, event->root, server, key_id, public_key, &valid));
	}
	if (known && !valid)
		finding(a, row, "the signature of %.*s does not hold", STR_ARG(server));
	a->totals->signatures_unchecked += !known;
	return RC_OK;
}

static enum rc signatures_check(struct auditor *a, const struct event_row *row, const struct event *event)
{
	str servers[EVENT_SIGNERS_MAX];
	size_t count = event_signers(event, servers);
	for (size_t i = 0; i < count; i++)
		TRY(signature_check(a, row, event, servers[i]));
	return RC_OK;
}

static void columns_check(struct auditor *a, const struct event_row *row, const struct event *event)
{
	bool same = str_eq(row->type, event->type) && row->is_state == event->is_state &&
	            str_eq(row->state_key, event->state_key) && row->ts_ms == event->origin_server_ts;
	if (!same)
		finding(a, row, "its type, state_key or origin_server_ts differ from the row's");
	if (!str_eq(event->room_id, a->room->room_id))
		finding(a, row, "it is an event of %.*s", STR_ARG(event->room_id));
}

/* False: what is stored is no event, or that of another id. */
static enum rc event_read(struct auditor *a, const struct event_row *row, struct event *event, bool *ret_is_event)
{
	struct fail fail = {0};
	enum rc rc = event_parse(&a->scratch, a->version, row->canonical, event, &fail);
	*ret_is_event = rc == RC_OK && str_eq(event->event_id, row->event_id);
	if (rc == RC_NOT_JSON || rc == RC_BAD_JSON || rc == RC_TOO_LARGE) {
		finding(a, row, "what is stored is no event: %s", fail_message(&fail));
		return RC_OK;
	}
	TRY(rc);
	if (!*ret_is_event)
		finding(a, row, "what is stored is the event %.*s", STR_ARG(event->event_id));
	else if (!str_eq(event->canonical, row->canonical))
		finding(a, row, "what is stored is not in canonical form");
	return RC_OK;
}

/* ---- states ---- */

struct comparison {
	struct auditor *a;
	const struct event_row *row;
	const struct snapshot_edit *wanted;
	const char *what;
	size_t seen;                   /* differences from the base that were wanted */
};

static const struct state_change *wanted_change(const struct comparison *c, str type, str state_key)
{
	for (size_t i = c->wanted->count; i-- > 0;)
		if (str_eq(c->wanted->changes[i].type, type) && str_eq(c->wanted->changes[i].state_key, state_key))
			return &c->wanted->changes[i];
	return NULL;
}

static enum rc difference_seen(void *self, const struct state_entry *before, const struct state_entry *after)
{
	struct comparison *c = self;
	str type, state_key;
	TRY(type_of(c->a->txn, &c->a->scratch, before->at.type, &type));
	TRY(key_of(c->a->txn, &c->a->scratch, before->at.key, &state_key));
	const struct state_change *change = wanted_change(c, type, state_key);
	if (change && change->event == after->event)
		c->seen++;
	else
		finding(c->a, c->row, "%s has the event number %lld at (%.*s, %.*s), not %lld", c->what,
		        (long long)after->event, STR_ARG(type), STR_ARG(state_key),
		        (long long)(change ? change->event : before->event));
	return RC_OK;
}

/* Whether `stored` is the state that was computed. What it costs is what changed. */
static enum rc state_compare(struct auditor *a, const struct event_row *row, const struct snapshot_edit *wanted,
                             int64_t stored, const char *what)
{
	struct comparison c = {a, row, wanted, what, 0};
	size_t changes = 0;
	for (size_t i = 0; i < wanted->count; i++) {
		int64_t base;
		const struct snapshot_edit plain = {.base = wanted->base};
		const struct state_change *change = &wanted->changes[i];
		TRY(state_at(a->txn, &plain, change->type, change->state_key, &base));
		changes += base != change->event && wanted_change(&c, change->type, change->state_key) == change;
	}
	int64_t before = a->totals->findings;
	TRY(snapshot_diff(a->txn, wanted->base, stored, difference_seen, &c));
	if (c.seen != changes && a->totals->findings == before)
		finding(a, row, "%s lacks %zu of %zu changes", what, changes - c.seen, changes);
	return RC_OK;
}

static enum rc state_before(struct auditor *a, const struct event_row *row, const struct event *event,
                            struct snapshot_edit *ret_state, bool *ret_known)
{
	struct snapshot_edit *states = arena_array(&a->scratch, struct snapshot_edit, event->prev_count + 1);
	TRY(arena_status(&a->scratch));
	*ret_known = true;
	for (size_t i = 0; i < event->prev_count; i++) {
		struct event_row prev = {0};
		enum rc rc = event_find(a->txn, &a->scratch, event->prev_events[i], &prev);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
		*ret_known = *ret_known && rc == RC_OK && !prev.is_outlier;
		states[i].base = prev.snapshot;
	}
	if (!*ret_known) {
		finding(a, row, "an event that it builds on is not stored");
		return RC_OK;
	}
	if (event->prev_count > 0)
		return states_resolve(a->txn, &a->scratch, a->version, states, event->prev_count, NULL, ret_state);
	*ret_state = (struct snapshot_edit){0};
	return RC_OK;
}

static enum rc state_after_check(struct auditor *a, const struct event_row *row, const struct event *event)
{
	const struct snapshot_edit before = {.base = row->before};
	struct state_change change = {event->type, event->state_key, row->event};
	struct snapshot_edit after = {row->before, &change, event->is_state && row->verdict != EVENT_REJECTED};
	int64_t replaced = 0;
	TRY(state_compare(a, row, &after, row->snapshot, "the state after it"));
	if (event->is_state)
		TRY(state_at(a->txn, &before, event->type, event->state_key, &replaced));
	if (row->verdict == EVENT_ACCEPTED && event->is_state && replaced != row->replaced)
		finding(a, row, "it replaced the event number %lld, not %lld", (long long)replaced,
		        (long long)row->replaced);
	return RC_OK;
}

static enum rc states_check(struct auditor *a, const struct event_row *row, const struct event *event)
{
	struct snapshot_edit before;
	bool known;
	TRY(state_before(a, row, event, &before, &known));
	if (known)
		TRY(state_compare(a, row, &before, row->before, "the state before it"));
	return state_after_check(a, row, event);
}

/* ---- a room ---- */

static enum rc event_check(struct auditor *a, const struct event_row *row)
{
	struct event event;
	bool is_event;
	arena_clear(&a->scratch);
	a->totals->events++;
	TRY(event_read(a, row, &event, &is_event));
	if (!is_event)
		return RC_OK;
	columns_check(a, row, &event);
	TRY(hashes_check(a, row, &event));
	TRY(signatures_check(a, row, &event));
	return row->is_outlier ? RC_OK : states_check(a, row, &event);
}

/* The current state is the resolution of the states after the forward extremities. */
static enum rc current_check(struct auditor *a)
{
	int64_t *others;
	size_t count;
	struct snapshot_edit current;
	arena_clear(&a->scratch);
	TRY(room_extremities(a->txn, &a->scratch, a->room->room, &others, &count));
	struct snapshot_edit *states = arena_array(&a->scratch, struct snapshot_edit, count + 1);
	TRY(arena_status(&a->scratch));
	for (size_t i = 0; i <= count; i++) {
		struct event_row row = {0};
		TRY(event_get(a->txn, &a->scratch, i == 0 ? a->room->head_event : others[i - 1], &row));
		states[i].base = row.snapshot;
	}
	TRY(states_resolve(a->txn, &a->scratch, a->version, states, count + 1, NULL, &current));
	return state_compare(a, NULL, &current, a->room->snapshot, "the current state");
}

static enum rc member_check(void *self, const struct member_row *member)
{
	struct auditor *a = self;
	const struct snapshot_edit current = {.base = a->room->snapshot};
	int64_t number;
	TRY(state_at(a->txn, &current, STR("m.room.member"), member->user_id, &number));
	if (number != member->event && !(number == 0 && member->membership == MEMBERSHIP_LEAVE))
		finding(a, NULL, "the membership of %.*s is that of the event number %lld, not %lld",
		        STR_ARG(member->user_id), (long long)member->event, (long long)number);
	return RC_OK;
}

/* The cursor moves on before the rows are looked at: damage in one must not hold up the others. */
static enum rc events_check(struct auditor *a, struct room_audit_cursor *cursor)
{
	struct event_row *rows;
	size_t count;
	bool more;
	bool in_stream = cursor->stage == STAGE_STREAM;
	if (in_stream)
		TRY(events_between(a->txn, &a->page, a->room->room, cursor->after, a->room->last_pos, false,
		                   AUDIT_PAGE_EVENTS, &rows, &count, &more));
	else
		TRY(events_aside(a->txn, &a->page, a->room->room, cursor->after, AUDIT_PAGE_EVENTS, &rows, &count, &more));
	if (more)
		cursor->after = in_stream ? rows[count - 1].pos : rows[count - 1].event;
	else
		*cursor = (struct room_audit_cursor){.room = cursor->room, .stage = cursor->stage + 1};
	for (size_t i = 0; i < count; i++)
		TRY(event_check(a, &rows[i]));
	return RC_OK;
}

static enum rc room_end_check(struct auditor *a)
{
	a->totals->rooms++;
	if (a->room->head_event != 0)
		TRY(current_check(a));
	return members_of_room(a->txn, &a->scratch, a->room->room, MEMBERSHIP_NONE, member_check, a);
}

static enum rc room_check(struct auditor *a, struct room_audit_cursor *cursor)
{
	a->version = room_version_find(a->room->version);
	if (!a->version) {
		finding(a, NULL, "its version %.*s is not known", STR_ARG(a->room->version));
		*cursor = (struct room_audit_cursor){.room = cursor->room + 1};
		return RC_OK;
	}
	if (cursor->stage < STAGE_STATE)
		return events_check(a, cursor);
	*cursor = (struct room_audit_cursor){.room = cursor->room + 1};
	return room_end_check(a);
}

static enum rc audit_step(struct auditor *a, struct room_audit_cursor *cursor, bool *ret_more)
{
	struct room_row room = {0};
	enum rc rc = room_from(a->txn, &a->page, cursor->room, &room);
	if (rc != RC_OK) {
		*ret_more = false;
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	}
	if (room.room != cursor->room)
		*cursor = (struct room_audit_cursor){.room = room.room};
	a->room = &room;
	*ret_more = true;
	return room_check(a, cursor);
}

enum rc rooms_audit(const struct room_audit *audit, struct room_audit_cursor *cursor,
                    struct room_audit_totals *totals, bool *ret_more)
{
	struct auditor auditor = {.audit = audit, .totals = totals};
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	TRY(txn_ro_begin(audit->store, &txn));
	auditor.txn = txn;
	arena_init(&auditor.page, AUDIT_PAGE_BYTES);
	arena_init(&auditor.scratch, AUDIT_EVENT_BYTES);
	enum rc rc = audit_step(&auditor, cursor, ret_more);
	arena_release(&auditor.page);
	arena_release(&auditor.scratch);
	return rc;
}
