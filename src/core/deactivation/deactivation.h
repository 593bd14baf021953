/*
 * The end of an account: accepted in one transaction, then the rooms are left in the background, each by exactly
 * one marked leave, resumed after any crash.
 *
 * deactivations_start() runs one runner thread. Any thread may call the rest.
 */
#ifndef EXEUNT_CORE_DEACTIVATION_DEACTIVATION_H
#define EXEUNT_CORE_DEACTIVATION_DEACTIVATION_H

#include "core/room/room.h"

struct deactivations;

struct deactivations_config {
	struct store *store;
	struct rooms *rooms;
	const struct clock *clock;
	const struct rng *rng;
	size_t batch_rooms;         /* leaves in one transaction, at most */
	int64_t retry_first_ms, retry_max_ms; /* of a room, and of all when the store is in trouble */
	/* After the commit of the acceptance: caches of sessions, typing, waiters of this user must go. */
	void (*on_accepted)(void *self, int64_t user);
	void *self;
};

MUST_CHECK enum rc deactivations_new(const struct deactivations_config *config, struct deactivations **ret_deactivations);
MUST_CHECK enum rc deactivations_start(struct deactivations *deactivations);
void deactivations_stop(struct deactivations *deactivations); /* ends after the batch under way */
/* There may be rooms to leave: a resolved state showed an ended account in a room again (store/rooms.h, event_insert). */
void deactivations_wake(struct deactivations *deactivations);
void deactivations_free(struct deactivations *deactivations);

/*
 * RC_OK: durably accepted (flag, credentials and the list of rooms are on disk). Repeated calls are the same job.
 * RC_NOT_FOUND: no such account. Waits for the commit.
 */
MUST_CHECK enum rc deactivate(struct deactivations *deactivations, int64_t user, bool erase, str actor, struct fail *fail);

#endif
