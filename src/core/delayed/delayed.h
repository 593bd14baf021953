/*
 * Delayed events (MSC4140): scheduled, listed, restarted, cancelled, and sent when they are due.
 *
 * delayed_start() runs one runner thread, which sends what is due in the rooms of this process, in the order of the times
 * at which it was due. An event and the end of its row are one transaction, so each is sent once, whatever dies when. What
 * the room's rules refuse by then has ended with the reason; what fails because the server is in trouble is tried again.
 * Times are those of the clock that is given. Any thread may call the rest.
 */
#ifndef EXEUNT_CORE_DELAYED_DELAYED_H
#define EXEUNT_CORE_DELAYED_DELAYED_H

#include "core/room/room.h"

struct delayed;

struct delayed_config {
	struct store *store;
	struct rooms *rooms;
	const struct clock *clock;
	const struct rng *rng;
	int64_t max_delay_ms;
	int64_t max_scheduled; /* of one user; 0: nobody may delay events */
	int64_t retry_ms;      /* pause while the server is in trouble */
};

MUST_CHECK enum rc delayed_new(const struct delayed_config *config, struct delayed **ret_delayed);
MUST_CHECK enum rc delayed_start(struct delayed *delayed);
void delayed_stop(struct delayed *delayed); /* ends after what is under way */
void delayed_wake(struct delayed *delayed); /* there may be something to send */
void delayed_free(struct delayed *delayed);

/* Appends {"max_delay_ms":…,"max_scheduled":…}: the capability. */
void delayed_limits_put(const struct delayed *delayed, struct buf *out);

struct delay_wish {
	struct actor actor;
	str room_id;
	str type;
	bool is_state;
	str state_key;
	str content; /* a JSON object */
	str txn_id;  /* empty: none */
	int64_t delay_ms;
};
/*
 * The same transaction id gives the same delay ID. Waits for the commit. RC_FORBIDDEN: a longer delay than is allowed, no
 * such room, a marker of deactivation; RC_LIMIT_EXCEEDED: max_scheduled, with the time until the next one is sent;
 * RC_INVALID_PARAM: a delay that is none; RC_TOO_LARGE.
 */
MUST_CHECK enum rc delayed_schedule(struct delayed *delayed, struct arena *arena,
    const struct delay_wish *wish, str *ret_delay_id, struct fail *fail);

/* Those of the actor: one, or (`delay_id` empty) all that are still to be sent. Appends the whole answer. RC_NOT_FOUND. */
MUST_CHECK enum rc delayed_answer(struct delayed *delayed, struct arena *arena,
    const struct actor *actor, str delay_id, struct buf *out, struct fail *fail);

/*
 * The actions. RC_NOT_FOUND: the actor has no such delayed event; RC_OVER: it ended in another way. They wait for the
 * commit. delayed_send() is for the process that owns the room; when the event cannot be sent, its failure is the answer
 * and it stays scheduled.
 */
MUST_CHECK enum rc delayed_cancel(struct delayed *delayed, struct arena *arena,
    const struct actor *actor, str delay_id, struct fail *fail);
MUST_CHECK enum rc delayed_restart(struct delayed *delayed, struct arena *arena,
    const struct actor *actor, str delay_id, struct fail *fail);
MUST_CHECK enum rc delayed_send(struct delayed *delayed, struct arena *arena,
    const struct actor *actor, str delay_id, struct fail *fail);

/* The room that it goes to. RC_NOT_FOUND. */
MUST_CHECK enum rc delayed_room(
    struct delayed *delayed, struct arena *arena, str delay_id, str *ret_room_id);

#endif
