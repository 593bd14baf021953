/* Filters of lists: MSC4186, "SlidingRoomFilter". Each is asked only when it is set. */
#include "core/sync/sliding_int.h"

#include "codec/canonical.h"

#include <stdlib.h>

/* Rooms by number, ascending. */
struct room_set {
	int64_t *rooms;
	size_t count, capacity;
	struct arena *arena;
};

static enum rc set_add(struct room_set *set, int64_t room)
{
	if (set->count == set->capacity) {
		size_t capacity = set->capacity ? set->capacity * 2 : 32;
		set->rooms = arena_grow(set->arena, set->rooms, set->capacity * sizeof *set->rooms,
		    capacity * sizeof *set->rooms);
		TRY(arena_status(set->arena));
		set->capacity = capacity;
	}
	set->rooms[set->count++] = room;
	return RC_OK;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void set_sort(struct room_set *set)
{
	if (set->count)
		qsort(set->rooms, set->count, sizeof *set->rooms, by_number);
}

static bool set_has(const struct room_set *set, int64_t room)
{
	return set->count && bsearch(&room, set->rooms, set->count, sizeof *set->rooms, by_number);
}

static void keep_if(
    const struct sliding_run *run, const struct room_set *set, bool inside, bool *pass)
{
	for (size_t i = 0; i < run->row_count; i++)
		pass[i] = pass[i] && set_has(set, run->rows[i].is.room) == inside;
}

static enum rc set_add_id(struct sliding_run *run, struct room_set *set, str room_id)
{
	struct room_row room;
	enum rc rc = room_find(run->sync.txn, run->sync.arena, room_id, &room);
	return rc == RC_OK ? set_add(set, room.room) : rc == RC_NOT_FOUND ? RC_OK : rc;
}

static bool flag_allows(enum sliding_flag flag, bool is)
{
	return flag == SLIDING_ANY || (flag == SLIDING_YES) == is;
}

/* ---- direct chats ---- */

/* {user: [room ids]}: whatever else a client put there is passed over. */
static enum rc dms_collect(struct sliding_run *run, json content, struct room_set *set)
{
	struct json_iter users = json_iter(content);
	json list, id;
	str room_id;
	while (json_next(&users, NULL, &list)) {
		struct json_iter ids = json_iter(json_is_array(list) ? list : NULL);
		while (json_next(&ids, NULL, &id))
			if (json_text(id, &room_id))
				TRY(set_add_id(run, set, room_id));
	}
	return RC_OK;
}

enum rc sliding_dms_read(struct sliding_run *run)
{
	struct room_set set = {.arena = run->sync.arena};
	str content;
	json root;
	enum rc rc = account_data_get(run->sync.txn, run->sync.arena, run->request->session->user,
	    0, STR("m.direct"), &content);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	TRY(rc);
	TRY(json_parse(run->sync.arena, content, &root, NULL));
	TRY(dms_collect(run, json_is_object(root) ? root : NULL, &set));
	set_sort(&set);
	for (size_t i = 0; i < run->row_count; i++)
		run->rows[i].is_dm = set_has(&set, run->rows[i].is.room);
	return RC_OK;
}

/* ---- type and encryption ---- */

static str type_in(struct arena *arena, str canonical)
{
	str key, value;
	json content;
	while (canonical_next_member(&canonical, &key, &value))
		if (str_eq(key, STR("content")))
			return json_parse(arena, value, &content, NULL) == RC_OK
				   ? json_get_text(content, STR("type"))
				   : STR_EMPTY;
	return STR_EMPTY;
}

/* Of a room where the user is not (any more): as it was at their own membership. */
static enum rc kind_then(struct sliding_run *run, struct sliding_row *row)
{
	struct event_row own, event;
	TRY(event_get(run->sync.txn, run->sync.arena, row->is.event, &own));
	enum rc rc = state_event(
	    run->sync.txn, run->sync.arena, own.current, STR("m.room.create"), STR_EMPTY, &event);
	if (rc == RC_OK)
		row->type = type_in(run->sync.arena, event.canonical);
	if (rc == RC_OK || rc == RC_NOT_FOUND)
		rc = state_event(run->sync.txn, run->sync.arena, own.current,
		    STR("m.room.encryption"), STR_EMPTY, &event);
	row->is_encrypted = rc == RC_OK;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Once for all lists. */
static enum rc kinds_read(struct sliding_run *run)
{
	struct room_kind *kinds;
	size_t count;
	if (run->has_kinds)
		return RC_OK;
	TRY(user_room_kinds(
	    run->sync.txn, run->sync.arena, run->request->session->user, &kinds, &count));
	for (size_t i = 0; i < count; i++) {
		struct sliding_row *row = sliding_row(run, kinds[i].room);
		if (row) {
			row->type = kinds[i].type;
			row->is_encrypted = kinds[i].is_encrypted;
		}
	}
	for (size_t i = 0; i < run->row_count; i++)
		if (run->rows[i].is.membership != MEMBERSHIP_JOIN)
			TRY(kind_then(run, &run->rows[i]));
	run->has_kinds = true;
	return RC_OK;
}

static bool names_hold(const struct sliding_names *names, str name)
{
	for (size_t i = 0; i < names->count; i++)
		if (str_eq(names->names[i], name))
			return true;
	return name.n == 0 && names->none;
}

static enum rc keep_kinds(
    struct sliding_run *run, const struct sliding_filters *filters, bool *pass)
{
	TRY(kinds_read(run));
	for (size_t i = 0; i < run->row_count; i++) {
		const struct sliding_row *row = &run->rows[i];
		pass[i] =
		    pass[i] && flag_allows(filters->is_encrypted, row->is_encrypted) &&
		    (!filters->room_types.given || names_hold(&filters->room_types, row->type)) &&
		    !(filters->not_room_types.given &&
			names_hold(&filters->not_room_types, row->type));
	}
	return RC_OK;
}

/* ---- spaces ---- */

struct children {
	struct sliding_run *run;
	struct room_set *set;
	struct arena scratch;
};

/* A child whose event has no `via` is none any more: Client-Server API, "Spaces". */
static enum rc child_seen(void *self, const struct state_entry *entry)
{
	struct children *children = self;
	struct event_row event;
	str canonical, key, value;
	json content = NULL;
	arena_clear(&children->scratch);
	TRY(event_get(children->run->sync.txn, &children->scratch, entry->event, &event));
	canonical = event.canonical;
	while (canonical_next_member(&canonical, &key, &value))
		if (str_eq(key, STR("content")) &&
		    json_parse(&children->scratch, value, &content, NULL) != RC_OK)
			content = NULL;
	if (!json_is_array(json_get(content, STR("via"))))
		return RC_OK;
	return set_add_id(children->run, children->set, event.state_key);
}

static enum rc keep_children(
    struct sliding_run *run, const struct sliding_names *spaces, bool *pass)
{
	struct room_set set = {.arena = run->sync.arena};
	struct children children = {.run = run, .set = &set};
	int64_t type = 0;
	enum rc rc = type_nid_find(run->sync.txn, STR("m.space.child"), &type);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	arena_init(&children.scratch, run->sync.arena->budget_bytes);
	for (size_t i = 0; i < spaces->count && type != 0 && (rc == RC_OK || rc == RC_NOT_FOUND);
	     i++) {
		struct room_row room;
		rc = room_find(run->sync.txn, run->sync.arena, spaces->names[i], &room);
		const struct sliding_row *row = rc == RC_OK ? sliding_row(run, room.room) : NULL;
		if (row && row->is.membership == MEMBERSHIP_JOIN)
			rc = snapshot_each(
			    run->sync.txn, row->is.snapshot, type, child_seen, &children);
	}
	arena_release(&children.scratch);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	set_sort(&set);
	keep_if(run, &set, true, pass);
	return RC_OK;
}

/* ---- tags ---- */

static bool any_tag(json tags, const struct sliding_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		if (json_get(tags, names->names[i]))
			return true;
	return false;
}

static enum rc keep_tags(struct sliding_run *run, const struct sliding_filters *filters, bool *pass)
{
	struct room_set wanted = {.arena = run->sync.arena}, unwanted = wanted;
	struct account_data_row *rows;
	size_t count;
	TRY(account_data_of_type(run->sync.txn, run->sync.arena, run->request->session->user,
	    STR("m.tag"), &rows, &count));
	for (size_t i = 0; i < count; i++) {
		json root;
		TRY(json_parse(run->sync.arena, rows[i].content, &root, NULL));
		json tags = json_get(root, STR("tags"));
		if (any_tag(tags, &filters->tags))
			TRY(set_add(&wanted, rows[i].room));
		if (any_tag(tags, &filters->not_tags))
			TRY(set_add(&unwanted, rows[i].room));
	}
	set_sort(&wanted);
	set_sort(&unwanted);
	if (filters->tags.given)
		keep_if(run, &wanted, true, pass);
	if (filters->not_tags.given)
		keep_if(run, &unwanted, false, pass);
	return RC_OK;
}

/* ---- all of them ---- */

enum rc sliding_filter(
    struct sliding_run *run, const struct sliding_filters *filters, bool *ret_pass)
{
	for (size_t i = 0; i < run->row_count; i++)
		ret_pass[i] = flag_allows(filters->is_dm, run->rows[i].is_dm) &&
			      flag_allows(filters->is_invited,
				  run->rows[i].is.membership == MEMBERSHIP_INVITE);
	if (filters->tags.given || filters->not_tags.given)
		TRY(keep_tags(run, filters, ret_pass));
	if (filters->spaces.given)
		TRY(keep_children(run, &filters->spaces, ret_pass));
	if (filters->is_encrypted != SLIDING_ANY || filters->room_types.given ||
	    filters->not_room_types.given)
		TRY(keep_kinds(run, filters, ret_pass));
	return RC_OK;
}
