/* The whole of a /sync answer: token, account data, keys (encryption.c) and the rooms (rooms.c). */
#include "core/sync/sync_int.h"

#include "base/heap.h"
#include "core/account/account_data.h"
#include "core/keys/keys.h"
#include "matrix/push_rules.h"

enum {
	EVENT_WHOLE_MAX_BYTES = 8 * EVENT_MAX_BYTES, /* with what stands in its unsigned */
};

enum rc syncs_new(const struct syncs_config *config, struct syncs **ret_syncs)
{
	struct syncs *syncs = heap_zero(1, sizeof *syncs);
	if (!syncs)
		return RC_NOMEM;
	syncs->config = *config;
	syncs->tag = store_tag(config->store);
	enum rc rc = told_new(&syncs->told);
	if (rc == RC_OK)
		rc = typing_new(config->clock, config->notifier, &syncs->typing);
	if (rc != RC_OK) {
		syncs_free(syncs);
		return rc;
	}
	*ret_syncs = syncs;
	return RC_OK;
}

void syncs_free(struct syncs *syncs)
{
	if (!syncs)
		return;
	typing_free(syncs->typing);
	told_free(syncs->told);
	heap_free(syncs);
}

bool sync_wants(const struct sync_run *run, enum sync_section section, str room_id, str type)
{
	const struct filter *filter = run->request->filter;
	if (!filter)
		return true;
	const struct event_filter *part = section == SYNC_ACCOUNT_DATA        ? &filter->account_data
	                                  : section == SYNC_ROOM_ACCOUNT_DATA ? &filter->room.account_data
	                                                                      : &filter->room.ephemeral;
	return filter_allows(part, type, STR_EMPTY) && (!room_id.n || filter_section_allows_room(part, room_id));
}

void sync_put_typed_content(struct buf *out, str type, str content)
{
	json_put_comma(out);
	buf_put(out, STR("{\"content\":"));
	buf_put(out, content);
	buf_put(out, STR(",\"type\":"));
	json_put_text(out, type);
	buf_putc(out, '}');
}

static enum rc put_whole_event(struct sync_run *run, struct arena *scratch, struct buf *out,
    const struct room_view *view, const struct event_row *event)
{
	const struct filter *filter = run->request->filter;
	struct event_reader reader = {
	    .view = view,
	    .form =
		filter && filter->federation_format ? EVENT_FORM_FEDERATION : EVENT_FORM_SYNC,
	    .device = run->request->session->device,
	    .now_ms = run->now_ms,
	    .bundles = run->bundles,
	};
	return room_event_put_to(run->txn, scratch, out, &reader, event);
}

enum rc sync_put_event(struct sync_run *run, struct arena *scratch, const struct room_view *view,
    const struct event_row *event)
{
	const struct filter *filter = run->request->filter;
	struct buf whole;
	str text;
	json_put_comma(run->out);
	if (!filter || !filter->event_fields.given)
		return put_whole_event(run, scratch, run->out, view, event);
	buf_init(&whole, scratch, EVENT_WHOLE_MAX_BYTES);
	TRY(put_whole_event(run, scratch, &whole, view, event));
	TRY(buf_finish(&whole, &text));
	filter_put_fields(filter, run->out, text);
	return buf_status(run->out);
}

/* An account that never changed them has the server's. */
static enum rc put_default_push_rules(struct sync_run *run)
{
	str rules;
	TRY(push_rules_content(run->arena, run->request->session->user_id, STR_EMPTY, &rules));
	sync_put_typed_content(run->out, STR("m.push_rules"), rules);
	return RC_OK;
}

enum rc sync_put_global_account_data(struct sync_run *run, size_t *ret_count)
{
	size_t shown = 0;
	bool own_rules = false;
	TRY(account_data_show(run->arena, run->request->session->user_id, run->account_data,
	    run->account_data_count));
	for (size_t i = 0; i < run->account_data_count; i++) {
		const struct account_data_row *row = &run->account_data[i];
		if (row->room != 0 || row->pos > run->to || !sync_wants(run, SYNC_ACCOUNT_DATA, STR_EMPTY, row->type))
			continue;
		sync_put_typed_content(run->out, row->type, row->content);
		own_rules = own_rules || str_eq(row->type, STR("m.push_rules"));
		shown++;
	}
	if (run->initial && !own_rules &&
	    sync_wants(run, SYNC_ACCOUNT_DATA, STR_EMPTY, STR("m.push_rules")))
		TRY(put_default_push_rules(run));
	*ret_count = shown;
	return RC_OK;
}

static enum rc put_global_account_data(struct sync_run *run, bool *ret_any)
{
	size_t count;
	json_put_key(run->out, STR("account_data"));
	buf_put(run->out, STR("{\"events\":["));
	TRY(sync_put_global_account_data(run, &count));
	buf_put(run->out, STR("]}"));
	*ret_any = count > 0;
	return RC_OK;
}

/* Another process may know of a later one. */
static int64_t newest_typing(const struct sync_run *run)
{
	return run->since.typing_serial > run->typing_serial ? run->since.typing_serial : run->typing_serial;
}

static enum rc put_answer(struct sync_run *run, bool *ret_empty)
{
	bool any_rooms, any_data, any_keys;
	buf_putc(run->out, '{');
	TRY(put_global_account_data(run, &any_data));
	TRY(sync_put_encryption(run, &any_keys));
	TRY(sync_put_rooms(run, &any_rooms));
	json_put_key(run->out, STR("next_batch"));
	buf_putc(run->out, '"');
	sync_since_put(run->out, run->syncs,
	    (struct sync_position){run->to, newest_typing(run), run->to_device});
	buf_put(run->out, STR("\"}"));
	*ret_empty = !run->initial && !any_rooms && !any_data && !any_keys;
	return buf_status(run->out);
}

void sync_typing_since_check(struct sync_run *run)
{
	if (run->since.typing_serial > run->typing_serial && store_process(run->syncs->config.store) == 0)
		run->since.typing_serial = 1;
}

enum rc sync_session_check(struct txn_ro *txn, struct arena *scratch, const struct session *session)
{
	struct device device;
	TRY(account_check_generation(txn, session->user, session->generation));
	if (session->device == 0)
		return RC_OK;
	enum rc rc = device_find(txn, scratch, session->user, session->device_id, &device);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && device.nid != session->device))
		return RC_UNKNOWN_TOKEN;
	return rc;
}

static enum rc answer_read(struct sync_run *run, struct sync_mark *ret_mark, bool *ret_acknowledges)
{
	const struct session *session = run->request->session;
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	TRY(txn_ro_begin(run->syncs->config.store, &txn));
	run->txn = txn;
	TRY(sync_session_check(txn, run->arena, session));
	TRY(txn_committed_pos(txn, &run->to));
	TRY(account_data_since(txn, run->arena, session->user, run->since.pos, &run->account_data,
	    &run->account_data_count));
	if (!run->initial)
		TRY(keys_acknowledgement_due(
		    txn, session->device, run->since.to_device, ret_acknowledges));
	TRY(put_answer(run, &ret_mark->empty));
	ret_mark->pos = run->to;
	ret_mark->typing_serial = run->typing_serial;
	return RC_OK;
}

enum rc sync_answer(struct syncs *syncs, struct arena *arena, const struct sync_request *request, struct buf *out,
                    struct sync_mark *ret_mark, struct fail *fail)
{
	struct sync_run run = {.syncs = syncs, .arena = arena, .request = request, .out = out};
	struct sync_mark mark = {0};
	bool acknowledges = false;
	run.initial = request->since.n == 0;
	if (!run.initial)
		TRY(sync_since_parse(syncs, request->since, &run.since, fail));
	run.typing_serial = typing_serial(syncs->typing); /* before the store: what comes between is told twice, never lost */
	sync_typing_since_check(&run);
	run.now_ms = clock_wall_ms(syncs->config.clock);
	TRY(answer_read(&run, &mark, &acknowledges));
	if (acknowledges) {
		enum rc rc = keys_acknowledge(
		    syncs->config.store, request->session->device, run.since.to_device);
		(void)
		    rc; /* nothing is told again: a disk that is full must not keep anybody from reading */
	}
	*ret_mark = mark;
	return RC_OK;
}

/* The rooms the user is joined to; invites and the like reach the user by the user's own key. */
static enum rc watched_rooms(
    struct syncs *syncs, struct arena *scratch, int64_t user, int64_t **ret_rooms, size_t *ret_count)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	TRY(txn_ro_begin(syncs->config.store, &txn));
	return rooms_of_user(txn, scratch, user, MEMBERSHIP_JOIN, ret_rooms, ret_count);
}

/* Asked after the watch stands, so that nothing falls between the answer and the watch. */
static enum rc something_moved(struct syncs *syncs, struct arena *scratch, const struct session *session,
                               const struct sync_mark *mark, bool *ret_moved)
{
	int64_t pos;
	struct account account;
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	TRY(txn_ro_begin(syncs->config.store, &txn));
	TRY(sync_session_check(txn, scratch, session));
	TRY(account_get(txn, scratch, session->user, &account));
	TRY(txn_committed_pos(txn, &pos));
	*ret_moved = pos != mark->pos || typing_serial(syncs->typing) != mark->typing_serial || account.locked;
	return RC_OK;
}

enum rc sync_watch(struct syncs *syncs, struct arena *scratch, const struct session *session,
                   const struct sync_mark *mark, void (*wake)(void *self), void *self, struct watch **ret_watch)
{
	int64_t *rooms;
	size_t count;
	struct watch *watch;
	bool moved = false;
	TRY(watched_rooms(syncs, scratch, session->user, &rooms, &count));
	TRY(watch_new(syncs->config.notifier, session->user, rooms, count, wake, self, &watch));
	enum rc rc = something_moved(syncs, scratch, session, mark, &moved);
	if (rc != RC_OK) {
		watch_free(watch);
		return rc;
	}
	if (moved)
		wake(self);
	*ret_watch = watch;
	return RC_OK;
}
