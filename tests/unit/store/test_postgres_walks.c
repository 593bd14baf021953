/*
 * Walks over many rows of PostgreSQL: all of them come, in their order, with other statements between, and memory does
 * not grow with the table.
 */
#include "store_fixture.h"

#include "store/postgres_int.h"
#include "store/store_int.h"

#include <stdlib.h>
#include <string.h>

enum { PORTION = 200 }; /* postgres_walk.c's */

static void accounts_make(struct fixture *f, int count)
{
	char sql[600];
	snprintf(sql, sizeof sql,
	    "INSERT INTO users(user_id) SELECT convert_to(to_char(i, '\"@u\"FM00000\":x\"'), "
	    "'UTF8')"
	    " FROM generate_series(1, %d) i;"
	    "INSERT INTO accounts(user_nid, folded, kind, admin, created_ms, password_phc)"
	    " SELECT nid, user_id, 1, 0, 1, '' FROM users",
	    count);
	fixture_sql(f, sql);
}

/* A room of so many, of which the last is not what its event says. */
static void members_make(struct fixture *f, int count)
{
	char sql[1600];
	accounts_make(f, count);
	(void)fixture_room(f, "!r");
	snprintf(sql, sizeof sql,
	    "INSERT INTO types(type) VALUES('m.room.member');"
	    "INSERT INTO state_keys(state_key) SELECT user_id FROM users;"
	    "UPDATE rooms SET head_event=%d, joined=%d, last_pos=%d;"
	    "INSERT INTO events(nid, room, pos, snapshot, replaced, standing, sender, ts_ms, type, "
	    "state_key, event_id,"
	    " canonical) SELECT u.nid, r.nid, u.nid, 0, 0, 0, u.nid, 1, t.nid, k.nid, u.user_id,"
	    " convert_to('{\"content\":{\"membership\":\"' || CASE u.nid WHEN %d THEN 'leave' ELSE "
	    "'join' END || '\"}}',"
	    " 'UTF8') FROM users u JOIN state_keys k ON k.state_key=u.user_id CROSS JOIN rooms r "
	    "CROSS JOIN types t;"
	    "INSERT INTO memberships(room, user_nid, membership, event, pos, marked, displayname, "
	    "avatar_url)"
	    " SELECT r.nid, u.nid, 1, u.nid, u.nid, 0, '', '' FROM users u CROSS JOIN rooms r;"
	    "UPDATE numbers SET pos=%d, event=%d",
	    count, count, count, count, count, count);
	fixture_sql(f, sql);
}

/* The most rows that any result of the store's readers held. */
static int held_most(const struct fixture *f)
{
	int most = 0;
	for (unsigned i = 0; i < f->store->readers.opened; i++) {
		const struct conn *conn = &f->store->readers.all[i].conn;
		if (conn->engine && postgres_rows_most(conn) > most)
			most = postgres_rows_most(conn);
	}
	return most;
}

struct walk {
	struct txn_ro *txn;
	struct arena arena;
	int count, inner, stop_at;
	char last[32];
};

static bool account_count(void *self, const struct account *account)
{
	struct walk *walk = self;
	char user_id[32];
	int64_t found;
	snprintf(user_id, sizeof user_id, "%.*s", STR_ARG(account->user_id));
	assert_true(strcmp(walk->last, user_id) < 0);
	memcpy(walk->last, user_id, sizeof user_id);
	assert_int_equal(user_nid_find(walk->txn, account->user_id, &found), RC_OK);
	assert_int_equal(found, account->user);
	return ++walk->count != walk->stop_at;
}

static struct walk walk_begin(struct fixture *f)
{
	struct walk walk = {.txn = fixture_read(f)};
	arena_init(&walk.arena, 1 << 20);
	return walk;
}

static void walk_end(struct walk *walk)
{
	txn_ro_end(&walk->txn);
	arena_release(&walk->arena);
}

static void accounts_walk(struct fixture *f, int stop_at, int count)
{
	struct walk walk = walk_begin(f);
	walk.stop_at = stop_at;
	assert_int_equal(account_each(walk.txn, &walk.arena, account_count, &walk), RC_OK);
	assert_int_equal(walk.count, count);
	walk_end(&walk);
}

/* Counts at which a portion is full, or one short of it. */
static void every_row_comes_once_and_in_order(void **state)
{
	static const int counts[] = {0, 1, PORTION - 1, PORTION, PORTION + 1, 2 * PORTION, 5000};
	struct fixture *f = *state;
	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		fixture_renew(f);
		accounts_make(f, counts[i]);
		accounts_walk(f, 0, counts[i]);
		assert_true(held_most(f) <= PORTION);
	}
}

/* The transaction goes on as if nothing had been: also with the same walk. */
static void a_walk_can_end_early(void **state)
{
	struct fixture *f = *state;
	accounts_make(f, 3 * PORTION);
	accounts_walk(f, 1, 1);
	accounts_walk(f, PORTION, PORTION);
	accounts_walk(f, PORTION + 1, PORTION + 1);
	accounts_walk(f, 0, 3 * PORTION);
}

static enum rc departure_count(void *self, const struct departure *departure)
{
	struct walk *walk = self;
	(void)departure;
	walk->inner++;
	return RC_OK;
}

static enum rc deactivation_count(void *self, const struct deactivation *deactivation)
{
	struct walk *walk = self;
	struct arena CLEANUP(arena_release) scratch;
	arena_init(&scratch, 1 << 20);
	assert_int_equal(deactivation->total, 3);
	walk->count++;
	return departures_of(walk->txn, &scratch, deactivation->job, departure_count, walk);
}

static void walks_stand_within_walks(void **state)
{
	struct fixture *f = *state;
	accounts_make(f, 2 * PORTION + 1);
	fixture_sql(f,
	    "INSERT INTO rooms(room_id, slot, version, public_listed) VALUES('!a', 1, '12', 0),"
	    " ('!b', 1, '12', 0), ('!c', 1, '12', 0);"
	    "INSERT INTO deactivations(user_nid, generation, accepted_ms, finished_ms, erase, "
	    "actor)"
	    " SELECT user_nid, 1, 1, 0, 0, 'cli' FROM accounts;"
	    "INSERT INTO departures(job, room) SELECT d.nid, r.nid FROM deactivations d CROSS JOIN "
	    "rooms r");
	struct walk walk = walk_begin(f);
	assert_int_equal(
	    deactivation_each(walk.txn, &walk.arena, deactivation_count, &walk), RC_OK);
	assert_int_equal(walk.count, 2 * PORTION + 1);
	assert_int_equal(walk.inner, 3 * walk.count);
	assert_true(held_most(f) <= PORTION);
	walk_end(&walk);
}

static void finding_count(void *self, str finding)
{
	struct walk *walk = self;
	walk->count +=
	    str_find(finding, '@') < finding.n && memmem(finding.p, finding.n, "05000:x", 7);
	walk->inner++;
}

/* What is wrong is found at the end of the table as well, and a check holds no more of it than at its beginning. */
static void a_check_reads_a_large_table_in_portions(void **state)
{
	enum { MEMBERS = 5000 };
	struct fixture *f = *state;
	struct walk walk = {0};
	members_make(f, MEMBERS);
	assert_int_equal(store_check(f->store, finding_count, &walk), RC_OK);
	assert_int_equal(walk.count, 1);
	assert_int_equal(walk.inner, 1);
	assert_in_range(held_most(f), 1, PORTION);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(every_row_comes_once_and_in_order),
	    TEST(a_walk_can_end_early),
	    TEST(walks_stand_within_walks),
	    TEST(a_check_reads_a_large_table_in_portions),
	};
	return fixture_is_on_postgres() ? cmocka_run_group_tests(tests, NULL, NULL)
					: FIXTURE_SKIPPED;
}
