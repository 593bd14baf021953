/* What push rules, threads and counts need to know of an event, out of its row. */
#include "core/push/facts_int.h"

#include "matrix/power_levels.h"

static enum rc redaction_read(struct txn_ro *txn, struct arena *arena,
    const struct event_row *event, json root, struct facts *facts)
{
	struct event_row target;
	json in_content = json_get(json_get(root, STR("content")), STR("redacts"));
	str id = json_text_or(json_get(root, STR("redacts")), json_text_or(in_content, STR_EMPTY));
	if (!str_eq(event->type, STR("m.room.redaction")) || !id.n)
		return RC_OK;
	enum rc rc = event_find(txn, arena, id, &target);
	if (rc == RC_OK && target.room == event->room && target.redacted_by)
		facts->redacts_pos = target.pos;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum membership membership_of(json root)
{
	enum membership membership = MEMBERSHIP_NONE;
	(void)membership_parse(
	    json_get_text(json_get(root, STR("content")), STR("membership")), &membership);
	return membership;
}

static enum rc member_read(struct txn_ro *txn, struct arena *arena, const struct event_row *event,
    json root, struct facts *facts)
{
	struct event_row before;
	json before_root;
	if (!event->is_state || !str_eq(event->type, STR("m.room.member")))
		return RC_OK;
	facts->is_member = true;
	facts->member_user_id = event->state_key;
	facts->membership = membership_of(root);
	facts->begins_join = facts->membership == MEMBERSHIP_JOIN;
	if (!facts->begins_join || !event->replaced)
		return RC_OK;
	TRY(event_get(txn, arena, event->replaced, &before));
	TRY(json_parse(arena, before.canonical, &before_root, NULL));
	facts->begins_join = membership_of(before_root) != MEMBERSHIP_JOIN;
	return RC_OK;
}

/* Without a create event that can be read, the defaults of the first version stand. */
static enum rc state_read(struct txn_ro *txn, struct arena *arena,
    const struct room_version *version, int64_t snapshot, str type, struct event *ret_event,
    bool *ret_found)
{
	struct event_row row;
	*ret_found = false;
	enum rc rc = state_event(txn, arena, snapshot, type, STR_EMPTY, &row);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	TRY(rc);
	TRY(event_parse_stored(arena, version, row.canonical, row.event_id, ret_event));
	*ret_found = true;
	return RC_OK;
}

enum rc facts_power(struct txn_ro *txn, struct arena *arena, const struct room_row *room,
    const struct facts *facts, struct push_power *ret_power)
{
	const struct room_version *version = room_version_find(room->version);
	struct event_row row;
	struct event create, levels;
	bool has_create, has_levels;
	if (!version)
		return RC_CORRUPT;
	TRY(event_get(txn, arena, facts->event, &row));
	TRY(state_read(
	    txn, arena, version, row.snapshot, STR("m.room.create"), &create, &has_create));
	TRY(state_read(
	    txn, arena, version, row.snapshot, STR("m.room.power_levels"), &levels, &has_levels));
	struct power_levels power =
	    power_levels_of(has_create ? &create : NULL, has_levels ? &levels : NULL);
	*ret_power = push_power_of(&power, facts->push.sender);
	return arena_status(arena);
}

/* The rule of the server that asks for the sender's power asks this first. */
static bool mentions_room(json root)
{
	json mentions = json_get(json_get(root, STR("content")), STR("m.mentions"));
	return json_is_true(json_get(mentions, STR("room")));
}

enum rc facts_make(struct txn_ro *txn, struct arena *arena, struct arena *scratch,
    const struct room_row *room, const struct event_row *event, int64_t member_count,
    struct facts *ret_facts)
{
	json root;
	str root_id;
	struct facts facts = {
	    .event = event->event,
	    .pos = event->pos,
	    .ts_ms = event->ts_ms,
	    .sender = event->sender,
	    .is_redacted = event->redacted_by != 0,
	    .is_on_fork = event->snapshot != event->current,
	};
	TRY(json_parse(arena, event->canonical, &root, NULL));
	facts.push = (struct push_event){
	    .root = root,
	    .event_id = event->event_id,
	    .room_id = room->room_id,
	    .sender = json_get_text(root, STR("sender")),
	    .member_count = member_count,
	};
	TRY(push_thread_of(txn, scratch, event, &root_id));
	facts.thread = arena_dup(arena, root_id);
	TRY(redaction_read(txn, scratch, event, root, &facts));
	TRY(member_read(txn, scratch, event, root, &facts));
	if (mentions_room(root))
		TRY(facts_power(txn, arena, room, &facts, &facts.push.power));
	TRY(arena_status(arena));
	*ret_facts = facts;
	return RC_OK;
}
