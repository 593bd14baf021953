/*
 * required_state of a room: all that is wanted of a room that is new, what changed of one that is known, what a rule wants that
 * did not match before, and the members that lazy loading adds.
 */
#include "core/sync/sliding_int.h"

struct writer {
	struct sliding_run *run;
	struct sliding_row *row;
	struct sliding_state_part *part;
	struct arena event;      /* of one event */
	uint64_t wishes, not_by; /* what these want and those did not, in this walk */
	uint64_t before;         /* wishes whose state the connection has */
	int64_t name_type, avatar_type, empty_key;
	int64_t now; /* snapshot */
	bool lazy;
};

static enum rc put_event(struct writer *writer, struct state_key at, int64_t event)
{
	struct sync_run *sync = &writer->run->sync;
	struct told_member member = {
	    -writer->run->place.connection, writer->row->is.room, at.key, event};
	struct event_row row;
	arena_clear(&writer->event);
	TRY(event_get(sync->txn, &writer->event, event, &row));
	if (writer->lazy && at.type == writer->run->member_type)
		told_note(sync->syncs->told, &member, sync->since.pos, sync->to);
	writer->part->count++;
	return sync_put_event(sync, &writer->event, &writer->part->room->view, &row);
}

/* The walk over what changed told this one. */
static enum rc is_a_change(struct writer *writer, const struct state_entry *entry, bool *ret_is)
{
	int64_t known = 0;
	*ret_is = false;
	if (writer->part->initial)
		return RC_OK;
	enum rc rc = snapshot_get(writer->run->sync.txn, writer->part->known, entry->at, &known);
	*ret_is = known != entry->event;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc put_entry(void *self, const struct state_entry *entry)
{
	struct writer *writer = self;
	bool wanted, told = false;
	TRY(sliding_wishes_match(writer->run, writer->wishes, entry->at, &wanted));
	if (wanted && writer->not_by)
		TRY(sliding_wishes_match(writer->run, writer->not_by, entry->at, &told));
	if (wanted && !told)
		TRY(is_a_change(writer, entry, &told));
	return wanted && !told ? put_event(writer, entry->at, entry->event) : RC_OK;
}

/* What stands at the places where the wishes look. */
static enum rc put_wanted(struct writer *writer, uint64_t wishes, uint64_t not_by)
{
	struct txn_ro *txn = writer->run->sync.txn;
	TRY(sliding_plan(writer->run, wishes));
	const struct wish_plan plan = writer->run->plan;
	writer->wishes = wishes;
	writer->not_by = not_by;
	if (plan.whole)
		return snapshot_each(txn, writer->now, 0, put_entry, writer);
	for (size_t i = 0; i < plan.type_count; i++)
		TRY(snapshot_each(txn, writer->now, plan.types[i], put_entry, writer));
	for (size_t i = 0; i < plan.place_count; i++) {
		struct state_entry entry = {.at = plan.places[i]};
		enum rc rc = snapshot_get(txn, writer->now, entry.at, &entry.event);
		if (rc == RC_OK)
			rc = put_entry(writer, &entry);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
	}
	return RC_OK;
}

/* MSC4186, "StateStub": nothing stands there any more. The unstable path has no form for it. */
static enum rc put_stub(struct writer *writer, struct state_key at)
{
	struct sync_run *sync = &writer->run->sync;
	str type, key;
	if (!writer->run->request->stable)
		return RC_OK;
	arena_clear(&writer->event);
	TRY(type_of(sync->txn, &writer->event, at.type, &type));
	TRY(key_of(sync->txn, &writer->event, at.key, &key));
	json_put_comma(sync->out);
	buf_putc(sync->out, '{');
	json_put_key(sync->out, STR("state_key"));
	json_put_text(sync->out, key);
	json_put_key(sync->out, STR("type"));
	json_put_text(sync->out, type);
	buf_putc(sync->out, '}');
	writer->part->count++;
	return buf_status(sync->out);
}

static void note_change(struct writer *writer, struct state_key at)
{
	struct sliding_state_part *part = writer->part;
	part->members_changed = part->members_changed || at.type == writer->run->member_type;
	part->name_changed =
	    part->name_changed || (at.type == writer->name_type && at.key == writer->empty_key);
	part->avatar_changed =
	    part->avatar_changed || (at.type == writer->avatar_type && at.key == writer->empty_key);
}

/* A wish that no rule has any more, and that this change was for: the connection does not have its state any more. */
static enum rc forget_wishes(struct writer *writer, struct state_key at)
{
	uint64_t idle = writer->before & ~writer->row->wishes;
	for (uint64_t bit = 1; bit != 0 && bit <= idle; bit <<= 1) {
		bool wanted = false;
		if (idle & bit)
			TRY(sliding_wishes_match(writer->run, bit, at, &wanted));
		if (wanted)
			writer->before &= ~bit;
	}
	return RC_OK;
}

static enum rc put_change(
    void *self, const struct state_entry *before, const struct state_entry *after)
{
	struct writer *writer = self;
	bool wanted, is_member = after->at.type == writer->run->member_type;
	(void)before;
	note_change(writer, after->at);
	TRY(sliding_wishes_match(writer->run, writer->row->wishes, after->at, &wanted));
	/* Without a gap, clients keep their lists of members by this. */
	wanted = wanted || (is_member && writer->lazy && !writer->part->timeline->limited);
	if (!wanted)
		return forget_wishes(writer, after->at);
	return after->event ? put_event(writer, after->at, after->event)
			    : put_stub(writer, after->at);
}

/* ---- lazy members ---- */

/* The walk over what changed told this one, or it is wanted anyway, or an earlier answer told it. */
static enum rc is_told(struct writer *writer, const struct state_entry *entry, bool *ret_told)
{
	struct sync_run *sync = &writer->run->sync;
	struct told_member member = {
	    -writer->run->place.connection, writer->row->is.room, entry->at.key, entry->event};
	bool changed;
	TRY(sliding_wishes_match(writer->run, writer->row->wishes, entry->at, ret_told));
	if (*ret_told || writer->part->initial)
		return RC_OK;
	TRY(is_a_change(writer, entry, &changed));
	*ret_told = changed ? !writer->part->timeline->limited
			    : told_before(sync->syncs->told, &member, sync->since.pos);
	return RC_OK;
}

static enum rc put_member(struct writer *writer, str user_id)
{
	struct sync_run *sync = &writer->run->sync;
	struct state_entry entry = {.at = {.type = writer->run->member_type}};
	bool told;
	enum rc rc = key_nid_find(sync->txn, user_id, &entry.at.key);
	if (rc == RC_OK)
		rc = snapshot_get(sync->txn, writer->now, entry.at, &entry.event);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	TRY(rc);
	TRY(is_told(writer, &entry, &told));
	return told ? RC_OK : put_event(writer, entry.at, entry.event);
}

static bool stands_before(const str *users, size_t count, str user_id)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(users[i], user_id))
			return true;
	return false;
}

/* Who sent what the timeline shows, and whom its memberships are about. */
static enum rc put_lazy_members(struct writer *writer)
{
	struct sync_run *sync = &writer->run->sync;
	const struct sync_timeline *timeline = writer->part->timeline;
	str *users = arena_array(sync->arena, str, 2 * timeline->count);
	size_t count = 0;
	TRY(arena_status(sync->arena));
	for (size_t i = 0; i < timeline->count; i++) {
		const struct event_row *event = &timeline->events[i];
		str sender;
		TRY(user_id_of(sync->txn, sync->arena, event->sender, &sender));
		if (!stands_before(users, count, sender))
			users[count++] = sender;
		if (event->is_state && str_eq(event->type, STR("m.room.member")) &&
		    !stands_before(users, count, event->state_key))
			users[count++] = event->state_key;
	}
	for (size_t i = 0; i < count; i++)
		TRY(put_member(writer, users[i]));
	return RC_OK;
}

/* ---- all of it ---- */

static enum rc find_names(struct writer *writer)
{
	struct txn_ro *txn = writer->run->sync.txn;
	enum rc rc[] = {
	    type_nid_find(txn, STR("m.room.name"), &writer->name_type),
	    type_nid_find(txn, STR("m.room.avatar"), &writer->avatar_type),
	    key_nid_find(txn, STR_EMPTY, &writer->empty_key),
	};
	for (size_t i = 0; i < COUNT_OF(rc); i++)
		if (rc[i] != RC_OK && rc[i] != RC_NOT_FOUND)
			return rc[i];
	return RC_OK;
}

static enum rc put_all(struct writer *writer)
{
	struct sliding_state_part *part = writer->part;
	uint64_t wishes = writer->row->wishes, new;
	writer->now = part->room->view.state_snapshot;
	TRY(find_names(writer));
	if (!part->initial && part->known != writer->now)
		TRY(snapshot_diff(
		    writer->run->sync.txn, part->known, writer->now, put_change, writer));
	new = part->initial ? wishes : wishes & ~writer->before;
	if (new)
		TRY(put_wanted(writer, new, part->initial ? 0 : wishes & writer->before));
	return writer->lazy ? put_lazy_members(writer) : RC_OK;
}

enum rc sliding_put_state(
    struct sliding_run *run, struct sliding_row *row, struct sliding_state_part *part)
{
	struct writer writer = {.run = run,
	    .row = row,
	    .part = part,
	    .before = part->initial ? 0 : row->told->wishes,
	    .lazy = sliding_wishes_are_lazy(run, row->wishes)};
	struct buf *out = run->sync.out;
	size_t start = out->n;
	arena_init(&writer.event, run->sync.arena->budget_bytes);
	json_put_key(out, STR("required_state"));
	buf_putc(out, '[');
	enum rc rc = put_all(&writer);
	arena_release(&writer.event);
	TRY(rc);
	buf_putc(out, ']');
	if (part->count == 0)
		out->n = start;
	row->told->wishes = writer.before | row->wishes;
	return buf_status(out);
}
