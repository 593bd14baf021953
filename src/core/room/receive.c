/* The checks on receipt of a PDU, 1 to 4: what the event itself and the events that it cites tell. */
#include "core/room/receive_int.h"

static void refuse_as(struct reception *r, enum receipt_verdict verdict, str reason)
{
	r->receipt->verdict = verdict;
	r->receipt->reason = reason;
}

static enum rc room_known(struct reception *r, struct txn_ro *txn)
{
	struct room_row row = {0};
	enum rc rc = room_find(txn, r->arena, r->room_id, &row);
	if (rc == RC_NOT_FOUND)
		return fail_set(r->fail, rc, "There is no such room");
	if (rc != RC_OK)
		return rc;
	r->room = row.room;
	r->version = room_version_find(row.version);
	return r->version ? RC_OK : RC_CORRUPT;
}

static bool is_no_event(enum rc rc)
{
	return rc == RC_NOT_JSON || rc == RC_BAD_JSON || rc == RC_TOO_LARGE;
}

/* Check 1. Only a malformed event is a verdict; want of memory is a failure. */
static enum rc pdu_parse(struct reception *r, str pdu)
{
	struct fail fail = {0};
	enum rc rc = event_parse(r->arena, r->version, pdu, &r->event, &fail);
	if (is_no_event(rc)) {
		refuse_as(r, RECEIPT_INVALID, arena_dup(r->arena, str_of(fail_message(&fail))));
		return arena_status(r->arena);
	}
	if (rc != RC_OK)
		return rc;
	r->receipt->event_id = r->event.event_id;
	if (!str_eq(r->event.room_id, r->room_id))
		refuse_as(r, RECEIPT_INVALID, STR("The event's room_id is that of another room"));
	return RC_OK;
}

/* An event that is stored was checked; only an outlier may come again, to find its place. */
static enum rc known_check(struct reception *r, struct txn_ro *txn)
{
	struct event_row row = {0};
	enum rc rc = event_find(txn, r->arena, r->event.event_id, &row);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	r->was_outlier = row.is_outlier && row.room == r->room;
	if (!r->was_outlier || r->is_outlier)
		refuse_as(r, RECEIPT_KNOWN, STR_EMPTY);
	return RC_OK;
}

/* Some key of the server signed the event and was valid then. */
static enum rc is_signed_by(struct reception *r, str server, bool *ret_signed)
{
	struct json_iter keys = json_iter(json_get(json_get(r->event.root, STR("signatures")), server));
	int64_t valid_at = r->version->enforce_key_validity ? r->event.origin_server_ts : 0;
	unsigned char public_key[ED25519_PUBLIC_BYTES];
	str key_id;
	json signature;
	*ret_signed = false;
	if (server.n == 0) /* nobody can have signed, whatever stands under "" */
		return RC_OK;
	while (!*ret_signed && json_next(&keys, &key_id, &signature)) {
		enum rc rc = r->keys->find(r->keys->self, server, key_id, valid_at, public_key);
		if (rc == RC_NOT_FOUND)
			continue;
		if (rc != RC_OK)
			return rc;
		TRY(event_signature_verify(r->arena, r->version, r->event.root, server, key_id, public_key, ret_signed));
	}
	return RC_OK;
}

/* Check 2. */
static enum rc signatures_check(struct reception *r)
{
	str servers[EVENT_SIGNERS_MAX];
	size_t count = event_signers(&r->event, servers);
	for (size_t i = 0; i < count; i++) {
		bool is_signed;
		TRY(is_signed_by(r, servers[i], &is_signed));
		if (is_signed)
			continue;
		refuse_as(r, RECEIPT_INVALID, arena_printf(r->arena, "The event bears no valid signature of %.*s",
		                                           STR_ARG(servers[i])));
		return arena_status(r->arena);
	}
	return RC_OK;
}

/* Check 3: an event whose content is not what was hashed is kept as its redacted copy. */
static enum rc hash_check(struct reception *r)
{
	bool matches;
	str canonical, event_id = r->event.event_id;
	TRY(event_hash_matches(r->arena, r->event.root, &matches));
	if (matches)
		return RC_OK;
	r->receipt->was_redacted = true;
	TRY(event_redact(r->arena, r->version, r->event.root, &canonical));
	return event_parse_stored(r->arena, r->version, canonical, event_id, &r->event);
}

static void missing_add(struct reception *r, str *missing, const str *ids, const int64_t *known, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (known[i] == 0)
			missing[r->receipt->missing_count++] = ids[i];
}

/* An outlier has no state that a later event could build on: it counts as missing. */
static enum rc unplaced_drop(struct reception *r, struct txn_ro *txn, int64_t *events, size_t count)
{
	struct arena scratch CLEANUP(arena_release);
	arena_init(&scratch, SCRATCH_BYTES);
	for (size_t i = 0; i < count; i++) {
		struct event_row row = {0};
		if (events[i] == 0)
			continue;
		TRY(event_get(txn, &scratch, events[i], &row));
		if (row.is_outlier || row.room != r->room)
			events[i] = 0;
		arena_clear(&scratch);
	}
	return RC_OK;
}

static enum rc links_check(struct reception *r, struct txn_ro *txn)
{
	const struct event *event = &r->event;
	size_t prev_count = r->is_outlier ? 0 : event->prev_count;
	str *missing = arena_array(r->arena, str, event->prev_count + event->auth_count + 1);
	TRY(arena_status(r->arena));
	TRY(events_known(txn, r->arena, event->auth_events, event->auth_count, &r->auth));
	TRY(events_known(txn, r->arena, event->prev_events, prev_count, &r->prev));
	TRY(unplaced_drop(r, txn, r->prev, prev_count));
	missing_add(r, missing, event->auth_events, r->auth, event->auth_count);
	missing_add(r, missing, event->prev_events, r->prev, prev_count);
	r->receipt->missing = missing;
	if (r->receipt->missing_count > 0)
		refuse_as(r, RECEIPT_MISSING, STR("Events that this one cites are not known"));
	return RC_OK;
}

static enum rc event_load(struct reception *r, struct txn_ro *txn, int64_t number, struct auth_event *ret_event)
{
	struct event_row row = {0};
	struct event *event = arena_new(r->arena, struct event);
	TRY(arena_status(r->arena));
	TRY(event_get(txn, r->arena, number, &row));
	TRY(event_parse_stored(r->arena, r->version, row.canonical, row.event_id, event));
	*ret_event = (struct auth_event){event, row.verdict == EVENT_REJECTED};
	return RC_OK;
}

static enum rc auth_events_load(struct reception *r, struct txn_ro *txn)
{
	r->auth_events = arena_array(r->arena, struct auth_event, r->event.auth_count + 1);
	TRY(arena_status(r->arena));
	for (size_t i = 0; i < r->event.auth_count; i++)
		TRY(event_load(r, txn, r->auth[i], &r->auth_events[i]));
	return RC_OK;
}

/* v12: the create event that the room ID names stands for an auth event of every other. */
static enum rc create_load(struct reception *r, struct txn_ro *txn)
{
	if (!r->version->room_id_from_create)
		return RC_OK;
	int64_t number;
	struct auth_event create;
	str event_id = arena_printf(r->arena, "$%.*s", STR_ARG(str_from(r->room_id, 1)));
	TRY(arena_status(r->arena));
	enum rc rc = event_nid_find(txn, event_id, &number);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	if (rc == RC_OK)
		rc = event_load(r, txn, number, &create);
	if (rc == RC_OK && !create.rejected)
		r->create = create.event;
	return rc;
}

static const struct event *among_auth_events(void *self, str type, str state_key)
{
	const struct reception *r = self;
	for (size_t i = 0; i < r->event.auth_count; i++) {
		const struct event *event = r->auth_events[i].event;
		if (event->is_state && str_eq(event->type, type) && str_eq(event->state_key, state_key))
			return event;
	}
	return r->create && str_eq(type, STR("m.room.create")) && state_key.n == 0 ? r->create : NULL;
}

/* Check 4. */
static void judge_by_auth_events(struct reception *r)
{
	struct auth_state state = {among_auth_events, r};
	struct auth_verdict verdict = auth_check_auth_events(&r->event, r->auth_events, r->event.auth_count);
	if (verdict.allowed)
		verdict = auth_check(&r->event, &state);
	if (!verdict.allowed)
		reception_refuse(r, EVENT_REJECTED, &verdict);
}

void reception_refuse(struct reception *r, enum event_verdict verdict, const struct auth_verdict *why)
{
	r->verdict = verdict;
	refuse_as(r, verdict == EVENT_REJECTED ? RECEIPT_REJECTED : RECEIPT_SOFT_FAILED,
	          arena_printf(r->arena, "%s (rule %s)", why->reason, why->rule));
}

static bool is_over(const struct reception *r)
{
	return r->receipt->verdict != RECEIPT_ACCEPTED;
}

/* Checks that read the store. Whatever they say but "rejected" ends the matter. */
static enum rc checks_run(struct reception *r, str pdu)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	TRY(txn_ro_begin(r->rooms->config.store, &txn));
	TRY(room_known(r, txn));
	TRY(pdu_parse(r, pdu));
	if (!is_over(r))
		TRY(known_check(r, txn));
	if (!is_over(r))
		TRY(signatures_check(r));
	if (!is_over(r))
		TRY(hash_check(r));
	if (!is_over(r))
		TRY(links_check(r, txn));
	if (is_over(r))
		return RC_OK;
	TRY(auth_events_load(r, txn));
	TRY(create_load(r, txn));
	judge_by_auth_events(r);
	return arena_status(r->arena);
}

static enum rc receive(struct reception *r, str pdu)
{
	*r->receipt = (struct receipt){.verdict = RECEIPT_ACCEPTED};
	TRY(checks_run(r, pdu));
	if (is_over(r) && r->verdict != EVENT_REJECTED)
		return RC_OK;
	return r->is_outlier ? reception_store_outlier(r) : reception_place(r);
}

enum rc room_receive(struct rooms *rooms, struct arena *arena, str room_id, str pdu, const struct key_source *keys,
                     struct receipt *ret_receipt, struct fail *fail)
{
	struct reception reception = {
		.rooms = rooms, .arena = arena, .keys = keys, .receipt = ret_receipt, .fail = fail, .room_id = room_id};
	return receive(&reception, pdu);
}

enum rc room_receive_outlier(struct rooms *rooms, struct arena *arena, str room_id, str pdu,
                             const struct key_source *keys, struct receipt *ret_receipt, struct fail *fail)
{
	struct reception reception = {.rooms = rooms, .arena = arena, .keys = keys, .receipt = ret_receipt,
		.fail = fail, .room_id = room_id, .is_outlier = true};
	return receive(&reception, pdu);
}
