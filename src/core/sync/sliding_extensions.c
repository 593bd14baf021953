/*
 * "extensions": what is not of a room's events. Each says by its scope of which rooms it tells; what changes while a room is out of scope, or the
 * extension is off, is told when it comes back.
 */
#include "core/sync/sliding_int.h"

#include "core/keys/keys.h"

#include <stdlib.h>

/* A scope in numbers. */
struct scope {
	const struct sliding_scope *of;
	uint64_t lists[LIST_WORDS];
	int64_t *rooms;
	size_t room_count;
};

static enum rc scope_read(
    struct sliding_run *run, const struct sliding_scope *of, struct scope *ret_scope)
{
	const struct sliding_request *request = run->request;
	struct scope scope = {.of = of, .rooms = arena_array(run->kept, int64_t, of->room_count)};
	TRY(arena_status(run->kept));
	for (size_t i = 0; i < request->list_count; i++)
		for (size_t j = 0; j < of->list_count; j++)
			if (str_eq(request->lists[i].name, of->lists[j]))
				scope.lists[i / 64] |= UINT64_C(1) << i % 64;
	for (size_t i = 0; i < of->room_count; i++) {
		struct room_row room;
		enum rc rc = room_find(run->sync.txn, run->sync.arena, of->rooms[i], &room);
		if (rc == RC_OK)
			scope.rooms[scope.room_count++] = room.room;
		else if (rc != RC_NOT_FOUND)
			return rc;
	}
	*ret_scope = scope;
	return RC_OK;
}

/* Who was never in a room, or is gone from it, is told nothing beside it. */
static bool is_in_scope(const struct scope *scope, const struct sliding_row *row)
{
	if (!scope->of->enabled || row->is.membership != MEMBERSHIP_JOIN)
		return false;
	if (row->subscribed && scope->of->all_subscriptions)
		return true;
	for (size_t i = 0; i < LIST_WORDS; i++)
		if (row->lists[i] & (scope->of->all_lists ? UINT64_MAX : scope->lists[i]))
			return true;
	for (size_t i = 0; row->subscribed && i < scope->room_count; i++)
		if (scope->rooms[i] == row->is.room)
			return true;
	return false;
}

static enum rc put_room_key(struct sliding_run *run, int64_t nid)
{
	struct room_row room;
	TRY(room_get(run->sync.txn, run->sync.arena, nid, &room));
	json_put_key(run->sync.out, room.room_id);
	return RC_OK;
}

/* Rooms by number, ascending. */
struct changed {
	int64_t *rooms;
	size_t count;
};

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void changed_sort(struct changed *changed)
{
	if (changed->count)
		qsort(changed->rooms, changed->count, sizeof *changed->rooms, by_number);
}

static bool changed_has(const struct changed *changed, int64_t room)
{
	return changed->count &&
	       bsearch(&room, changed->rooms, changed->count, sizeof *changed->rooms, by_number);
}

/* Something happened that is not told now. */
static void miss(const struct sliding_run *run, int64_t *upto)
{
	if (*upto == TOLD_LIVE)
		*upto = run->sync.since.pos;
}

/* ---- account data ---- */

static bool is_news(
    const struct sliding_run *run, const struct account_data_row *row, int64_t since)
{
	return row->pos > since && row->pos <= run->sync.to;
}

/* All of a room's rows after a position, or those that the request's span holds. */
static enum rc put_data_of_room(struct sliding_run *run, const struct account_data_row *rows,
    size_t count, int64_t room, int64_t since)
{
	size_t start = run->sync.out->n, put = 0;
	TRY(put_room_key(run, room));
	buf_putc(run->sync.out, '[');
	for (size_t i = 0; i < count; i++) {
		if (rows[i].room != room || !is_news(run, &rows[i], since))
			continue;
		sync_put_typed_content(run->sync.out, rows[i].type, rows[i].content);
		put++;
	}
	buf_putc(run->sync.out, ']');
	if (!put)
		run->sync.out->n = start;
	run->news += put;
	return buf_status(run->sync.out);
}

static enum rc put_data_of_row(struct sliding_run *run, struct sliding_row *row, bool changed)
{
	struct account_data_row *rows = run->sync.account_data;
	size_t count = run->sync.account_data_count;
	int64_t upto = row->told->account_data_upto, since = upto < 0 ? 0 : upto;
	if (upto == TOLD_LIVE && !changed)
		return RC_OK;
	if (upto == TOLD_LIVE)
		since = run->sync.since.pos;
	else
		TRY(account_data_of_room(run->sync.txn, run->sync.arena,
		    run->request->session->user, row->is.room, &rows, &count));
	row->told->account_data_upto = TOLD_LIVE;
	return put_data_of_room(run, rows, count, row->is.room, since);
}

static enum rc data_changed(struct sliding_run *run, struct changed *ret_changed)
{
	struct changed changed = {
	    .rooms = arena_array(run->kept, int64_t, run->sync.account_data_count)};
	TRY(arena_status(run->kept));
	for (size_t i = 0; i < run->sync.account_data_count && run->place.connection != 0; i++)
		if (is_news(run, &run->sync.account_data[i], run->sync.since.pos))
			changed.rooms[changed.count++] = run->sync.account_data[i].room;
	changed_sort(&changed);
	*ret_changed = changed;
	return RC_OK;
}

/* What a connection that begins, or whose extension was off for a while, has to hear. */
static enum rc global_data_since(struct sliding_run *run)
{
	int64_t upto = run->state.account_data_upto;
	run->sync.initial = upto == TOLD_NEVER;
	if (upto == TOLD_LIVE)
		return RC_OK;
	return account_data_since(run->sync.txn, run->sync.arena, run->request->session->user,
	    upto < 0 ? 0 : upto, &run->sync.account_data, &run->sync.account_data_count);
}

static enum rc put_account_data(struct sliding_run *run)
{
	size_t count;
	struct scope scope;
	struct changed changed;
	TRY(scope_read(run, &run->request->account_data, &scope));
	TRY(data_changed(run, &changed));
	json_put_key(run->sync.out, STR("account_data"));
	buf_put(run->sync.out, STR("{\"global\":["));
	TRY(global_data_since(run));
	TRY(sync_put_global_account_data(&run->sync, &count));
	run->news += count;
	run->state.account_data_upto = TOLD_LIVE;
	buf_put(run->sync.out, STR("],\"rooms\":{"));
	for (size_t i = 0; i < run->row_count; i++) {
		struct sliding_row *row = &run->rows[i];
		bool has_changed = changed_has(&changed, row->is.room);
		if (is_in_scope(&scope, row))
			TRY(put_data_of_row(run, row, has_changed));
		else if (has_changed)
			miss(run, &row->told->account_data_upto);
	}
	buf_put(run->sync.out, STR("}}"));
	return buf_status(run->sync.out);
}

static void miss_account_data(struct sliding_run *run)
{
	for (size_t i = 0; i < run->sync.account_data_count; i++) {
		const struct account_data_row *data = &run->sync.account_data[i];
		struct sliding_row *row = sliding_row(run, data->room);
		if (data->room == 0)
			miss(run, &run->state.account_data_upto);
		else if (row)
			miss(run, &row->told->account_data_upto);
	}
}

/* ---- receipts ---- */

static bool is_shown(const struct sliding_row *row, str event_id)
{
	for (size_t i = 0; i < row->shown_count; i++)
		if (str_eq(row->shown[i], event_id))
			return true;
	return false;
}

/* Of a room that is shown anew: the reader's own, and those on what is shown. */
static size_t keep_shown(const struct sliding_run *run, const struct sliding_row *row,
    struct receipt_row *receipts, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (is_shown(row, receipts[i].event_id) ||
		    str_eq(receipts[i].user_id, run->request->session->user_id))
			receipts[kept++] = receipts[i];
	return kept;
}

static enum rc put_receipts_of(struct sliding_run *run, struct sliding_row *row)
{
	struct sync_run *sync = &run->sync;
	struct receipt_row *receipts;
	size_t count;
	int64_t upto = row->told->receipts_upto;
	int64_t since = row->is_shown_anew || upto == TOLD_NEVER ? 0
			: upto == TOLD_LIVE                      ? sync->since.pos
								 : upto;
	TRY(receipts_since(sync->txn, sync->arena, row->is.room, run->request->session->user, since,
	    sync->to, &receipts, &count));
	if (row->is_shown_anew)
		count = keep_shown(run, row, receipts, count);
	row->told->receipts_upto = TOLD_LIVE;
	run->news += count;
	if (!count)
		return RC_OK;
	TRY(put_room_key(run, row->is.room));
	sync_put_receipt_event(sync->out, receipts, count);
	return buf_status(sync->out);
}

/* Without a scope, only what is missed is noted. */
static enum rc put_receipts(struct sliding_run *run)
{
	struct scope scope;
	struct changed changed = {0};
	TRY(scope_read(run, &run->request->receipts, &scope));
	if (run->place.connection != 0)
		TRY(receipt_rooms_changed_for(run->sync.txn, run->kept, run->request->session->user,
		    run->sync.since.pos, run->sync.to, &changed.rooms, &changed.count));
	changed_sort(&changed);
	for (size_t i = 0; i < run->row_count; i++) {
		struct sliding_row *row = &run->rows[i];
		bool has_changed = changed_has(&changed, row->is.room);
		if (!is_in_scope(&scope, row)) {
			if (has_changed)
				miss(run, &row->told->receipts_upto);
		} else if (has_changed || row->is_shown_anew ||
			   row->told->receipts_upto != TOLD_LIVE) {
			TRY(put_receipts_of(run, row));
		}
	}
	return RC_OK;
}

static bool any_receipts_told(const struct sliding_run *run)
{
	for (size_t i = 0; i < run->row_count; i++)
		if (run->rows[i].told->receipts_upto == TOLD_LIVE)
			return true;
	return false;
}

/* ---- typing ---- */

static enum rc put_typing_of(struct sliding_run *run, const struct sliding_row *row)
{
	size_t start = run->sync.out->n;
	TRY(put_room_key(run, row->is.room));
	if (typing_put_event(run->sync.syncs->typing, row->is.room,
		row->is_shown_anew ? 0 : run->sync.since.typing_serial, run->sync.out))
		run->news++;
	else
		run->sync.out->n = start;
	return buf_status(run->sync.out);
}

static enum rc put_typing(struct sliding_run *run)
{
	struct scope scope;
	struct changed changed;
	TRY(scope_read(run, &run->request->typing, &scope));
	TRY(typing_rooms_since(run->sync.syncs->typing, run->kept, run->sync.since.typing_serial,
	    &changed.rooms, &changed.count));
	changed_sort(&changed);
	for (size_t i = 0; i < run->row_count; i++) {
		const struct sliding_row *row = &run->rows[i];
		if ((changed_has(&changed, row->is.room) || row->is_shown_anew) &&
		    is_in_scope(&scope, row))
			TRY(put_typing_of(run, row));
	}
	return RC_OK;
}

/* ---- all of them ---- */

static enum rc put_rooms_of(
    struct sliding_run *run, const char *name, enum rc (*put)(struct sliding_run *run))
{
	json_put_key(run->sync.out, str_of(name));
	buf_put(run->sync.out, STR("{\"rooms\":{"));
	TRY(put(run));
	buf_put(run->sync.out, STR("}}"));
	return buf_status(run->sync.out);
}

/* ---- end-to-end encryption ---- */

/* A client that has just come asks for the keys of whom it needs; only later changes are told. */
static enum rc put_keys(struct sliding_run *run)
{
	struct sync_run *sync = &run->sync;
	int64_t upto = run->state.device_lists_upto, device = run->request->session->device;
	bool any = false;
	json_put_key(sync->out, STR("e2ee"));
	buf_putc(sync->out, '{');
	json_put_key(sync->out, STR("device_one_time_keys_count"));
	TRY(keys_put_counts(sync->txn, sync->arena, device, sync->out));
	json_put_key(sync->out, STR("device_unused_fallback_key_types"));
	TRY(keys_put_unused_fallbacks(sync->txn, sync->arena, device, sync->out));
	if (upto != TOLD_NEVER) {
		json_put_key(sync->out, STR("device_lists"));
		TRY(keys_put_device_lists(sync->txn, sync->arena, run->request->session->user,
		    upto == TOLD_LIVE ? sync->since.pos : upto, sync->to, sync->out, &any));
	}
	buf_putc(sync->out, '}');
	run->state.device_lists_upto = TOLD_LIVE;
	run->news += any;
	return buf_status(sync->out);
}

/* MSC3885: a place of its own, so that a message is only gone once the client says that it has it. */
static enum rc put_to_device(struct sliding_run *run)
{
	struct sync_run *sync = &run->sync;
	int64_t upto;
	size_t count;
	json_put_key(sync->out, STR("to_device"));
	buf_put(sync->out, STR("{\"events\":["));
	TRY(keys_put_to_device(sync->txn, run->request->session->device, run->to_device_since, sync->to,
	    (size_t)run->request->to_device_limit, sync->out, &count, &upto));
	buf_put(sync->out, STR("],\"next_batch\":"));
	json_put_text(sync->out, arena_printf(sync->arena, "d%lld_%.*s", (long long)upto, STR_ARG(sync->syncs->tag)));
	buf_putc(sync->out, '}');
	run->news += count;
	return buf_status(sync->out);
}

enum rc sliding_put_extensions(struct sliding_run *run)
{
	const struct sliding_request *request = run->request;
	json_put_key(run->sync.out, STR("extensions"));
	buf_putc(run->sync.out, '{');
	if (request->account_data.enabled)
		TRY(put_account_data(run));
	else
		miss_account_data(run);
	if (request->receipts.enabled)
		TRY(put_rooms_of(run, "receipts", put_receipts));
	else if (any_receipts_told(run))
		TRY(put_receipts(run));
	if (request->typing.enabled)
		TRY(put_rooms_of(run, "typing", put_typing));
	if (request->e2ee)
		TRY(put_keys(run));
	else
		miss(run, &run->state.device_lists_upto);
	if (request->to_device)
		TRY(put_to_device(run));
	buf_putc(run->sync.out, '}');
	return buf_status(run->sync.out);
}
