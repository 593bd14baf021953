/* Building the next event of a room on its head: state, auth events, signature, verdict. */
#include "core/room/room_int.h"

void build_begin(struct build *build, struct room_head *head, struct arena *arena, struct fail *fail)
{
	*build = (struct build){.head = head, .arena = arena, .fail = fail};
}

void build_end(struct build *build)
{
	txn_ro_end(&build->txn);
}

enum rc build_txn(struct build *build, struct txn_ro **ret_txn)
{
	if (!build->txn)
		TRY(txn_ro_begin(build->head->rooms->config.store, &build->txn));
	*ret_txn = build->txn;
	return RC_OK;
}

/*
 * Reads one place of the committed state into the head. What is not in the head has no write in flight, so that
 * the newest committed snapshot tells it.
 */
static enum rc state_read(struct build *build, str type, str state_key)
{
	struct room_head *head = build->head;
	struct arena scratch CLEANUP(arena_release);
	arena_init(&scratch, SCRATCH_BYTES);
	struct txn_ro *txn;
	TRY(build_txn(build, &txn));
	struct room_row room = {0};
	TRY(room_get(txn, &scratch, head->room, &room));
	struct event_row row = {0};
	enum rc rc = state_event(txn, &scratch, room.snapshot, type, state_key, &row);
	if (rc == RC_NOT_FOUND)
		return head_remember(head, type, state_key, NULL, 0);
	if (rc != RC_OK)
		return rc;
	struct event event;
	TRY(event_parse_stored(&scratch, head->version, row.canonical, row.event_id, &event));
	return head_remember(head, type, state_key, &event, 0);
}

const struct event *build_state(struct build *build, str type, str state_key)
{
	struct state_slot *slot;
	if (head_slot(build->head, type, state_key, &slot))
		return slot->present ? &slot->event : NULL;
	if (build->head->is_new || build->rc != RC_OK)
		return NULL;
	build->rc = state_read(build, type, state_key);
	if (build->rc == RC_TOO_LARGE)
		build->rc = RC_OK; /* no event has such a type or key: there is none */
	if (build->rc != RC_OK || !head_slot(build->head, type, state_key, &slot))
		return NULL;
	return slot->present ? &slot->event : NULL;
}

enum membership build_membership(struct build *build, str user_id)
{
	const struct event *member = build_state(build, STR("m.room.member"), user_id);
	enum membership membership = MEMBERSHIP_NONE;
	if (member && !membership_parse(json_get_text(member->content, STR("membership")), &membership))
		return MEMBERSHIP_NONE;
	return membership;
}

struct power_levels build_power_levels(struct build *build)
{
	const struct event *create = build_state(build, STR("m.room.create"), STR_EMPTY);
	return power_levels_of(create, build_state(build, STR("m.room.power_levels"), STR_EMPTY));
}

static const struct event *auth_state_get(void *self, str type, str state_key)
{
	return build_state(self, type, state_key);
}

/* v1 and v2 write a reference hash beside each event id. */
static bool cites_hashes(const struct build *build)
{
	return build->head->version->event_id_format == EVENT_ID_RANDOM;
}

/* The auth events go into the store with a state event: they must outlive the head's state. */
static enum rc auth_events_add(struct build *build, const struct event_request *request, json content,
                               struct event_draft *draft)
{
	struct auth_key keys[AUTH_KEYS_MAX];
	size_t count = auth_keys(build->head->version, request->type, request->is_state, request->state_key,
	                         request->actor.user_id, content, keys);
	str *ids = arena_array(build->arena, str, AUTH_KEYS_MAX);
	str *hashes = cites_hashes(build) ? arena_array(build->arena, str, AUTH_KEYS_MAX) : NULL;
	TRY(arena_status(build->arena));
	for (size_t i = 0; i < count; i++) {
		const struct event *event = build_state(build, keys[i].type, keys[i].state_key);
		if (!event)
			continue;
		if (hashes)
			TRY(event_reference_text(build->arena, event->version, event->root, &hashes[draft->auth_count]));
		ids[draft->auth_count++] = request->is_state ? arena_dup(build->arena, event->event_id) : event->event_id;
	}
	draft->auth_events = ids;
	draft->auth_hashes = hashes;
	return build->rc == RC_OK ? arena_status(build->arena) : build->rc;
}

/* All forward extremities, as many as an event may cite. */
static enum rc forked_prev_events_add(struct build *build, struct event_draft *draft)
{
	const struct room_head *head = build->head;
	size_t others = head_cited(head);
	str *ids = arena_array(build->arena, str, others + 1), *hashes = arena_array(build->arena, str, others + 1);
	build->replaced = arena_array(build->arena, int64_t, others);
	TRY(arena_status(build->arena));
	ids[0] = head->newest.event_id;
	hashes[0] = head->newest.hash;
	for (size_t i = 0; i < others; i++) {
		ids[i + 1] = head->others[i].event_id;
		hashes[i + 1] = head->others[i].hash;
		build->replaced[i] = head->others[i].event;
	}
	build->replaced_count = others;
	draft->prev_events = ids;
	draft->prev_hashes = cites_hashes(build) ? hashes : NULL;
	draft->prev_count = others + 1;
	return RC_OK;
}

static enum rc prev_events_add(struct build *build, struct event_draft *draft)
{
	const struct room_head *head = build->head;
	build->replaced_count = 0;
	if (head->other_count > 0)
		return forked_prev_events_add(build, draft);
	draft->prev_events = &head->newest.event_id;
	draft->prev_hashes = cites_hashes(build) ? &head->newest.hash : NULL;
	draft->prev_count = head->newest.event_id.n ? 1 : 0;
	return RC_OK;
}

static enum rc draft_build(struct build *build, const struct event_request *request, json content,
                           struct event *ret_event)
{
	struct room_head *head = build->head;
	const struct rooms_config *config = &head->rooms->config;
	struct event_draft draft = {
		.room_id = head->room_id,
		.type = request->type,
		.sender = request->actor.user_id,
		.is_state = request->is_state,
		.state_key = request->state_key,
		.content = request->content,
		.redacts = request->redacts,
		.origin_server_ts = request->origin_server_ts,
		.depth = head->depth < JSON_INTEGER_MAX ? head->depth + 1 : JSON_INTEGER_MAX,
	};
	if (head->version->event_id_format == EVENT_ID_RANDOM)
		draft.event_id = event_id_random(build->arena, config->rng, config->identity->server_name);
	TRY(prev_events_add(build, &draft));
	TRY(auth_events_add(build, request, content, &draft));
	if (draft.origin_server_ts == 0)
		draft.origin_server_ts = clock_wall_ms(config->clock);
	return event_build(build->arena, head->version, &draft, config->identity, ret_event, build->fail);
}

enum rc build_event(struct build *build, const struct event_request *request, struct event *ret_event)
{
	json content = request->parsed;
	if (!content)
		TRY(json_parse(build->arena, request->content, &content, build->fail));
	struct event event;
	TRY(draft_build(build, request, content, &event));
	struct auth_state state = {auth_state_get, build};
	struct auth_verdict verdict = auth_check(&event, &state);
	TRY(build->rc);
	if (!verdict.allowed)
		return fail_set(build->fail, RC_FORBIDDEN, "%s (rule %s)", verdict.reason, verdict.rule);
	*ret_event = event;
	return RC_OK;
}
