/*
 * The processes of one server over one database: which are alive, and which of them writes to which room.
 *
 * Rooms are spread over slots by their id; each slot belongs to one process. A process beats in the database; one whose
 * beat stands still for LEASE is ended by whoever sees it first, and its slots go to those that are left. What an ended
 * process still tries to commit is refused (RC_FENCED), and it stops. A process that starts or stops in order is given
 * slots, or gives its own away, after its rooms have come to rest. Time is each observer's own monotonic clock: nothing
 * depends on clocks that agree.
 *
 * On SQLite there is one process, and everything is its own. Any thread.
 */
#ifndef EXEUNT_CORE_CLUSTER_CLUSTER_H
#define EXEUNT_CORE_CLUSTER_CLUSTER_H

#include "store/processes.h"

enum {
	CLUSTER_ADDRESS_MAX = 255,
	CLUSTER_SECRET_CHARS = 40,
	CLUSTER_PROCESSES_MAX = 64,
};

struct cluster;

struct cluster_config {
	struct store *store;
	const struct clock *clock;
	const struct rng *rng;
	str key_id;         /* of the signing key: processes with another are refused */
	int64_t beat_ms;    /* between two beats */
	int64_t lease_ms;   /* a beat that stands still for so long ends its process */
	/* True when no operation of the slot's rooms is under way any more; their heads are forgotten then. */
	bool (*settle)(void *self, size_t slot);
	void (*on_change)(void *self); /* processes or slots changed: there may be rooms to leave */
	void (*on_fenced)(void *self); /* this process was ended by another: it must stop */
	void *self;
};

MUST_CHECK enum rc cluster_new(const struct cluster_config *config, struct cluster **ret_cluster);
/*
 * Registers the process and takes what nobody has: its share comes later. The others pass requests on to it at `link`
 * (host:port). `address` is that of its HTTP server: what was registered at the same address is ended. RC_CONFLICT with a sentence, after a lease: a process that lives has
 * another signing key, or there are CLUSTER_PROCESSES_MAX of them.
 */
MUST_CHECK enum rc cluster_start(struct cluster *cluster, str address, str link, struct fail *fail);
/* Signs off: the slots are anybody's at once. What this store writes from now on is refused. */
void cluster_stop(struct cluster *cluster);
void cluster_free(struct cluster *cluster);

/* The others have changed something: look now. */
void cluster_look(struct cluster *cluster);

/* Processes alive, this one among them: at least 1. */
size_t cluster_count(struct cluster *cluster);

struct cluster_owner {
	bool is_self;
	int64_t process;
	char link[CLUSTER_ADDRESS_MAX + 1]; /* its address */
	char secret[CLUSTER_SECRET_CHARS + 1];
};
/* Who writes to the room. Waits, for at most the time of a take-over, while nobody does. RC_BUSY: still nobody. */
MUST_CHECK enum rc cluster_owner_of(struct cluster *cluster, str room_id, struct cluster_owner *ret_owner);

/* False: the process has ended, or was ended. */
bool cluster_is_alive(struct cluster *cluster, int64_t process);

/* In constant time: whether this is our secret, which only another process of this server can know. */
bool cluster_is_secret(const struct cluster *cluster, str secret);

#endif
