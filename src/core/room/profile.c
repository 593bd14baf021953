/*
 * A changed profile, carried into the rooms of its user.
 *
 * A walk on the rooms' own thread, a few rooms at a time so that retries are not kept waiting. Each room decides on
 * its head whether the user is joined there: a leave that came first wins, and nobody is joined again by a
 * profile. The walk is not durable: after a crash a room shows the old name until the next change.
 */
#include "core/room/room_int.h"

enum { WALK_BYTES = 64 << 20, ROOMS_AT_ONCE = 16 };

struct propagation;

/* One room under way. */
struct profile_op {
	struct event_op op;
	struct arena arena;
	struct propagation *walk;
};

struct propagation {
	struct arena arena;           /* holds this, room ids included */
	struct room_task task;
	struct rooms *rooms;
	struct actor actor;
	str *room_ids;
	size_t count, capacity, next;
	int64_t under_way;            /* atomic: of `ops`, and one for the step itself */
	bool refused;                 /* atomic: the account is gone */
	struct profile_op ops[ROOMS_AT_ONCE];
};

static void walk_end(struct propagation *walk)
{
	struct rooms *rooms = walk->rooms;
	struct arena arena = walk->arena;
	arena_release(&arena);
	lock_take(&rooms->mu);
	rooms->walks--;
	cond_signal(&rooms->walks_over);
	lock_drop(&rooms->mu);
}

static enum rc room_seen(void *self, const struct member_row *member)
{
	struct propagation *walk = self;
	if (walk->count == walk->capacity) {
		size_t capacity = walk->capacity ? walk->capacity * 2 : 64;
		walk->room_ids = arena_grow(&walk->arena, walk->room_ids, walk->capacity * sizeof(str),
		                            capacity * sizeof(str));
		walk->capacity = capacity;
	}
	str room_id = arena_dup(&walk->arena, member->room_id);
	TRY(arena_status(&walk->arena));
	walk->room_ids[walk->count++] = room_id;
	return RC_OK;
}

static enum rc rooms_read(struct propagation *walk)
{
	struct arena scratch CLEANUP(arena_release);
	arena_init(&scratch, SCRATCH_BYTES);
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	TRY(txn_ro_begin(walk->rooms->config.store, &txn));
	return members_of_user(txn, &scratch, walk->actor.user, MEMBERSHIP_JOIN, room_seen, walk);
}

/* The member event with the profile of now. Equal content settles by itself. */
static enum rc profile_prepare(struct event_op *op, struct build *build, struct event_request *request)
{
	const struct event *member = build_state(build, STR("m.room.member"), request->state_key);
	enum membership membership = build_membership(build, request->state_key);
	TRY(build->rc);
	if (!member || membership != MEMBERSHIP_JOIN) {
		op->settled = true;
		return RC_OK;
	}
	return membership_content(build, MEMBERSHIP_JOIN, request->state_key, true, STR_EMPTY, STR_EMPTY,
	                          &request->content);
}

/* The last of a step to finish has the next step run. */
static void step_left(struct propagation *walk)
{
	if (__atomic_sub_fetch(&walk->under_way, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (!rooms_task(walk->rooms, &walk->task))
		walk_end(walk);
}

static void room_done(struct event_op *base, enum rc rc)
{
	struct profile_op *op = CONTAINER_OF(base, struct profile_op, op);
	struct propagation *walk = op->walk;
	arena_release(&op->arena);
	if (rc == RC_UNKNOWN_TOKEN)
		__atomic_store_n(&walk->refused, true, __ATOMIC_RELAXED);
	step_left(walk);
}

static void room_start(struct propagation *walk, struct profile_op *op, str room_id)
{
	op->walk = walk;
	arena_init(&op->arena, SCRATCH_BYTES);
	op->op = (struct event_op){
		.rooms = walk->rooms,
		.room_id = room_id,
		.arena = &op->arena,
		.prepare = profile_prepare,
		.done = room_done,
		.want = {
			.actor = walk->actor,
			.type = STR("m.room.member"),
			.is_state = true,
			.state_key = walk->actor.user_id,
		},
	};
	event_op_start(&op->op);
}

static void walk_step(struct room_task *task)
{
	struct propagation *walk = CONTAINER_OF(task, struct propagation, task);
	bool over = walk->next == walk->count || __atomic_load_n(&walk->refused, __ATOMIC_RELAXED) ||
	            __atomic_load_n(&walk->rooms->stopping, __ATOMIC_RELAXED);
	if (over) {
		walk_end(walk);
		return;
	}
	size_t count = walk->count - walk->next;
	if (count > ROOMS_AT_ONCE)
		count = ROOMS_AT_ONCE;
	__atomic_store_n(&walk->under_way, (int64_t)count + 1, __ATOMIC_RELEASE);
	for (size_t i = 0; i < count; i++)
		room_start(walk, &walk->ops[i], walk->room_ids[walk->next++]);
	step_left(walk);
}

static enum rc walk_new(struct rooms *rooms, const struct actor *actor, struct propagation **ret_walk)
{
	struct arena arena;
	arena_init(&arena, WALK_BYTES);
	struct propagation *walk = arena_new(&arena, struct propagation);
	str user_id = arena_dup(&arena, actor->user_id);
	enum rc rc = arena_status(&arena);
	if (rc != RC_OK) {
		arena_release(&arena);
		return rc;
	}
	walk->arena = arena;
	walk->rooms = rooms;
	walk->actor = *actor;
	walk->actor.user_id = user_id;
	walk->actor.device = 0;
	walk->task.run = walk_step;
	*ret_walk = walk;
	return RC_OK;
}

enum rc rooms_propagate_profile(struct rooms *rooms, const struct actor *actor)
{
	struct propagation *walk;
	TRY(walk_new(rooms, actor, &walk));
	lock_take(&rooms->mu);
	rooms->walks++;
	lock_drop(&rooms->mu);
	enum rc rc = rooms_read(walk);
	if (rc == RC_OK && !rooms_task(rooms, &walk->task))
		rc = RC_STOPPING;
	if (rc != RC_OK)
		walk_end(walk);
	return rc;
}
