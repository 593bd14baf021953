/* One room in "rooms": MSC4186, "RoomResult". */
#include "core/sync/sliding_int.h"

#include "codec/canonical.h"

enum { HEROES_MAX = 5 };

struct part {
	struct sliding_run *run;
	struct sliding_row *row;
	struct sync_room room;
	struct sync_timeline timeline;
	struct sliding_state_part state;
	bool initial, expanded;
	bool something; /* worth telling */
};

/* Up to where the connection was told of the room's events. */
static int64_t told_upto(const struct part *part)
{
	int64_t upto = part->row->told->upto;
	return upto == TOLD_LIVE ? part->run->sync.since.pos : upto;
}

/* ---- members of every kind of room ---- */

static void put_flag(struct buf *out, const char *name)
{
	json_put_key(out, str_of(name));
	buf_put(out, STR("true"));
}

static void put_lists(const struct part *part)
{
	struct buf *out = part->run->sync.out;
	size_t start = out->n, count = 0;
	json_put_key(out, STR("lists"));
	buf_putc(out, '[');
	for (size_t i = 0; i < part->run->request->list_count; i++) {
		if (!(part->row->lists[i / 64] >> i % 64 & 1))
			continue;
		json_put_comma(out);
		json_put_text(out, part->run->request->lists[i].name);
		count++;
	}
	buf_putc(out, ']');
	if (!count)
		out->n = start;
}

static void put_common(const struct part *part)
{
	struct buf *out = part->run->sync.out;
	const struct user_room *is = &part->row->is;
	json_put_key(out, STR("bump_stamp"));
	buf_put_i64(
	    out, is->membership == MEMBERSHIP_JOIN && is->bump_pos ? is->bump_pos : is->pos);
	if (part->initial)
		put_flag(out, "initial");
	if (part->row->is_dm || (!part->initial && part->row->told->is_dm)) {
		json_put_key(out, STR("is_dm"));
		buf_put(out, part->row->is_dm ? STR("true") : STR("false"));
	}
	if (!part->run->request->stable)
		return;
	json_put_key(out, STR("membership"));
	json_put_text(out, membership_text(is->membership));
	put_lists(part);
}

/* ---- name, avatar, heroes, counts ---- */

static str text_in_content(struct arena *arena, str canonical, str name)
{
	str key, value;
	json content;
	while (canonical_next_member(&canonical, &key, &value))
		if (str_eq(key, STR("content")))
			return json_parse(arena, value, &content, NULL) == RC_OK
				   ? json_get_text(content, name)
				   : STR_EMPTY;
	return STR_EMPTY;
}

/* `"key":` with the text in the content of the room's state of this type; null when a known one has gone. */
static enum rc put_text_of(
    const struct part *part, const char *key, str type, str name, bool changed, bool *ret_has)
{
	struct sync_run *sync = &part->run->sync;
	struct event_row event;
	enum rc rc = state_event(
	    sync->txn, sync->arena, part->room.view.state_snapshot, type, STR_EMPTY, &event);
	str text = rc == RC_OK ? text_in_content(sync->arena, event.canonical, name) : STR_EMPTY;
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*ret_has = text.n > 0;
	if (text.n == 0 && part->initial)
		return RC_OK;
	if (!changed && !part->initial)
		return RC_OK;
	json_put_key(sync->out, str_of(key));
	if (text.n)
		json_put_text(sync->out, text);
	else
		buf_put(sync->out, STR("null"));
	return RC_OK;
}

static enum rc put_heroes(const struct part *part)
{
	struct sync_run *sync = &part->run->sync;
	struct hero *heroes;
	size_t count;
	TRY(room_heroes(sync->txn, sync->arena, part->row->is.room, part->room.view.viewer,
	    HEROES_MAX, &heroes, &count));
	json_put_key(sync->out, STR("heroes"));
	buf_putc(sync->out, '[');
	for (size_t i = 0; i < count; i++) {
		json_put_comma(sync->out);
		buf_put(sync->out, STR("{\"user_id\":"));
		json_put_text(sync->out, heroes[i].user_id);
		if (heroes[i].displayname.n) {
			json_put_key(sync->out, STR("displayname"));
			json_put_text(sync->out, heroes[i].displayname);
		}
		if (heroes[i].avatar_url.n) {
			json_put_key(sync->out, STR("avatar_url"));
			json_put_text(sync->out, heroes[i].avatar_url);
		}
		buf_putc(sync->out, '}');
	}
	buf_putc(sync->out, ']');
	return RC_OK;
}

static enum rc put_counts(const struct part *part)
{
	struct sync_run *sync = &part->run->sync;
	int64_t joined, invited;
	TRY(member_counts(sync->txn, part->row->is.room, &joined, &invited));
	json_put_key(sync->out, STR("joined_count"));
	buf_put_i64(sync->out, joined);
	json_put_key(sync->out, STR("invited_count"));
	buf_put_i64(sync->out, invited);
	return RC_OK;
}

static enum rc put_summary(struct part *part)
{
	const struct sliding_state_part *state = &part->state;
	bool has_name = true, has_avatar;
	bool heroes_may_differ = part->initial || state->members_changed || state->name_changed;
	if (part->initial || state->avatar_changed)
		TRY(put_text_of(
		    part, "avatar", STR("m.room.avatar"), STR("url"), true, &has_avatar));
	if (heroes_may_differ)
		TRY(put_text_of(
		    part, "name", STR("m.room.name"), STR("name"), state->name_changed, &has_name));
	part->something = part->something || state->name_changed || state->avatar_changed;
	if (part->row->is.membership != MEMBERSHIP_JOIN)
		return RC_OK; /* what became of the others since is not theirs to know */
	if (!has_name && part->row->with_heroes)
		TRY(put_heroes(part));
	if (part->initial || state->members_changed)
		TRY(put_counts(part));
	part->something = part->something || state->members_changed;
	return RC_OK;
}

/* ---- the timeline ---- */

static int64_t live_count(const struct part *part)
{
	int64_t live = 0;
	for (size_t i = 0; i < part->timeline.count; i++)
		live += part->timeline.events[i].pos > part->run->sync.since.pos;
	return part->run->place.connection ? live : 0;
}

static enum rc put_timeline(const struct part *part)
{
	struct sync_run *sync = &part->run->sync;
	const struct sync_timeline *timeline = &part->timeline;
	if (timeline->count) {
		json_put_key(sync->out, STR("timeline"));
		buf_putc(sync->out, '[');
		TRY(sync_put_timeline_events(sync, &part->room, timeline));
		buf_putc(sync->out, ']');
		json_put_key(sync->out, STR("num_live"));
		buf_put_i64(sync->out, live_count(part));
	}
	if (timeline->limited)
		put_flag(sync->out, "limited");
	if (part->expanded)
		put_flag(sync->out, part->run->request->stable ? "expanded_timeline"
							       : "unstable_expanded_timeline");
	json_put_key(sync->out, STR("prev_batch"));
	json_put_text(
	    sync->out, sync_position_token(sync->syncs, sync->arena, timeline->before_pos));
	return buf_status(sync->out);
}

/* For the receipts: they follow what is shown anew. */
static enum rc note_shown(const struct part *part)
{
	struct sliding_row *row = part->row;
	row->is_shown_anew = part->initial || part->expanded;
	if (!row->is_shown_anew || !part->run->request->receipts.enabled)
		return RC_OK;
	row->shown = arena_array(part->run->kept, str, part->timeline.count);
	TRY(arena_status(part->run->kept));
	for (size_t i = 0; i < part->timeline.count; i++)
		row->shown[row->shown_count++] =
		    arena_dup(part->run->kept, part->timeline.events[i].event_id);
	return arena_status(part->run->kept);
}

/* So many of the newest events the connection has now. */
static void note_limit(const struct part *part)
{
	struct told_room *told = part->row->told;
	if (part->initial || part->expanded || part->timeline.limited)
		told->timeline_limit = part->row->timeline_limit;
}

/* ---- rooms that the user is or was in ---- */

static enum rc put_known_room(struct part *part)
{
	struct sliding_run *run = part->run;
	struct told_room *told = part->row->told;
	struct timeline_wish wish = {.limit = (size_t)part->row->timeline_limit};
	part->initial = told->kind != TOLD_ROOM;
	part->expanded = !part->initial && part->row->timeline_limit > told->timeline_limit;
	part->room.from = part->initial || part->expanded ? 0 : told_upto(part);
	part->state = (struct sliding_state_part){
	    .room = &part->room, .timeline = &part->timeline, .initial = part->initial};
	TRY(sync_timeline_read(&run->sync, &part->room, &wish, &part->timeline));
	if (!part->initial)
		TRY(sync_snapshot_at(
		    &run->sync, &part->room.view.room, told_upto(part), &part->state.known));
	TRY(sliding_put_state(run, part->row, &part->state));
	TRY(put_timeline(part));
	TRY(put_summary(part));
	put_common(part);
	TRY(note_shown(part));
	part->something = part->something || part->initial || part->expanded || part->state.count ||
			  part->timeline.count || part->timeline.limited ||
			  part->row->is_dm != told->is_dm;
	note_limit(part);
	return RC_OK;
}

/* ---- rooms that the user was never in ---- */

static enum rc put_stripped_room(struct part *part)
{
	struct sliding_run *run = part->run;
	bool refused = part->row->is.membership > MEMBERSHIP_KNOCK;
	struct event_row own;
	part->initial = part->row->told->kind != TOLD_STRIPPED;
	part->something = true;
	if (refused &&
	    !run->request
		 ->stable) { /* clients of the unstable path take invite_state for an invite */
		TRY(event_get(run->sync.txn, run->sync.arena, part->room.view.member.event, &own));
		json_put_key(run->sync.out, STR("required_state"));
		buf_putc(run->sync.out, '[');
		TRY(sync_put_event(&run->sync, run->sync.arena, &part->room.view, &own));
	} else {
		json_put_key(run->sync.out,
		    run->request->stable ? STR("stripped_state") : STR("invite_state"));
		buf_putc(run->sync.out, '[');
		TRY(sync_put_stripped_events(&run->sync, &part->room, refused));
	}
	buf_putc(run->sync.out, ']');
	put_common(part);
	return RC_OK;
}

static enum told_kind kind_after(const struct part *part)
{
	switch (part->row->is.membership) {
	case MEMBERSHIP_JOIN:
		return TOLD_ROOM;
	case MEMBERSHIP_INVITE:
	case MEMBERSHIP_KNOCK:
		return TOLD_STRIPPED;
	case MEMBERSHIP_LEAVE:
	case MEMBERSHIP_BAN:
	case MEMBERSHIP_NONE:
		break;
	}
	return part->row->listed || part->row->subscribed ? TOLD_ENDED : TOLD_NOTHING;
}

static enum rc put_part(struct part *part)
{
	struct sliding_run *run = part->run;
	struct told_room *told = part->row->told;
	size_t start = run->sync.out->n;
	TRY(sync_room_open(&run->sync, part->row->is.room, &part->room));
	json_put_key(run->sync.out, part->room.view.room.room_id);
	buf_putc(run->sync.out, '{');
	TRY(part->room.own_event_only || part->row->is.membership == MEMBERSHIP_INVITE ||
		    part->row->is.membership == MEMBERSHIP_KNOCK
		? put_stripped_room(part)
		: put_known_room(part));
	buf_putc(run->sync.out, '}');
	told->kind = kind_after(part);
	told->upto = TOLD_LIVE;
	told->is_dm = part->row->is_dm;
	run->news += part->something;
	if (!part->something)
		run->sync.out->n = start;
	return buf_status(run->sync.out);
}

static bool may_have_news(const struct sliding_row *row)
{
	const struct told_room *told = row->told;
	if (told->kind == TOLD_NOTHING || row->changed || told->upto >= 0)
		return true;
	return told->kind == TOLD_ROOM &&
	       (row->timeline_limit > told->timeline_limit || (row->wishes & ~told->wishes) ||
		   row->is_dm != told->is_dm);
}

enum rc sliding_put_room(struct sliding_run *run, struct sliding_row *row)
{
	struct part part = {.run = run, .row = row};
	if (row->timeline_limit <
	    0) { /* nobody wants it: what happens is told when somebody does */
		if (row->changed && row->told->kind != TOLD_NOTHING && row->told->upto == TOLD_LIVE)
			row->told->upto = run->sync.since.pos;
		return RC_OK;
	}
	return may_have_news(row) ? put_part(&part) : RC_OK;
}
