/* A store in a directory of its own under the build's temporary folder, a fake clock, and short verbs for tests. */
#ifndef EXEUNT_TEST_STORE_FIXTURE_H
#define EXEUNT_TEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "store/accounts.h"
#include "store/deactivation.h"
#include "store/rooms.h"
#include "store/store.h"

struct fixture {
	char directory[256];
	char database[600]; /* empty: SQLite */
	char schema[32];    /* of PostgreSQL: each fixture has its own */
	struct store *store;
	struct arena arena;
	struct clock_fake clock_fake;
	struct clock clock;
	uint64_t seed;
	struct rng rng;
	int64_t statement_timeout_ms; /* 0: the store's own */
	size_t group_max_jobs;
	int64_t group_max_ms;
	struct lock mu;
	struct cond changed;
	size_t done; /* calls of numbered_done */
	bool gate_shut, gate_reached, gate_passed;
	struct write_job gate;
	uint64_t events_made;
};

/*
 * With EXEUNT_TEST_DATABASE, a connection string, the store is on PostgreSQL, in a schema of the fixture's own; without,
 * it is on SQLite in a directory of its own.
 */
int fixture_setup(void **state);
int fixture_teardown(void **state);
struct store_config fixture_config(const struct fixture *f);
void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);
void fixture_reopen(struct fixture *f);
void fixture_renew(struct fixture *f); /* closes it if it is open, and opens one that is empty */
void fixture_check(struct fixture *f); /* store_check() finds nothing */
void fixture_sql(struct fixture *f,
    const char *sql); /* through a connection of its own, behind the store's back */
int64_t fixture_sql_number(struct txn_rw *txn, const char *sql); /* seen from within the transaction */
/* False, and a message, without EXEUNT_TEST_DATABASE: main() of what is about PostgreSQL returns FIXTURE_SKIPPED then. */
bool fixture_is_on_postgres(void);
enum { FIXTURE_SKIPPED = 77 }; /* meson's */
void only_on_sqlite(const struct fixture *f); /* skips the test elsewhere */
/* How often to do what takes a round trip each on PostgreSQL: `n`, there a part of it. */
int fixture_often(const struct fixture *f, int n);
struct txn_ro *fixture_read(struct fixture *f);

int64_t fixture_user(struct fixture *f, const char *user_id); /* an account */
void fixture_account_data(struct fixture *f, int64_t user, const char *type, const char *content);
int64_t fixture_deactivate(struct fixture *f, int64_t user); /* the job */
int64_t fixture_room(struct fixture *f, const char *room_id);
/* An event at the head of `in->room`; fills in what is zero (event id, type, canonical, expected head, sender's check). */
enum rc fixture_event(
    struct fixture *f, struct event_insert in, int64_t *ret_event, int64_t *ret_pos);
int64_t fixture_message(struct fixture *f, int64_t room, int64_t sender);
int64_t fixture_member(
    struct fixture *f, int64_t room, const char *user_id, enum membership membership);

/* What is there now. */
struct room_row room_now(struct fixture *f, int64_t room);
struct event_row event_now(struct fixture *f, int64_t event);
struct member_row member_now(struct fixture *f, int64_t room, const char *user_id);
void assert_counts(struct fixture *f, int64_t room, int64_t joined, int64_t invited);

/* A job that takes a position and writes the user "@job<key>:x". */
struct numbered_job {
	struct write_job job;
	struct fixture *fixture;
	int key;
	enum rc outcome;  /* of its write */
	int64_t takes_ms; /* on the fake clock */
	int64_t pos;
	enum rc rc;       /* what done was told */
	int order;        /* the how-manieth call of done it was */
	uint64_t commit;  /* how many commits there had been when it was written */
	int64_t seen_pos; /* what was committed when done was called */
};
void numbered_submit(struct fixture *f, struct numbered_job *job);
void numbered_wait(struct fixture *f, size_t done);
bool numbered_is_stored(struct fixture *f, int key);

/* Holds the writer inside a job of its own until the gate opens. */
void gate_close(struct fixture *f);
void gate_open(struct fixture *f);

#endif
