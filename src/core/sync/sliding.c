/* The whole of an answer, and the state that it leaves behind. */
#include "core/sync/sliding_int.h"

#include "core/keys/keys.h"

enum { STATE_MAX_BYTES = 16 * 1024 * 1024 };

static enum rc unknown_pos(struct fail *fail)
{
	return fail_set(
	    fail, RC_UNKNOWN_POS, "pos: this connection is not known (any more): begin a new one");
}

/* Where the request comes from. A position that other processes have reached and this one has not is waited for by asking. */
static enum rc token_check(struct sliding_run *run, struct fail *fail)
{
	struct sliding_token token;
	bool has;
	told_state_init(&run->state);
	if (run->request->pos.n == 0)
		return RC_OK;
	if (!sliding_token_read(run->sync.syncs, run->request->pos, &token) ||
	    token.place.connection == 0)
		return unknown_pos(fail);
	TRY(store_has_position(run->sync.syncs->config.store, token.position.pos, &has));
	if (!has)
		return unknown_pos(fail);
	run->sync.since = token.position;
	run->place = token.place;
	return RC_OK;
}

/* The token of the extension: "d<pos>_<store id>". */
static enum rc to_device_read(struct sliding_run *run, struct fail *fail)
{
	str rest = str_from(run->request->to_device_since, 1), pos;
	if (!run->request->to_device || run->request->to_device_since.n == 0)
		return RC_OK;
	if (str_starts(run->request->to_device_since, STR("d")) && str_split(&rest, '_', &pos) && rest.p &&
	    str_eq(rest, run->sync.syncs->tag) && str_to_i64(pos, 0, INT64_MAX, &run->to_device_since))
		return RC_OK;
	return fail_set(fail, RC_INVALID_PARAM, "to_device: since is not a token of this server");
}

/* `ret_bytes`: the state as it is stored; empty for a connection that begins. */
static enum rc state_load(struct sliding_run *run, str *ret_bytes, struct fail *fail)
{
	*ret_bytes = STR_EMPTY;
	if (run->place.connection == 0)
		return RC_OK;
	enum rc rc = sliding_state_get(run->sync.txn, run->kept, run->request->session,
	    run->request->conn_id, run->place, ret_bytes);
	if (rc == RC_NOT_FOUND)
		return unknown_pos(fail);
	TRY(rc);
	return told_state_read(run->kept, *ret_bytes, &run->state);
}

static enum rc put_rooms(struct sliding_run *run)
{
	struct arena room_arena CLEANUP(arena_release);
	enum rc rc = RC_OK;
	arena_init(&room_arena, run->kept->budget_bytes);
	json_put_key(run->sync.out, STR("rooms"));
	buf_putc(run->sync.out, '{');
	run->sync.arena = &room_arena;
	for (size_t i = 0; i < run->row_count && rc == RC_OK; i++) {
		arena_clear(&room_arena);
		rc = sliding_put_room(run, &run->rows[i]);
	}
	run->sync.arena = run->kept;
	buf_putc(run->sync.out, '}');
	return rc;
}

static enum rc put_answer(struct sliding_run *run, struct fail *fail)
{
	TRY(sliding_wishes_read(run, fail));
	TRY(account_data_since(run->sync.txn, run->kept, run->request->session->user,
	    run->sync.since.pos, &run->sync.account_data, &run->sync.account_data_count));
	TRY(sliding_rows_read(run));
	TRY(sliding_dms_read(run));
	buf_putc(run->sync.out, '{');
	TRY(sliding_match(run));
	TRY(put_rooms(run));
	TRY(sliding_put_extensions(run));
	return buf_status(run->sync.out);
}

/* ---- what it leaves ---- */

struct state_write {
	const struct sliding_run *run;
	str state;
	int64_t now_ms;
	struct sliding_place place;
};

static enum rc write_state(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct state_write *write = arg;
	const struct sliding_request *request = write->run->request;
	enum rc rc = sliding_state_put(txn, request->session, request->conn_id, write->run->place,
	    write->state, write->now_ms, &write->place);
	return rc == RC_NOT_FOUND ? unknown_pos(fail) : rc;
}

/* Another process may know of a later one. */
static int64_t newest_typing(const struct sync_run *sync)
{
	return sync->since.typing_serial > sync->typing_serial ? sync->since.typing_serial
							       : sync->typing_serial;
}

/*
 * An answer without news that would leave another state (rooms changed that nobody wants) keeps the token instead: what it would note is found
 * again from there.
 */
static enum rc put_pos(struct sliding_run *run, str stored, struct fail *fail)
{
	struct sliding_token token = {
	    {.pos = run->sync.to, .typing_serial = newest_typing(&run->sync)}, run->place};
	struct state_write write = {.run = run, .now_ms = run->sync.now_ms};
	struct buf state;
	buf_init(&state, run->kept, STATE_MAX_BYTES);
	told_state_put(&state, &run->state);
	TRY(buf_finish(&state, &write.state));
	bool differs = !str_eq(write.state, stored);
	if (run->place.connection != 0 && differs && run->news == 0)
		token.position = run->sync.since;
	else if (differs)
		TRY(store_write(run->sync.syncs->config.store, write_state, &write, fail));
	if (write.place.connection != 0)
		token.place = write.place;
	json_put_key(run->sync.out, STR("pos"));
	buf_putc(run->sync.out, '"');
	sliding_token_put(run->sync.out, run->sync.syncs, token);
	buf_put(run->sync.out, STR("\"}"));
	return buf_status(run->sync.out);
}

/* Everything that is read, in one view of the database. */
static enum rc answer_read(
    struct sliding_run *run, str *ret_stored, bool *ret_acknowledges, struct fail *fail)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	TRY(txn_ro_begin(run->sync.syncs->config.store, &txn));
	run->sync.txn = txn;
	TRY(sync_session_check(txn, run->kept, run->request->session));
	TRY(txn_committed_pos(txn, &run->sync.to));
	TRY(state_load(run, ret_stored, fail));
	if (run->to_device_since > 0)
		TRY(keys_acknowledgement_due(
		    txn, run->request->session->device, run->to_device_since, ret_acknowledges));
	enum rc rc = put_answer(run, fail);
	run->sync.txn = NULL;
	return rc;
}

enum rc sliding_answer(struct syncs *syncs, struct arena *arena,
    const struct sliding_request *request, bool may_wait, struct buf *out,
    struct sync_mark *ret_mark, struct fail *fail)
{
	struct sync_request plain = {.session = request->session};
	struct sliding_run run = {
	    .sync = {.syncs = syncs, .arena = arena, .request = &plain, .out = out},
	    .kept = arena,
	    .request = request,
	};
	str stored = STR_EMPTY;
	bool acknowledges = false;
	TRY(token_check(&run, fail));
	TRY(to_device_read(&run, fail));
	run.sync.typing_serial =
	    typing_serial(syncs->typing); /* before the store, as in sync_answer() */
	sync_typing_since_check(&run.sync);
	run.sync.now_ms = clock_wall_ms(syncs->config.clock);
	TRY(answer_read(&run, &stored, &acknowledges, fail));
	if (acknowledges) {
		enum rc rc = keys_acknowledge(syncs->config.store, request->session->device, run.to_device_since);
		(void)rc; /* as in sync_answer(): nothing is told again */
	}
	*ret_mark = (struct sync_mark){
	    .pos = run.sync.to,
	    .typing_serial = run.sync.typing_serial,
	    .empty = run.news == 0 && run.place.connection != 0,
	};
	return ret_mark->empty && may_wait ? RC_OK : put_pos(&run, stored, fail);
}
