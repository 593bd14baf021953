/*
 * The store: opening, transactions, group commit.
 *
 * Writes are jobs. One writer thread takes all that is queued, up to a byte and time budget, into one database
 * transaction with a savepoint for each job; a job that fails is rolled back alone. After the commit has
 * reached the disk (SQLite: WAL, synchronous=FULL) each job's `done` is called, in order. Nothing may be
 * acknowledged before. Reads run in parallel on connections of their own and see what is committed.
 *
 * Typed verbs on `struct txn_ro *` and `struct txn_rw *` stand in the other headers of this folder. A txn is used by
 * one thread. Texts that verbs return live in the arena that was given.
 *
 * Rows have integer numbers (nid, from 1): users, rooms, events, types, state keys. Stream positions
 * are one ascending sequence (`pos`, from 1) over everything that /sync delivers.
 */
#ifndef EXEUNT_STORE_STORE_H
#define EXEUNT_STORE_STORE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/queue.h"
#include "base/rng.h"

struct store;
struct txn_ro;
struct txn_rw;

struct store_config {
	str directory;                 /* holds what belongs to one process; must exist */
	str sqlite_directory;          /* holds exeunt.db; must exist; empty: `directory` */
	str database;                  /* a connection string of PostgreSQL; empty: SQLite */
	str database_password;         /* for PostgreSQL; empty: as the connection string says */
	int64_t
	    statement_timeout_ms; /* of PostgreSQL; a server silent for longer is given up; 0: 10 seconds */
	unsigned readers_max;          /* connections for reading, opened when first needed */
	size_t group_max_jobs;         /* of one commit */
	int64_t group_max_ms;          /* time that building one group may take */
	const struct clock *clock;
	const struct rng *rng;
};

/*
 * Opens or creates, migrates. RC_EXISTS: another process has the directory open (`fail` says so);
 * RC_CORRUPT, RC_IO, RC_FORBIDDEN with a sentence. The directory lock is held until store_close().
 */
MUST_CHECK enum rc store_open(const struct store_config *config, struct store **ret_store, struct fail *fail);
/* Finishes queued jobs, checkpoints, closes. NULL is accepted. */
void store_close(struct store *store);

/* Eight random letters made with the database: tells this store's tokens from another's. Lives as long as the store. */
str store_tag(const struct store *store);

/* The newest committed stream position. Any thread, no I/O. */
int64_t store_committed_pos(const struct store *store);

/* Reading: a snapshot of what is committed, until txn_ro_end(). Waits when all readers are out. */
MUST_CHECK enum rc txn_ro_begin(struct store *store, struct txn_ro **ret_txn);
void txn_ro_end(struct txn_ro **txn);   /* for CLEANUP; accepts NULL inside */
struct store *txn_store(const struct txn_ro *txn);
/* The newest stream position that this transaction sees: everything up to it, nothing beyond. */
MUST_CHECK enum rc txn_committed_pos(struct txn_ro *txn, int64_t *ret_pos);

/* A write transaction can read too, and sees its own writes. */
struct txn_ro *txn_reading(struct txn_rw *txn);
/* The next stream position, taken for good if the job succeeds. */
int64_t txn_next_pos(struct txn_rw *txn);

/*
 * Whether a position has been reached, which another process may have told a client of before this one heard: asks the
 * database when in doubt.
 */
MUST_CHECK enum rc store_has_position(struct store *store, int64_t pos, bool *ret_has);
/* Of several processes over one database, the number of this one; 0: there are no others. */
int64_t store_process(const struct store *store);

struct write_job;
typedef enum rc write_fn(struct txn_rw *txn, struct write_job *job);
typedef void write_done_fn(struct write_job *job, enum rc rc);

/* Embedded in the caller's object; must live until `done` has been called. */
struct write_job {
	struct queue_link link;      /* the store's */
	write_fn *write;             /* on the writer thread; no blocking, no other I/O; may run again after a
	                                failed group, so it must not consume its input */
	write_done_fn *done;         /* after the commit, or with the rc of the failure; in order of submission;
	                                on a thread of the store: be short */
	struct fail *fail;           /* where `write` may leave a sentence; may be NULL */
	bool background;             /* yields to others: taken into a group after interactive jobs */
	enum rc rc;                  /* the store's */
};

void store_submit(struct store *store, struct write_job *job);

/* In `write` of a background job: others are waiting, so it should come to an end and leave the rest to another job. */
bool txn_others_wait(struct txn_rw *txn);

/* Submits and waits until it is on disk. For verbs that need not be fast. */
typedef enum rc write_now_fn(struct txn_rw *txn, void *arg, struct fail *fail);
MUST_CHECK enum rc store_write(struct store *store, write_now_fn *write, void *arg, struct fail *fail);

struct store_counters {
	uint64_t commits, jobs, failed_jobs, group_max;
};
void store_counters(struct store *store, struct store_counters *ret_counters);

/* PRAGMA integrity_check and foreign keys; `report` is called with a sentence for each finding. */
MUST_CHECK enum rc store_check(struct store *store, void (*report)(void *self, str finding), void *self);

#endif
