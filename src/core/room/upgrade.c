/*
 * POST /rooms/{roomId}/upgrade: a replacement with what the specification recommends to take over, bans, a space's
 * children and the aliases besides; then the tombstone in the old room, which from then on is for moderators only.
 *
 * All of it is one transaction, built while the old room is held: a crash leaves either the old room as it was or both
 * rooms complete. A tombstone never points to a room that is not there.
 *
 * Nobody is invited or joined but the upgrader. Accounts that ended keep no power, and may not be made creators.
 */
#include "base/fault.h"
#include "core/room/upgrade_int.h"

enum { HOLD_WAIT_MS = 10000 };

static enum rc creator_add(struct upgrade *upgrade, json value)
{
	str user_id;
	if (!json_text(value, &user_id))
		return fail_set(upgrade->fail, RC_BAD_JSON, "additional_creators must hold strings");
	if (!user_id_parse(user_id, NULL))
		return fail_set(upgrade->fail, RC_INVALID_PARAM, "additional_creators must hold user IDs");
	bool known = str_eq(user_id, upgrade->wish->actor.user_id);
	for (size_t i = 0; !known && i < upgrade->creator_count; i++)
		known = str_eq(user_id, upgrade->creators[i]);
	if (!known)
		upgrade->creators[upgrade->creator_count++] = user_id;
	return RC_OK;
}

static enum rc creators_read(struct upgrade *upgrade)
{
	json array = upgrade->wish->additional_creators, value;
	if (!upgrade->version->privileged_creators || !array)
		return RC_OK; /* the field has no effect */
	if (!json_is_array(array))
		return fail_set(upgrade->fail, RC_BAD_JSON, "additional_creators must be an array");
	if (json_count(array) > UPGRADE_CREATORS_MAX)
		return fail_set(upgrade->fail, RC_TOO_LARGE, "additional_creators has more than %d entries",
		                UPGRADE_CREATORS_MAX);
	upgrade->creators = arena_array(upgrade->arena, str, json_count(array));
	TRY(arena_status(upgrade->arena));
	struct json_iter iter = json_iter(array);
	while (json_next(&iter, NULL, &value))
		TRY(creator_add(upgrade, value));
	return RC_OK;
}

/* To make somebody a creator is as much as to invite them. */
static enum rc creators_gate(struct upgrade *upgrade)
{
	for (size_t i = 0; i < upgrade->creator_count; i++)
		TRY(founding_gate(&upgrade->founding, MEMBERSHIP_INVITE, upgrade->creators[i]));
	return RC_OK;
}

static enum rc may_upgrade(struct upgrade *upgrade)
{
	str user_id = upgrade->wish->actor.user_id;
	enum membership membership = build_membership(&upgrade->build, user_id);
	struct power_levels levels = build_power_levels(&upgrade->build);
	TRY(upgrade->build.rc);
	if (membership != MEMBERSHIP_JOIN)
		return fail_set(upgrade->fail, RC_FORBIDDEN, "You are not in this room");
	if (power_of_user(&levels, user_id) < power_to_send(&levels, STR("m.room.tombstone"), true))
		return fail_set(upgrade->fail, RC_FORBIDDEN,
		                "Upgrading this room needs the power to send m.room.tombstone");
	return RC_OK;
}

/*
 * The same user asks again for what is done, because the answer was lost: the replacement that is there is the answer.
 */
static enum rc repeated(struct upgrade *upgrade, bool *ret_repeated)
{
	struct txn_ro *txn;
	struct room_row room;
	struct event_row create;
	json root;
	*ret_repeated = false;
	const struct event *tombstone = build_state(&upgrade->build, STR("m.room.tombstone"), STR_EMPTY);
	TRY(upgrade->build.rc);
	if (!tombstone || !str_eq(tombstone->sender, upgrade->wish->actor.user_id))
		return RC_OK;
	TRY(build_txn(&upgrade->build, &txn));
	enum rc rc = room_find(txn, upgrade->arena, json_get_text(tombstone->content, STR("replacement_room")), &room);
	if (rc == RC_OK)
		rc = state_event(txn, upgrade->arena, room.snapshot, STR("m.room.create"), STR_EMPTY, &create);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	TRY(json_parse(upgrade->arena, create.canonical, &root, NULL));
	json predecessor = json_get(json_get(root, STR("content")), STR("predecessor"));
	*ret_repeated = str_eq(room.version, upgrade->version->name) &&
	                str_eq(json_get_text(root, STR("sender")), upgrade->wish->actor.user_id) &&
	                str_eq(json_get_text(predecessor, STR("room_id")), upgrade->head->room_id);
	upgrade->answer = room.room_id;
	return RC_OK;
}

/* What the new version's form of events cannot hold, numbers with fractions among it, stays behind. */
static enum rc take_over(struct upgrade *upgrade, str type, str state_key, str content)
{
	if (!content.n)
		return RC_OK;
	enum rc rc = founding_add(&upgrade->founding, type, state_key, content);
	return rc == RC_BAD_JSON || rc == RC_TOO_LARGE || rc == RC_FORBIDDEN ? RC_OK : rc;
}

struct bans {
	struct upgrade *upgrade;
	struct txn_ro *txn;
	struct arena scratch;   /* of one event */
	struct ban {
		str user_id, reason;
	} *bans;
	size_t count;
};

static enum rc ban_seen(void *self, const struct member_row *member)
{
	struct bans *bans = self;
	struct arena *arena = bans->upgrade->arena;
	struct event_row event;
	json root;
	arena_clear(&bans->scratch);
	TRY(event_get(bans->txn, &bans->scratch, member->event, &event));
	TRY(json_parse(&bans->scratch, event.canonical, &root, NULL));
	str reason = json_get_text(json_get(root, STR("content")), STR("reason"));
	bans->bans[bans->count++] = (struct ban){arena_dup(arena, member->user_id), arena_dup(arena, reason)};
	TRY(arena_status(arena));
	return bans->count < UPGRADE_BANS_MAX ? RC_OK : RC_EXISTS; /* ends the walk */
}

static enum rc bans_read(struct bans *bans)
{
	struct arena rows CLEANUP(arena_release);
	arena_init(&rows, SCRATCH_BYTES);
	TRY(build_txn(&bans->upgrade->build, &bans->txn));
	bans->bans = arena_array(bans->upgrade->arena, struct ban, UPGRADE_BANS_MAX);
	TRY(arena_status(bans->upgrade->arena));
	arena_init(&bans->scratch, SCRATCH_BYTES);
	enum rc rc = members_of_room(bans->txn, &rows, bans->upgrade->row.room, MEMBERSHIP_BAN, ban_seen, bans);
	arena_release(&bans->scratch);
	return rc == RC_EXISTS ? RC_OK : rc;
}

static enum rc bans_take_over(struct upgrade *upgrade)
{
	struct bans bans = {.upgrade = upgrade};
	TRY(bans_read(&bans));
	for (size_t i = 0; i < bans.count; i++) {
		enum rc rc = founding_add_member(&upgrade->founding, MEMBERSHIP_BAN, bans.bans[i].user_id,
		                                 bans.bans[i].reason, STR_EMPTY);
		if (rc != RC_OK && rc != RC_FORBIDDEN) /* whom the upgrader has no power over, as in the old room */
			return rc;
	}
	return RC_OK;
}

struct children {
	struct upgrade *upgrade;
	struct txn_ro *txn;
	struct arena scratch;
	size_t count;
};

static enum rc child_seen(void *self, const struct state_entry *entry)
{
	struct children *children = self;
	struct event_row event;
	json root;
	struct buf buf;
	str content;
	arena_clear(&children->scratch);
	TRY(event_get(children->txn, &children->scratch, entry->event, &event));
	TRY(json_parse(&children->scratch, event.canonical, &root, NULL));
	if (json_count(json_get(root, STR("content"))) == 0)
		return RC_OK; /* a child that was taken out */
	buf_init(&buf, &children->scratch, (size_t)6 * EVENT_MAX_BYTES);
	json_put(&buf, json_get(root, STR("content")));
	TRY(buf_finish(&buf, &content));
	struct arena *arena = children->upgrade->arena;
	str state_key = arena_dup(arena, event.state_key);
	content = arena_dup(arena, content);
	TRY(arena_status(arena));
	TRY(take_over(children->upgrade, STR("m.space.child"), state_key, content));
	return ++children->count < UPGRADE_CHILDREN_MAX ? RC_OK : RC_EXISTS;
}

/* A space without its rooms would be no replacement. */
static enum rc children_take_over(struct upgrade *upgrade)
{
	struct children children = {.upgrade = upgrade};
	int64_t type;
	const struct event *create = build_state(&upgrade->build, STR("m.room.create"), STR_EMPTY);
	TRY(upgrade->build.rc);
	if (!create || !str_eq(json_get_text(create->content, STR("type")), STR("m.space")))
		return RC_OK;
	TRY(build_txn(&upgrade->build, &children.txn));
	enum rc rc = type_nid_find(children.txn, STR("m.space.child"), &type);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	arena_init(&children.scratch, SCRATCH_BYTES);
	rc = snapshot_each(children.txn, upgrade->row.snapshot, type, child_seen, &children);
	arena_release(&children.scratch);
	return rc == RC_EXISTS ? RC_OK : rc;
}

static enum rc replacement_build(struct upgrade *upgrade)
{
	struct founding *founding = &upgrade->founding;
	str content, last, type;
	TRY(founding_gate(founding, MEMBERSHIP_JOIN, upgrade->wish->actor.user_id));
	TRY(creators_gate(upgrade));
	TRY(upgrade_create_content(upgrade, upgrade->head->newest.event_id, &content));
	TRY(founding_add(founding, STR("m.room.create"), STR_EMPTY, content));
	TRY(founding_add_member(founding, MEMBERSHIP_JOIN, upgrade->wish->actor.user_id, STR_EMPTY, STR_EMPTY));
	TRY(upgrade_power_levels(upgrade, &content, &last));
	TRY(founding_add(founding, STR("m.room.power_levels"), STR_EMPTY, content));
	for (size_t i = 0; upgrade_types[i]; i++) {
		type = str_of(upgrade_types[i]);
		TRY(upgrade_state_content(upgrade, type, &content));
		TRY(take_over(upgrade, type, STR_EMPTY, content));
	}
	TRY(upgrade_alias_content(upgrade, true, &content));
	TRY(take_over(upgrade, STR("m.room.canonical_alias"), STR_EMPTY, content));
	TRY(children_take_over(upgrade));
	TRY(bans_take_over(upgrade));
	return last.n ? founding_add(founding, STR("m.room.power_levels"), STR_EMPTY, last) : RC_OK;
}

static enum rc old_event_add(struct upgrade *upgrade, str type, str content)
{
	struct event event;
	struct room_head *head = upgrade->head;
	struct room_write *write = &upgrade->writes[upgrade->write_count];
	struct event_request request = {
		.actor = upgrade->wish->actor, .type = type, .is_state = true, .content = content};
	request.actor.device = 0;
	TRY(build_event(&upgrade->build, &request, &event));
	*write = (struct room_write){0};
	write_fill(write, &upgrade->build, &event, &request);
	enum rc rc = head_advance(head, &event, write->seq);
	if (rc == RC_OK)
		rc = chain_append(write, head);
	if (rc != RC_OK)
		head_spoil(head);
	upgrade->write_count += rc == RC_OK;
	return rc;
}

static enum rc tombstone_add(struct upgrade *upgrade)
{
	struct buf buf;
	str content;
	buf_init(&buf, upgrade->arena, EVENT_MAX_BYTES);
	buf_put(&buf, STR("{\"body\":\"This room has been replaced\",\"replacement_room\":"));
	json_put_text(&buf, upgrade->founding.head->room_id);
	buf_putc(&buf, '}');
	TRY(buf_finish(&buf, &content));
	return old_event_add(upgrade, STR("m.room.tombstone"), content);
}

/* "If possible": what the upgrader has no power for is left as it is. */
static enum rc old_event_add_if_allowed(struct upgrade *upgrade, str type, str content)
{
	enum rc rc = content.n ? old_event_add(upgrade, type, content) : RC_OK;
	return rc == RC_FORBIDDEN ? RC_OK : rc;
}

static enum rc old_room_close(struct upgrade *upgrade)
{
	str content;
	TRY(tombstone_add(upgrade));
	TRY(upgrade_alias_content(upgrade, false, &content));
	TRY(old_event_add_if_allowed(upgrade, STR("m.room.canonical_alias"), content));
	TRY(upgrade_closed_levels(upgrade, &content));
	return old_event_add_if_allowed(upgrade, STR("m.room.power_levels"), content);
}

static enum rc aliases_move(struct upgrade *upgrade, struct txn_rw *txn, int64_t room)
{
	str *aliases;
	size_t count;
	TRY(aliases_of_room(txn_reading(txn), upgrade->arena, upgrade->row.room, &aliases, &count));
	for (size_t i = 0; i < count; i++) {
		int64_t old, creator;
		TRY(alias_find(txn_reading(txn), aliases[i], &old, &creator));
		TRY(alias_delete(txn, aliases[i]));
		TRY(alias_put(txn, aliases[i], room, creator));
	}
	return RC_OK;
}

static enum rc upgrade_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct upgrade *upgrade = arg;
	int64_t room;
	struct room_row old;
	TRY(room_get(txn_reading(txn), upgrade->arena, upgrade->row.room, &old));
	TRY(founding_write(&upgrade->founding, txn, old.public_listed, &room, fail));
	FAULT("room.upgrade.replacement");
	TRY(aliases_move(upgrade, txn, room));
	TRY(room_set_listed(txn, upgrade->row.room, false));
	FAULT("room.upgrade.aliases");
	for (size_t i = 0; i < upgrade->write_count; i++)
		TRY(write_run(txn, &upgrade->writes[i], fail));
	FAULT("room.upgrade.tombstone");
	return RC_OK;
}

static enum rc upgrade_build(struct upgrade *upgrade)
{
	struct txn_ro *txn;
	TRY(build_txn(&upgrade->build, &txn));
	TRY(room_get(txn, upgrade->arena, upgrade->head->room, &upgrade->row));
	TRY(aliases_of_room(txn, upgrade->arena, upgrade->row.room, &upgrade->aliases, &upgrade->alias_count));
	upgrade->founding = (struct founding){
		.rooms = upgrade->rooms,
		.arena = upgrade->arena,
		.fail = upgrade->fail,
		.actor = &upgrade->wish->actor,
		.version = upgrade->version,
	};
	TRY(founding_begin(&upgrade->founding));
	TRY(replacement_build(upgrade));
	TRY(old_room_close(upgrade));
	build_end(&upgrade->founding.build);
	build_end(&upgrade->build);
	FAULT("room.upgrade.built");
	return RC_OK;
}

static enum rc upgrade_do(struct upgrade *upgrade)
{
	enum rc rc = upgrade_build(upgrade);
	if (rc == RC_OK)
		rc = store_write(upgrade->rooms->config.store, upgrade_write, upgrade, upgrade->fail);
	if (rc == RC_OK) {
		FAULT("room.upgrade.committed");
		founding_tell(&upgrade->founding);
		upgrade->answer = arena_dup(upgrade->arena, upgrade->founding.head->room_id);
		rc = arena_status(upgrade->arena);
	}
	for (size_t i = 0; i < upgrade->write_count; i++)
		write_end(&upgrade->writes[i], rc);
	founding_release(&upgrade->founding);
	return rc;
}

/* With the old room in hand, and nothing of it in flight. */
static enum rc upgrade_held(struct upgrade *upgrade)
{
	bool is_repeated;
	TRY(sequencer_settle(upgrade->head));
	build_begin(&upgrade->build, upgrade->head, upgrade->arena, upgrade->fail);
	enum rc rc = may_upgrade(upgrade);
	if (rc == RC_OK)
		rc = repeated(upgrade, &is_repeated);
	if (rc == RC_OK && !is_repeated)
		rc = upgrade_do(upgrade);
	build_end(&upgrade->build);
	return rc;
}

enum rc room_upgrade(struct rooms *rooms, struct arena *arena, const struct upgrade_wish *wish, str *ret_room_id,
                     struct fail *fail)
{
	struct upgrade *upgrade = arena_new(arena, struct upgrade);
	TRY(arena_status(arena));
	*upgrade = (struct upgrade){.wish = wish, .rooms = rooms, .arena = arena, .fail = fail};
	upgrade->version = room_version_find(wish->new_version);
	if (!upgrade->version)
		return fail_set(fail, RC_UNSUPPORTED_ROOM_VERSION, "This server does not know room version %.*s",
		                STR_ARG(str_first(wish->new_version, 32)));
	TRY(creators_read(upgrade));
	enum rc rc = sequencer_hold(rooms, wish->room_id, HOLD_WAIT_MS, &upgrade->head);
	if (rc == RC_NOT_FOUND)
		return fail_set(fail, RC_FORBIDDEN, "You are not in this room");
	if (rc != RC_OK)
		return rc;
	rc = upgrade_held(upgrade);
	sequencer_release(upgrade->head);
	*ret_room_id = upgrade->answer;
	return rc;
}
