/*
 * Leaves by deactivation, in batches: the rooms of a batch are held, a marked leave is built on each head, and the
 * leaves commit in a background job, each with its departure row. The rooms are let go when that is over: a
 * background job may be overtaken, so nothing may be built on its leaves before.
 *
 * The job ends early when others wait for the writer, and is submitted again for the rest.
 */
#include "base/fault.h"
#include "core/room/room_int.h"

#include <sched.h>

enum {
	HOLD_WAIT_MS = 250,
	LEAVES_LEAST = 4, /* written although others wait: about a tenth of a millisecond */
};

struct leave {
	const struct departure *departure;
	struct room_head *head;        /* held; NULL: not had */
	bool holds;                    /* this leave took the head (one of several users in the room does) */
	bool has_event;
	enum departure_state state;    /* DEPARTURE_PENDING: not this time */
	str reason;                    /* of a terminal state */
	struct room_write write;
	bool written;                  /* in the last run of the job that came to it */
};

struct departing {
	struct rooms *rooms;
	struct arena *arena;
	struct leave *leaves;
	size_t count;
	enum rc *outcomes;
	struct map64 held;             /* room nid → head */
	struct write_job job;
	size_t committed;              /* leaves up to here are over */
	size_t next;                   /* and those up to here, when the job under way has committed */
	struct lock mu;
	struct cond over;
	bool is_over GUARDED_BY(mu);
	enum rc rc GUARDED_BY(mu);
};

static enum departure_state state_of(enum membership membership)
{
	switch (membership) {
	case MEMBERSHIP_BAN:
		return DEPARTURE_BANNED;
	case MEMBERSHIP_NONE:
	case MEMBERSHIP_LEAVE:
		return DEPARTURE_ALREADY_LEFT;
	case MEMBERSHIP_JOIN:
	case MEMBERSHIP_INVITE:
	case MEMBERSHIP_KNOCK:
		break;
	}
	return DEPARTURE_LEFT;
}

static enum rc leave_put_on_head(struct leave *leave, struct build *build, const struct event_request *request)
{
	struct room_head *head = leave->head;
	struct event event;
	enum rc rc = build_event(build, request, &event);
	if (rc == RC_FORBIDDEN) {
		leave->state = DEPARTURE_REFUSED;
		leave->reason = arena_dup(build->arena, str_of(fail_message(build->fail)));
		return arena_status(build->arena);
	}
	if (rc != RC_OK)
		return rc;
	leave->write = (struct room_write){0};
	write_fill(&leave->write, build, &event, request);
	rc = head_advance(head, &event, leave->write.seq);
	if (rc == RC_OK)
		rc = chain_append(&leave->write, head);
	if (rc != RC_OK)
		head_spoil(head);
	leave->has_event = rc == RC_OK;
	return rc;
}

static enum rc leave_build(struct departing *departing, struct leave *leave)
{
	const struct departure *departure = leave->departure;
	struct fail fail = {0};
	struct build build CLEANUP(build_end);
	build_begin(&build, leave->head, departing->arena, &fail);
	enum membership membership = build_membership(&build, departure->user_id);
	TRY(build.rc);
	leave->state = state_of(membership);
	if (leave->state != DEPARTURE_LEFT)
		return RC_OK;
	struct event_request request = {
		.actor = {.user = departure->user, .generation = -1, .user_id = departure->user_id},
		.type = STR("m.room.member"),
		.is_state = true,
		.state_key = departure->user_id,
		.content = marker_leave_content(departing->rooms->config.marker),
	};
	return leave_put_on_head(leave, &build, &request);
}

/* Two users of one batch may be in the same room: their leaves stand on one head. */
static enum rc leave_hold(struct departing *departing, struct leave *leave)
{
	const struct departure *departure = leave->departure;
	leave->head = map64_get(&departing->held, (uint64_t)departure->room);
	if (leave->head)
		return RC_OK;
	TRY(sequencer_hold(departing->rooms, departure->room_id, HOLD_WAIT_MS, &leave->head));
	leave->holds = true;
	return map64_put(&departing->held, (uint64_t)departure->room, leave->head, NULL);
}

/* A room that is not there (any more) cannot be left. */
static enum rc leave_prepare(struct departing *departing, struct leave *leave)
{
	enum rc rc = leave_hold(departing, leave);
	if (rc == RC_NOT_FOUND) {
		leave->state = DEPARTURE_REFUSED;
		leave->reason = STR("The room does not exist");
		return RC_OK;
	}
	return rc == RC_OK ? leave_build(departing, leave) : rc;
}

/*
 * The head may show a leave or a ban that was on its way when the account ended, and then failed: a row without a
 * leave of ours ends only when the store says the same.
 */
static enum rc still_in_room(struct txn_rw *txn, const struct departure *departure, bool *ret_in)
{
	struct arena scratch CLEANUP(arena_release);
	struct member_row member = {0};
	arena_init(&scratch, SCRATCH_BYTES);
	enum rc rc = member_get(txn_reading(txn), &scratch, departure->room, departure->user, &member);
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*ret_in = state_of(member.membership) == DEPARTURE_LEFT;
	return RC_OK;
}

/*
 * Leave and row together. RC_CONFLICT, with nothing written: what the leave was built on failed, or the row is
 * no longer pending (a reactivation).
 */
static enum rc departure_write(struct txn_rw *txn, const struct departing *departing, struct leave *leave)
{
	int64_t now_ms = clock_wall_ms(departing->rooms->config.clock);
	const struct departure *departure = leave->departure;
	str event_id = STR_EMPTY;
	if (leave->has_event) {
		struct chain_link *prev = leave->write.prev;
		leave->write.link->nid = LINK_FAILED;
		if ((prev && prev->nid == LINK_FAILED) || FAULT_FAILS("deactivation.departure.conflict"))
			return RC_CONFLICT;
		event_id = leave->write.insert.event_id;
	} else if (leave->state != DEPARTURE_REFUSED) {
		bool in_room;
		TRY(still_in_room(txn, departure, &in_room));
		if (in_room)
			return RC_CONFLICT;
	}
	return departure_end(txn, departure->job, departure->room, leave->state, leave->reason, event_id, now_ms);
}

static enum rc leave_write(struct txn_rw *txn, const struct departing *departing, struct leave *leave)
{
	leave->written = false;
	enum rc rc = departure_write(txn, departing, leave);
	if (rc == RC_CONFLICT)
		return RC_OK;
	if (rc == RC_OK && leave->has_event)
		rc = write_run(txn, &leave->write, NULL);
	leave->written = rc == RC_OK;
	return rc;
}

static enum rc batch_write(struct txn_rw *txn, struct write_job *job)
{
	struct departing *departing = CONTAINER_OF(job, struct departing, job);
	size_t i, wrote = 0;
	for (i = departing->committed; i < departing->count; i++) {
		if (departing->outcomes[i] != RC_OK)
			continue;
		if (wrote >= LEAVES_LEAST && txn_others_wait(txn))
			break;
		TRY(leave_write(txn, departing, &departing->leaves[i]));
		wrote++;
		FAULT("deactivation.batch.in_transaction");
	}
	departing->next = i;
	return FAULT_FAILS("deactivation.batch.commit") ? RC_IO : RC_OK;
}

static void batch_done(struct write_job *job, enum rc rc)
{
	struct departing *departing = CONTAINER_OF(job, struct departing, job);
	if (rc == RC_OK) {
		FAULT("deactivation.batch.committed");
		departing->committed = departing->next;
		if (departing->committed < departing->count) {
			store_submit(departing->rooms->config.store, job);
			return;
		}
	}
	lock_take(&departing->mu);
	departing->rc = rc;
	departing->is_over = true;
	cond_signal(&departing->over);
	lock_drop(&departing->mu);
}

static enum rc batch_commit(struct departing *departing)
{
	departing->job = (struct write_job){.write = batch_write, .done = batch_done, .background = true};
	lock_init(&departing->mu);
	cond_init(&departing->over);
	store_submit(departing->rooms->config.store, &departing->job);
	lock_take(&departing->mu);
	while (!departing->is_over)
		cond_wait(&departing->over, &departing->mu);
	enum rc rc = departing->rc;
	lock_drop(&departing->mu);
	cond_destroy(&departing->over);
	lock_destroy(&departing->mu);
	return rc;
}

/* Tells the heads what became of their leaves, then lets the rooms go on. */
static void batch_end(struct departing *departing, enum rc rc)
{
	for (size_t i = 0; i < departing->count; i++) {
		struct leave *leave = &departing->leaves[i];
		if (departing->outcomes[i] == RC_OK && i >= departing->committed)
			departing->outcomes[i] = rc;
		else if (departing->outcomes[i] == RC_OK && !leave->written)
			departing->outcomes[i] = RC_CONFLICT;
		if (leave->has_event)
			write_end(&leave->write, departing->outcomes[i]);
	}
	for (size_t i = 0; i < departing->count; i++)
		if (departing->leaves[i].holds)
			sequencer_release(departing->leaves[i].head);
}

enum rc rooms_depart(struct rooms *rooms, struct arena *arena, const struct departure *departures, size_t count,
                     enum rc *ret_outcomes)
{
	struct departing departing = {
		.rooms = rooms,
		.arena = arena,
		.leaves = arena_array(arena, struct leave, count),
		.count = count,
		.outcomes = ret_outcomes,
	};
	TRY(arena_status(arena));
	map64_init(&departing.held);
	for (size_t i = 0; i < count; i++) {
		departing.leaves[i].departure = &departures[i];
		ret_outcomes[i] = leave_prepare(&departing, &departing.leaves[i]);
		sched_yield(); /* to whoever answers a client on this processor */
	}
	FAULT("deactivation.batch.built");
	enum rc rc = batch_commit(&departing);
	batch_end(&departing, rc);
	map64_release(&departing.held);
	return rc;
}
