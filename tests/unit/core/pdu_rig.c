#include "pdu_rig.h"

#include "graph/auth.h"

static struct ed25519_key remote_key, local_key;

static void keys_make(void)
{
	static const unsigned char remote_seed[ED25519_SEED_BYTES] = {9}, local_seed[ED25519_SEED_BYTES] = {7};
	ed25519_from_seed(&remote_key, remote_seed);
	ed25519_from_seed(&local_key, local_seed);
}

static enum rc key_find(void *self, str server, str key_id, int64_t ts_ms,
                        unsigned char ret_public_key[ED25519_PUBLIC_BYTES])
{
	(void)self, (void)ts_ms;
	bool remote = str_eq(server, STR("remote.example"));
	if (!str_eq(key_id, STR("ed25519:1")) || !(remote || str_eq(server, STR("localhost"))))
		return RC_NOT_FOUND;
	keys_make();
	memcpy(ret_public_key, remote ? remote_key.public_key : local_key.public_key, ED25519_PUBLIC_BYTES);
	return RC_OK;
}

const struct key_source *pdu_keys(void)
{
	static const struct key_source keys = {NULL, key_find};
	return &keys;
}

struct event_row pdu_row(struct room_rig *rig, str event_id)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->store);
	struct event_row row;
	assert_rc(event_find(txn, &rig->arena, event_id, &row), RC_OK);
	return row;
}

str pdu_state(struct room_rig *rig, str room_id, const char *type, str state_key)
{
	struct room_row room = rig_row(rig, room_id);
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->store);
	struct event_row row;
	enum rc rc = state_event(txn, &rig->arena, room.snapshot, str_of(type), state_key, &row);
	return rc == RC_OK ? row.event_id : STR_EMPTY;
}

size_t pdu_extremities(struct room_rig *rig, str room_id)
{
	struct room_row room = rig_row(rig, room_id);
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->store);
	int64_t *others;
	size_t count;
	assert_rc(room_extremities(txn, &rig->arena, room.room, &others, &count), RC_OK);
	return count + 1;
}

static size_t auth_choose(struct room_rig *rig, const struct room_version *version, const struct pdu_wish *wish,
                          int64_t snapshot, str *ids)
{
	struct auth_key keys[AUTH_KEYS_MAX];
	size_t found = 0;
	str state_key = wish->state_key ? str_of(wish->state_key) : STR_EMPTY;
	size_t count = auth_keys(version, str_of(wish->type), wish->state_key != NULL, state_key, str_of(wish->sender),
	                         room_json(rig, str_of(wish->content)), keys);
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(rig->store);
	for (size_t i = 0; i < count; i++) {
		struct event_row row;
		if (state_event(txn, &rig->arena, snapshot, keys[i].type, keys[i].state_key, &row) == RC_OK)
			ids[found++] = row.event_id;
	}
	return found;
}

static void hashes_of(struct room_rig *rig, const struct room_version *version, const str *ids, size_t count, str *hashes)
{
	for (size_t i = 0; i < count; i++)
		assert_rc(event_reference_text(&rig->arena, version, room_json(rig, pdu_row(rig, ids[i]).canonical),
		                               &hashes[i]), RC_OK);
}

struct pdu pdu_make(struct room_rig *rig, str room_id, const struct pdu_wish *wish)
{
	struct room_row room = rig_row(rig, room_id);
	const struct room_version *version = room_version_find(room.version);
	str prev[PDU_LINKS_MAX], auth[PDU_LINKS_MAX], prev_hashes[PDU_LINKS_MAX], auth_hashes[PDU_LINKS_MAX];
	struct signing_identity remote = {.server_name = STR("remote.example"), .key_id = STR("ed25519:1")};
	struct event_draft draft = {
		.room_id = room_id,
		.type = str_of(wish->type),
		.sender = str_of(wish->sender),
		.is_state = wish->state_key != NULL,
		.state_key = wish->state_key ? str_of(wish->state_key) : STR_EMPTY,
		.content = str_of(wish->content),
		.origin_server_ts = wish->ts_ms ? wish->ts_ms : clock_wall_ms(&rig->clock),
		.prev_events = prev,
		.auth_events = auth,
	};
	keys_make();
	remote.key = remote_key;
	prev[0] = room.head_event_id;
	for (size_t i = 0; i < wish->prev_count; i++)
		prev[i] = wish->prev[i];
	draft.prev_count = wish->prev_count ? wish->prev_count : 1;
	struct event_row first = pdu_row(rig, prev[0]);
	draft.depth = wish->depth ? wish->depth : room.depth + 1;
	for (size_t i = 0; i < wish->auth_count; i++)
		auth[i] = wish->auth[i];
	draft.auth_count = wish->auth_count ? wish->auth_count : auth_choose(rig, version, wish, first.snapshot, auth);
	if (version->event_id_format == EVENT_ID_RANDOM) {
		draft.event_id = event_id_random(&rig->arena, &rng_system, STR("remote.example"));
		hashes_of(rig, version, prev, draft.prev_count, prev_hashes);
		hashes_of(rig, version, auth, draft.auth_count, auth_hashes);
		draft.prev_hashes = prev_hashes;
		draft.auth_hashes = auth_hashes;
	}
	struct event event;
	enum rc rc = event_build(&rig->arena, version, &draft, wish->signed_by_us ? &rig->identity : &remote, &event,
	                         &rig->fail);
	if (rc != RC_OK)
		fail_msg("event_build %s: %s: %s", wish->type, rc_name(rc), rig->fail.message);
	return (struct pdu){event.canonical, event.event_id};
}

struct receipt pdu_receive(struct room_rig *rig, str room_id, str text)
{
	struct receipt receipt;
	enum rc rc = room_receive(rig->rooms, &rig->arena, room_id, text, pdu_keys(), &receipt, &rig->fail);
	if (rc != RC_OK)
		fail_msg("room_receive: %s: %s", rc_name(rc), rig->fail.message);
	return receipt;
}

struct receipt pdu_receive_outlier(struct room_rig *rig, str room_id, str text)
{
	struct receipt receipt;
	assert_rc(room_receive_outlier(rig->rooms, &rig->arena, room_id, text, pdu_keys(), &receipt, &rig->fail), RC_OK);
	return receipt;
}

struct pdu pdu_given(struct room_rig *rig, str room_id, const struct pdu_wish *wish, enum receipt_verdict verdict)
{
	struct pdu pdu = pdu_make(rig, room_id, wish);
	struct receipt receipt = pdu_receive(rig, room_id, pdu.text);
	if (receipt.verdict != verdict)
		fail_msg("%s by %s: verdict %d, not %d: %.*s", wish->type, wish->sender, (int)receipt.verdict, (int)verdict,
		         STR_ARG(receipt.reason));
	if (verdict == RECEIPT_ACCEPTED || verdict == RECEIPT_SOFT_FAILED || verdict == RECEIPT_REJECTED)
		assert_str(receipt.event_id, pdu.event_id);
	return pdu;
}

struct pdu pdu_join(struct room_rig *rig, str room_id, const char *user_id)
{
	struct pdu_wish wish = {.sender = user_id, .type = "m.room.member", .state_key = user_id,
		.content = "{\"membership\":\"join\"}"};
	return pdu_given(rig, room_id, &wish, RECEIPT_ACCEPTED);
}
