/*
 * One event from the wish to the disk: prepared, checked, built and judged on the room's head, written, answered.
 *
 * A write that fails only because its predecessor did (RC_CONFLICT) is begun again from the wish, on the fresh head.
 * An answer that names an event already sent (same transaction id, same state) waits, too, until that event is on disk.
 */
#include "codec/canonical.h"
#include "core/room/room_int.h"

static void op_end(struct event_op *op, enum rc rc)
{
	op->done(op, rc);
}

static void op_again(struct room_task *task)
{
	struct event_op *op = CONTAINER_OF(task, struct event_op, task);
	sequencer_submit(op->rooms, op->room_id, &op->op);
}

/* Tries again on the rooms' own thread, or reports `rc` when that was tried often enough. */
static void op_retry(struct event_op *op, enum rc rc)
{
	op->task.run = op_again;
	if (op->tries >= TRIES_MAX || !rooms_task(op->rooms, &op->task))
		op_end(op, rc);
}

/*
 * Succeeds when the event that is to be the answer is there, committed before this job or in its group. What was to
 * happen along with the event happens without it.
 */
static enum rc confirm_write(struct txn_rw *txn, struct write_job *job)
{
	struct event_op *op = CONTAINER_OF(job, struct event_op, confirm);
	int64_t event;
	enum rc rc = op->unsure ? event_nid_find(txn_reading(txn), op->event_id, &event) : RC_OK;
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_CONFLICT : rc;
	return op->along.run ? op->along.run(txn, op->along.self, op->event_id, op->fail) : RC_OK;
}

static void confirm_done(struct write_job *job, enum rc rc)
{
	struct event_op *op = CONTAINER_OF(job, struct event_op, confirm);
	if (rc == RC_CONFLICT)
		op_retry(op, rc);
	else
		op_end(op, rc);
}

static void op_confirm(struct event_op *op)
{
	op->confirm = (struct write_job){.write = confirm_write, .done = confirm_done, .fail = op->fail};
	store_submit(op->rooms->config.store, &op->confirm);
}

/* The transaction id was used: the answer is the event that was sent then, if that one reached the disk. */
static void txn_lookup(struct room_task *task)
{
	struct event_op *op = CONTAINER_OF(task, struct event_op, task);
	const struct event_insert *insert = &op->write.insert;
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	enum rc rc = txn_ro_begin(op->rooms->config.store, &txn);
	if (rc == RC_OK)
		rc = event_by_txn(txn, op->arena, insert->txn_device, insert->room, insert->type, insert->txn_id,
		                  &op->event_id);
	txn_ro_end(&txn);
	if (rc == RC_NOT_FOUND)
		op_retry(op, RC_CONFLICT);
	else
		op_end(op, rc);
}

static void op_written(struct room_write *write, enum rc rc)
{
	struct event_op *op = CONTAINER_OF(write, struct event_op, write);
	if (rc == RC_OK)
		op->event_id = write->insert.event_id;
	if (rc == RC_EXISTS && write->insert.txn_id.n) {
		op->task.run = txn_lookup;
		if (!rooms_task(op->rooms, &op->task))
			op_end(op, RC_STOPPING);
	} else if (rc == RC_CONFLICT) {
		op_retry(op, rc);
	} else {
		op_end(op, rc);
	}
}

static uint64_t txn_hash(const struct event_request *request)
{
	uint64_t hash = UINT64_C(14695981039346656037) ^ (uint64_t)request->actor.device;
	for (size_t i = 0; i < request->txn_id.n; i++)
		hash = (hash ^ (unsigned char)request->txn_id.p[i]) * UINT64_C(1099511628211);
	for (size_t i = 0; i < request->type.n; i++)
		hash = (hash ^ (unsigned char)request->type.p[i]) * UINT64_C(1099511628211);
	return hash | 1;
}

static bool txn_is_recent(struct room_head *head, uint64_t hash)
{
	for (unsigned i = 0; i < HEAD_RECENT_MAX; i++)
		if (head->recent[i] == hash)
			return true;
	head->recent[head->recent_next++ % HEAD_RECENT_MAX] = hash;
	return false;
}

/*
 * A transaction id that the head saw not long ago is looked up before anything is built; all others are left to the
 * unique index, which decides at commit.
 */
static enum rc txn_seen(struct event_op *op, struct build *build, const struct event_request *request, bool careful)
{
	if (!request->txn_id.n || !request->actor.device)
		return RC_OK;
	if (!txn_is_recent(build->head, txn_hash(request)) && !careful)
		return RC_OK;
	struct txn_ro *txn;
	TRY(build_txn(build, &txn));
	enum rc rc = event_by_txn(txn, op->arena, request->actor.device, build->head->room, request->type,
	                          request->txn_id, &op->event_id);
	op->settled = rc == RC_OK;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/*
 * A write that fails takes all that were built on it along. For a while after one, what would fail at commit is
 * found out before it is built, so that the innocent do not fail again and again: the account's generation and a
 * transaction id that was used.
 */
static enum rc early_checks(struct event_op *op, struct build *build, const struct event_request *request)
{
	bool careful = build->head->careful > 0;
	if (careful)
		build->head->careful--;
	if (careful && request->actor.generation >= 0) {
		struct txn_ro *txn;
		TRY(build_txn(build, &txn));
		TRY(account_check_generation(txn, request->actor.user, request->actor.generation));
	}
	return txn_seen(op, build, request, careful);
}

static enum rc same_canonical(struct arena *arena, json a, json b, bool *ret_same)
{
	struct buf one, other;
	buf_init(&one, arena, EVENT_MAX_BYTES);
	buf_init(&other, arena, EVENT_MAX_BYTES);
	TRY(canonical_put(&one, a, NULL));
	TRY(canonical_put(&other, b, NULL));
	*ret_same = str_eq(buf_str(&one), buf_str(&other));
	return RC_OK;
}

/* State that its sender sets again, unchanged, is the event that is there. */
static enum rc state_same(struct event_op *op, struct build *build, const struct event_request *request, json content)
{
	const struct event *event = build_state(build, request->type, request->state_key);
	TRY(build->rc);
	if (!event || !str_eq(event->sender, request->actor.user_id) ||
	    build_membership(build, request->actor.user_id) != MEMBERSHIP_JOIN)
		return build->rc;
	bool same;
	if (same_canonical(build->arena, event->content, content, &same) != RC_OK || !same)
		return arena_status(build->arena);
	op_settle(op, build, event);
	return arena_status(op->arena);
}

/* What the specification asks of this type beyond the auth rules. `content` is what the client sent. */
static enum rc type_check(struct event_op *op, struct build *build, struct event_request *request, json content)
{
	str type = request->type;
	if (type.n > EVENT_TYPE_MAX_BYTES || request->state_key.n > STATE_KEY_MAX_BYTES)
		return fail_set(op->fail, RC_TOO_LARGE, "An event's type and state_key have at most %d bytes each",
		                EVENT_TYPE_MAX_BYTES);
	if (str_eq(type, STR("m.room.create")))
		return fail_set(op->fail, RC_FORBIDDEN, "A room has one m.room.create event, made by createRoom");
	if (request->is_state && str_eq(type, STR("m.room.member")))
		return membership_check(op, build, request, content);
	if (request->is_state && str_eq(type, STR("m.room.canonical_alias")))
		return check_canonical_alias(build, content);
	if (request->is_state && str_eq(type, STR("m.room.power_levels")))
		return check_power_levels(build, content);
	if (!request->is_state && str_eq(type, STR("m.room.redaction")))
		return check_redaction(build, request, content, &op->redacted_canonical);
	return RC_OK;
}

static enum rc request_check(struct event_op *op, struct build *build, struct event_request *request)
{
	json content;
	if (op->prepare)
		TRY(op->prepare(op, build, request));
	if (op->settled)
		return RC_OK;
	TRY(json_parse(build->arena, request->content, &content, op->fail));
	if (!json_is_object(content))
		return fail_set(op->fail, RC_BAD_JSON, "The content of an event must be a JSON object");
	request->parsed = content;
	TRY(marker_refuse(request->type, content, op->fail));
	TRY(type_check(op, build, request, content));
	TRY(check_relation(build, request, content));
	if (!request->is_state || op->settled)
		return RC_OK;
	return state_same(op, build, request, content);
}

/* A redacted state event stands in the state as the redacted one. */
static enum rc redaction_applied(struct event_op *op, struct room_head *head)
{
	if (!op->redacted_canonical.n)
		return RC_OK;
	struct event event;
	TRY(event_parse_stored(op->arena, head->version, op->redacted_canonical, op->write.insert.redacts, &event));
	struct state_slot *slot;
	if (!event.is_state || !head_slot(head, event.type, event.state_key, &slot) || !slot->present ||
	    !str_eq(slot->event.event_id, event.event_id))
		return RC_OK;
	return head_remember(head, event.type, event.state_key, &event, op->write.seq);
}

/*
 * On to the disk. The head moves first: when memory fails there, nothing was handed to the store, and the spoilt
 * head is read anew.
 */
static enum rc event_send(struct event_op *op, struct build *build, const struct event_request *request)
{
	struct room_head *head = build->head;
	struct event event;
	TRY(build_event(build, request, &event));
	op->write = (struct room_write){.along = op->along, .done = op_written};
	write_fill(&op->write, build, &event, request);
	op->write.insert.redacts = op->redacted_canonical.n ? request->redacts : STR_EMPTY;
	op->write.insert.redacted_canonical = op->redacted_canonical;
	enum rc rc = arena_status(op->arena);
	if (rc == RC_OK)
		rc = head_advance(head, &event, op->write.seq);
	if (rc == RC_OK)
		rc = redaction_applied(op, head);
	if (rc == RC_OK)
		rc = chain_append(&op->write, head);
	if (rc != RC_OK) {
		head_spoil(head);
		return rc;
	}
	build_end(build);
	write_submit(&op->write, op->fail);
	return RC_OK;
}

static enum rc op_on_head(struct event_op *op, struct room_head *head, bool *ret_sent)
{
	struct build build;
	struct event_request request = op->want;
	build_begin(&build, head, op->arena, op->fail);
	enum rc rc = early_checks(op, &build, &request);
	if (rc == RC_OK && !op->settled)
		rc = request_check(op, &build, &request);
	if (rc == RC_OK && !op->settled) {
		rc = event_send(op, &build, &request);
		*ret_sent = rc == RC_OK;
	}
	build_end(&build);
	return rc;
}

static void op_run(struct room_op *base, struct room_head *head, enum rc rc)
{
	struct event_op *op = CONTAINER_OF(base, struct event_op, op);
	bool sent = false;
	op->tries++;
	op->settled = op->unsure = false;
	op->event_id = op->redacted_canonical = STR_EMPTY;
	if (rc == RC_OK)
		rc = op_on_head(op, head, &sent);
	else if (rc == RC_NOT_FOUND)
		rc = op->no_room_rc == RC_NOT_FOUND
			? fail_set(op->fail, RC_NOT_FOUND, "There is no such room")
			: fail_set(op->fail, RC_FORBIDDEN, "You are not in this room");
	if (sent)
		return; /* the op may be gone */
	if (rc == RC_OK && (op->unsure || op->along.run))
		op_confirm(op);
	else
		op_end(op, rc);
}

void op_settle(struct event_op *op, struct build *build, const struct event *event)
{
	struct state_slot *slot;
	op->settled = true;
	op->event_id = arena_dup(op->arena, event->event_id);
	op->unsure = head_slot(build->head, event->type, event->state_key, &slot) &&
	             slot->seq > head_committed_seq(build->head);
}

void event_op_start(struct event_op *op)
{
	op->op.run = op_run;
	sequencer_submit(op->rooms, op->room_id, &op->op);
}

struct waiter {
	struct lock mu;
	struct cond over;
	bool is_over;
	enum rc rc;
};

static void waiter_done(struct event_op *op, enum rc rc)
{
	struct waiter *waiter = op->self;
	lock_take(&waiter->mu);
	waiter->rc = rc;
	waiter->is_over = true;
	cond_signal(&waiter->over);
	lock_drop(&waiter->mu);
}

enum rc event_op_wait(struct event_op *op)
{
	struct waiter waiter = {.rc = RC_UNKNOWN};
	lock_init(&waiter.mu);
	cond_init(&waiter.over);
	op->self = &waiter;
	op->done = waiter_done;
	event_op_start(op);
	lock_take(&waiter.mu);
	while (!waiter.is_over)
		cond_wait(&waiter.over, &waiter.mu);
	lock_drop(&waiter.mu);
	cond_destroy(&waiter.over);
	lock_destroy(&waiter.mu);
	return waiter.rc;
}

static void send_fill(struct event_op *op, struct rooms *rooms, struct room_send *send)
{
	*op = (struct event_op){
		.rooms = rooms,
		.room_id = send->room_id,
		.arena = send->arena,
		.fail = send->fail,
		.along = send->along,
		.want = {
			.actor = send->actor,
			.type = send->type,
			.is_state = send->is_state,
			.state_key = send->state_key,
			.content = send->content,
			.txn_id = send->txn_id,
			.delay_id = send->delay_id,
			.redacts = send->redacts,
			.origin_server_ts = send->origin_server_ts,
		},
	};
}

static void send_done(struct event_op *op, enum rc rc)
{
	struct room_send *send = op->self;
	send->event_id = op->event_id;
	send->done(send, rc);
}

void room_send(struct rooms *rooms, struct room_send *send)
{
	struct event_op *op = arena_new(send->arena, struct event_op);
	if (!op) {
		send->done(send, arena_status(send->arena));
		return;
	}
	send_fill(op, rooms, send);
	send->op = op;
	op->self = send;
	op->done = send_done;
	event_op_start(op);
}

enum rc room_send_wait(struct rooms *rooms, struct room_send *send)
{
	struct event_op op;
	send_fill(&op, rooms, send);
	TRY(event_op_wait(&op));
	send->event_id = op.event_id;
	return RC_OK;
}
