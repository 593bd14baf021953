/*
 * News between stores over one database: what a commit tells reaches every other store once, in the order of commits,
 * and what came while nobody listened is made good.
 */
#include "other_store.h"

#include "store/news.h"
#include "store/store_int.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { HEARD_MAX = 8192, ROUND = 150 };

/* ---- ears ---- */

struct heard {
	enum news_kind kind;
	int64_t id;
	int64_t committed; /* what the store took for committed when it was told */
	size_t text_n;
};

/* What one store hears. */
struct ear {
	struct store *store;
	struct lock mu;
	struct heard heard[HEARD_MAX];
	size_t count, everything; /* pieces, and how many of them were NEWS_EVERYTHING */
	char text[4 * NEWS_TEXT_MAX]; /* the texts, one behind the other */
	size_t text_n;
	bool overflowed, late; /* told more than the test can keep; told after the end */
	bool ended;
};

static void ear_hear(void *self, const struct news *news)
{
	struct ear *ear = self;
	lock_take(&ear->mu);
	ear->late |= ear->ended;
	ear->overflowed |= ear->count == HEARD_MAX || ear->text_n + news->text.n > sizeof ear->text;
	if (!ear->overflowed) {
		ear->heard[ear->count] = (struct heard){news->kind, news->id, store_committed_pos(ear->store), news->text.n};
		if (news->text.n)
			memcpy(ear->text + ear->text_n, news->text.p, news->text.n);
		ear->text_n += news->text.n;
		ear->everything += news->kind == NEWS_EVERYTHING;
		ear->count++;
	}
	lock_drop(&ear->mu);
}

static size_t ear_count(struct ear *ear)
{
	lock_take(&ear->mu);
	size_t count = ear->count;
	lock_drop(&ear->mu);
	return count;
}

static size_t ear_everything(struct ear *ear)
{
	lock_take(&ear->mu);
	size_t count = ear->everything;
	lock_drop(&ear->mu);
	return count;
}

static bool hears_everything(void *self)
{
	return ear_everything(self) > 0;
}

/* Listens from now on. The first news are NEWS_EVERYTHING: after it, nothing is missed. */
static struct ear *ear_new(struct store *store)
{
	struct ear *ear = calloc(1, sizeof *ear);
	assert_non_null(ear);
	ear->store = store;
	lock_init(&ear->mu);
	assert_int_equal(store_listen(store, ear_hear, ear), RC_OK);
	other_wait(hears_everything, ear, "the connection that listens");
	assert_int_equal(ear->heard[0].kind, NEWS_EVERYTHING);
	return ear;
}

static void ear_free(struct ear *ear)
{
	store_unlisten(ear->store);
	lock_destroy(&ear->mu);
	free(ear);
}

struct wish {
	struct ear *ear;
	size_t count;
};

static bool has_heard(void *self)
{
	const struct wish *wish = self;
	return ear_count(wish->ear) >= wish->count;
}

static void ear_wait(struct ear *ear, size_t count)
{
	struct wish wish = {ear, count};
	other_wait(has_heard, &wish, "news");
}

/* ---- telling ---- */

struct telling {
	enum news_kind kind;
	int64_t first, count; /* ids */
	const str *texts;
	size_t text_count;
	enum rc outcome;
	enum rc text_rc;      /* of the last text */
	int64_t pos;          /* taken; 0: none is wanted */
};

static enum rc tell_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct telling *telling = arg;
	if (telling->pos)
		telling->pos = txn_next_pos(txn);
	for (int64_t i = 0; i < telling->count; i++)
		txn_tell(txn, telling->kind, telling->first + i);
	for (size_t i = 0; i < telling->text_count; i++)
		telling->text_rc = txn_tell_text(txn, telling->kind, telling->first, telling->texts[i]);
	return telling->outcome;
}

static enum rc tell(struct store *store, struct telling *telling)
{
	return store_write(store, tell_write, telling, NULL);
}

static void tell_id(struct store *store, enum news_kind kind, int64_t id)
{
	struct telling telling = {.kind = kind, .first = id, .count = 1};
	assert_int_equal(tell(store, &telling), RC_OK);
}

/* The last piece of all that is told before: so nothing else comes between. */
static void tell_end(struct store *store, struct ear *ear)
{
	size_t before = ear_count(ear);
	tell_id(store, NEWS_USER, 999999);
	for (struct wish wish = {ear, before + 1};; wish.count++) {
		other_wait(has_heard, &wish, "the end");
		lock_take(&ear->mu);
		const struct heard *last = &ear->heard[wish.count - 1];
		bool is_end = last->kind == NEWS_USER && last->id == 999999;
		lock_drop(&ear->mu);
		if (is_end)
			return;
	}
}

struct pair {
	struct fixture *f;
	struct other_store other;
	struct ear *ear; /* of the fixture's store; the other one tells */
};

static int pair_setup(void **state)
{
	struct pair *pair = calloc(1, sizeof *pair);
	void *f;
	assert_int_equal(fixture_setup(&f), 0);
	pair->f = f;
	pair->f->seed = rng_u64(&rng_system); /* with another tag than other tests in this database: it names the channel */
	fixture_renew(pair->f);
	other_open(pair->f, &pair->other);
	other_register(pair->f->store, "a:1");
	pair->other.process = other_register(pair->other.store, "b:1");
	pair->ear = ear_new(pair->f->store);
	*state = pair;
	return 0;
}

static int pair_teardown(void **state)
{
	struct pair *pair = *state;
	void *f = pair->f;
	ear_free(pair->ear);
	other_close(&pair->other);
	free(pair);
	return fixture_teardown(&f);
}

static void assert_heard(const struct ear *ear, size_t at, enum news_kind kind, int64_t id)
{
	assert_true(at < ear->count);
	assert_int_equal(ear->heard[at].kind, kind);
	assert_int_equal(ear->heard[at].id, id);
}

/* ---- once, and in order ---- */

static void every_kind_is_heard_as_it_was_told(void **state)
{
	struct pair *pair = *state;
	static const enum news_kind kinds[] = {NEWS_ROOM, NEWS_USER, NEWS_SESSIONS, NEWS_DEPARTURES, NEWS_PROCESSES};
	static const int64_t ids[] = {0, 1, INT64_MAX};
	size_t at = ear_count(pair->ear);
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		for (size_t j = 0; j < COUNT_OF(ids); j++)
			tell_id(pair->other.store, kinds[i], ids[j]);
	ear_wait(pair->ear, at + COUNT_OF(kinds) * COUNT_OF(ids));
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		for (size_t j = 0; j < COUNT_OF(ids); j++)
			assert_heard(pair->ear, at++, kinds[i], ids[j]);
}

static void what_a_process_tells_itself_is_not_heard(void **state)
{
	struct pair *pair = *state;
	size_t at = ear_count(pair->ear);
	for (int i = 0; i < 20; i++)
		tell_id(pair->f->store, NEWS_ROOM, i);
	tell_end(pair->other.store, pair->ear);
	assert_int_equal(ear_count(pair->ear), at + 1);
}

enum { TELLERS = 3 };

struct teller {
	struct store *store;
	int64_t told[ROUND];
	enum rc rc;
	thread thread;
};

static enum rc position_tell(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	int64_t *pos = arg;
	*pos = txn_next_pos(txn);
	txn_tell(txn, NEWS_ROOM, *pos);
	return RC_OK;
}

static void *teller_run(void *arg)
{
	struct teller *teller = arg;
	for (int i = 0; i < ROUND && teller->rc == RC_OK; i++)
		teller->rc = store_write(teller->store, position_tell, &teller->told[i], NULL);
	return NULL;
}

static void tellers_run(struct teller *tellers)
{
	for (int i = 0; i < TELLERS; i++)
		assert_int_equal(thread_start(&tellers[i].thread, "teller", teller_run, &tellers[i]), RC_OK);
	for (int i = 0; i < TELLERS; i++)
		thread_join(tellers[i].thread);
	for (int i = 0; i < TELLERS; i++)
		assert_int_equal(tellers[i].rc, RC_OK);
}

static bool was_told_by(const struct teller *teller, int64_t pos)
{
	for (int i = 0; i < ROUND; i++)
		if (teller->told[i] == pos)
			return true;
	return false;
}

/* The rooms of an ear are those that the other tellers told, each once, in the order of their positions. */
static void assert_rooms_of_others(const struct ear *ear, const struct teller *own)
{
	size_t rooms = 0;
	int64_t last = 0;
	for (size_t at = 0; at < ear->count; at++) {
		const struct heard *heard = &ear->heard[at];
		if (heard->kind != NEWS_ROOM)
			continue;
		assert_true(heard->id > last);
		assert_true(heard->committed >= heard->id); /* readers see what they are told of */
		assert_false(was_told_by(own, heard->id));
		last = heard->id;
		rooms++;
	}
	assert_int_equal(rooms, (TELLERS - 1) * ROUND);
	assert_int_equal(ear->everything, 1); /* nothing was taken for lost */
}

/* A piece of news names the position of its commit: so the order is plain to see, and what is missing, too. */
static void each_commit_is_heard_once_and_in_order(void **state)
{
	struct pair *pair = *state;
	struct other_store third;
	static struct teller tellers[TELLERS];
	other_open(pair->f, &third);
	other_register(third.store, "c:1");
	struct ear *ears[TELLERS] = {pair->ear, ear_new(pair->other.store), ear_new(third.store)};
	memset(tellers, 0, sizeof tellers);
	for (int i = 0; i < TELLERS; i++)
		tellers[i].store = ears[i]->store;
	tellers_run(tellers);
	for (int i = 0; i < TELLERS; i++)
		tell_end(ears[(i + 1) % TELLERS]->store, ears[i]);
	for (int i = 0; i < TELLERS; i++) {
		lock_take(&ears[i]->mu);
		assert_rooms_of_others(ears[i], &tellers[i]);
		lock_drop(&ears[i]->mu);
	}
	ear_free(ears[1]);
	ear_free(ears[2]);
	other_close(&third);
}

static enum rc group_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	(void)arg;
	for (int i = 0; i < 1000; i++) {
		txn_tell(txn, NEWS_ROOM, 1);
		txn_tell(txn, NEWS_ROOM, 12); /* what it begins with is something else */
		txn_tell(txn, NEWS_USER, 1);
	}
	return RC_OK;
}

static void the_same_is_heard_once(void **state)
{
	struct pair *pair = *state;
	size_t at = ear_count(pair->ear);
	assert_int_equal(store_write(pair->other.store, group_write, NULL, NULL), RC_OK);
	tell_end(pair->other.store, pair->ear);
	assert_int_equal(ear_count(pair->ear), at + 4);
	assert_heard(pair->ear, at, NEWS_ROOM, 1);
	assert_heard(pair->ear, at + 1, NEWS_ROOM, 12);
	assert_heard(pair->ear, at + 2, NEWS_USER, 1);
}

/* ---- many in one group ---- */

struct told_job {
	struct write_job job;
	struct pair *pair;
	int64_t id;
	enum rc outcome, rc;
};

static enum rc told_job_write(struct txn_rw *txn, struct write_job *job)
{
	const struct told_job *told = CONTAINER_OF(job, struct told_job, job);
	txn_tell(txn, NEWS_ROOM, told->id);
	return told->outcome;
}

static void told_job_done(struct write_job *job, enum rc rc)
{
	struct told_job *told = CONTAINER_OF(job, struct told_job, job);
	struct fixture *f = told->pair->f;
	lock_take(&f->mu);
	told->rc = rc;
	f->done++;
	lock_drop(&f->mu);
	cond_broadcast(&f->changed);
}

/* What fails, with the whole of a group or alone, is not told. */
static void what_fails_is_not_told(void **state)
{
	struct pair *pair = *state;
	struct told_job jobs[6];
	struct ear *ear = ear_new(pair->other.store);
	tell_end(pair->f->store, ear);
	size_t at = ear_count(ear);
	struct telling telling = {.kind = NEWS_ROOM, .first = 1, .count = 1, .outcome = RC_FORBIDDEN};
	assert_int_equal(tell(pair->f->store, &telling), RC_FORBIDDEN);
	telling = (struct telling){.kind = NEWS_ROOM, .first = 1000000, .count = 2000, .outcome = RC_FORBIDDEN};
	assert_int_equal(tell(pair->f->store, &telling), RC_FORBIDDEN);
	gate_close(pair->f);
	pair->f->done = 0;
	for (int i = 0; i < 6; i++) {
		jobs[i] = (struct told_job){{.write = told_job_write, .done = told_job_done}, pair, i + 1,
			i % 2 ? RC_FORBIDDEN : RC_OK, RC_OK};
		store_submit(pair->f->store, &jobs[i].job);
	}
	gate_open(pair->f);
	numbered_wait(pair->f, 6);
	tell_end(pair->f->store, ear);
	assert_int_equal(ear_count(ear), at + 4);
	assert_heard(ear, at, NEWS_ROOM, 1);
	assert_heard(ear, at + 1, NEWS_ROOM, 3);
	assert_heard(ear, at + 2, NEWS_ROOM, 5);
	ear_free(ear);
}

/* The fixture's store tells here, since it has the gate: the other one listens. */
static void jobs_of_one_group_are_heard_in_order(void **state)
{
	enum { JOBS = 200 };
	struct pair *pair = *state;
	static struct told_job jobs[JOBS];
	struct ear *ear = ear_new(pair->other.store);
	struct store_counters counters;
	gate_close(pair->f);
	for (int i = 0; i < JOBS; i++) {
		jobs[i] = (struct told_job){{.write = told_job_write, .done = told_job_done}, pair, i / 2 + 1, RC_OK, RC_OK};
		store_submit(pair->f->store, &jobs[i].job);
	}
	gate_open(pair->f);
	numbered_wait(pair->f, JOBS);
	store_counters(pair->f->store, &counters);
	assert_int_equal(counters.group_max, JOBS);
	tell_end(pair->f->store, ear);
	size_t rooms = 0;
	for (size_t at = 0; at < ear->count; at++)
		if (ear->heard[at].kind == NEWS_ROOM)
			assert_int_equal(ear->heard[at].id, ++rooms);
	assert_int_equal(rooms, JOBS / 2);
	ear_free(ear);
}

/* ---- too much ---- */

static void more_than_a_notification_holds_is_everything(void **state)
{
	struct pair *pair = *state;
	size_t at = ear_count(pair->ear);
	struct telling telling = {.kind = NEWS_ROOM, .first = 1000000, .count = 700}; /* of 10 bytes: just fits */
	assert_int_equal(tell(pair->other.store, &telling), RC_OK);
	ear_wait(pair->ear, at + 700);
	assert_heard(pair->ear, at, NEWS_ROOM, 1000000);
	assert_heard(pair->ear, at + 699, NEWS_ROOM, 1000699);
	telling = (struct telling){.kind = NEWS_ROOM, .first = 1000000, .count = 701, .pos = 1};
	assert_int_equal(tell(pair->other.store, &telling), RC_OK);
	tell_end(pair->other.store, pair->ear);
	assert_int_equal(ear_count(pair->ear), at + 702);
	assert_heard(pair->ear, at + 700, NEWS_EVERYTHING, 0);
	assert_true(pair->ear->heard[at + 700].committed >= telling.pos);
}

static void a_text_that_finds_no_room_is_everything(void **state)
{
	struct pair *pair = *state;
	char bytes[NEWS_TEXT_MAX];
	memset(bytes, 'x', sizeof bytes);
	const str big = str_bytes(bytes, sizeof bytes), texts[] = {big, big, big, big};
	struct telling telling = {.kind = NEWS_TYPING, .first = 1, .texts = texts, .text_count = 4};
	size_t at = ear_count(pair->ear);
	assert_int_equal(tell(pair->other.store, &telling), RC_OK);
	assert_int_equal(telling.text_rc, RC_OK); /* whoever tells is not refused for what others told */
	tell_end(pair->other.store, pair->ear);
	assert_heard(pair->ear, at, NEWS_EVERYTHING, 0);
	assert_int_equal(ear_count(pair->ear), at + 2);
}

/* ---- texts ---- */

static void assert_texts(struct ear *ear, size_t at, const str *texts, size_t count)
{
	size_t offset = 0;
	lock_take(&ear->mu);
	for (size_t i = 0; i < count; i++) {
		const struct heard *heard = &ear->heard[at + i];
		assert_int_equal(heard->kind, NEWS_TYPING);
		assert_int_equal(heard->id, 7);
		assert_int_equal(heard->text_n, texts[i].n);
		assert_memory_equal(ear->text + offset, texts[i].n ? texts[i].p : "", texts[i].n);
		offset += texts[i].n;
	}
	lock_drop(&ear->mu);
}

/* One that begins like another, or comes again, is told all the same: the last one is what counts. */
static void every_text_is_heard_in_order(void **state)
{
	struct pair *pair = *state;
	const str texts[] = {STR("1 30000 @a:x.org"), STR("1 30000 @a:x"), STR("1 0 @a:x"), STR("1 30000 @a:x"), STR("")};
	struct telling telling = {.kind = NEWS_TYPING, .first = 7, .texts = texts, .text_count = COUNT_OF(texts)};
	size_t at = ear_count(pair->ear);
	assert_int_equal(tell(pair->other.store, &telling), RC_OK);
	tell_end(pair->other.store, pair->ear);
	assert_int_equal(ear_count(pair->ear), at + COUNT_OF(texts) + 1);
	assert_texts(pair->ear, at, texts, COUNT_OF(texts));
}

static void a_text_may_be_any_bytes(void **state)
{
	struct pair *pair = *state;
	char bytes[NEWS_TEXT_MAX], high[NEWS_TEXT_MAX + 1];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)i;
	memset(high, 0xff, sizeof high);
	const str all = str_bytes(bytes, sizeof bytes), most = str_bytes(high, NEWS_TEXT_MAX);
	size_t at = ear_count(pair->ear);
	struct telling telling = {.kind = NEWS_TYPING, .first = 7, .texts = &all, .text_count = 1};
	assert_int_equal(tell(pair->other.store, &telling), RC_OK);
	telling.texts = &most;
	assert_int_equal(tell(pair->other.store, &telling), RC_OK);
	ear_wait(pair->ear, at + 2);
	assert_texts(pair->ear, at, (const str[]){all, most}, 2);
	const str over = str_bytes(high, sizeof high);
	telling.texts = &over;
	assert_int_equal(tell(pair->other.store, &telling), RC_OK); /* the job minds it or not */
	assert_int_equal(telling.text_rc, RC_TOO_LARGE);
	tell_end(pair->other.store, pair->ear);
	assert_int_equal(ear_count(pair->ear), at + 3);
}

/* The payload of a notification is text in the encoding of the database, which may have no such character. */
static void a_database_of_another_encoding_carries_texts(void **state)
{
	struct pair *pair = *state;
	struct fixture latin = *pair->f;
	struct other_store tells, hears;
	const str text = STR("1 30000 @\xd0\xb8\xd0\xbc\xd1\x8f:x");
	char sql[160];
	snprintf(sql, sizeof sql, "CREATE DATABASE \"%s\" ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
	    pair->f->schema);
	fixture_sql(pair->f, sql);
	int n = snprintf(latin.database, sizeof latin.database, "%s dbname='%s' options=''",
	    getenv("EXEUNT_TEST_DATABASE"), pair->f->schema);
	assert_in_range(n, 1, sizeof latin.database - 1);
	other_open(&latin, &tells);
	other_open(&latin, &hears);
	other_register(tells.store, "a:1");
	other_register(hears.store, "b:1");
	struct ear *ear = ear_new(hears.store);
	size_t at = ear_count(ear);
	struct telling telling = {.kind = NEWS_TYPING, .first = 7, .texts = &text, .text_count = 1};
	assert_int_equal(tell(tells.store, &telling), RC_OK);
	ear_wait(ear, at + 1);
	assert_texts(ear, at, &text, 1);
	ear_free(ear);
	other_close(&tells);
	other_close(&hears);
	snprintf(sql, sizeof sql, "DROP DATABASE \"%s\"", pair->f->schema);
	fixture_sql(pair->f, sql);
}

/* Whoever may connect to the database may notify. */
static void what_nobody_tells_so_is_not_heard(void **state)
{
	struct pair *pair = *state;
	static const char *const junk[] = {
	    "", "x", "1", "1 2", "1 x\\nr1;", "-1 2\\nr1;", "9 -2\\nr1;", "9 9999999999999999999\\nr1;", "9 0\\n", "9 0\\nr",
	    "9 0\\nr1", "9 0\\nrx;", "9 0\\nr-1;", "9 0\\nq1;", "9 0\\nt1;%", "9 0\\nt1;%4", "9 0\\nt1;%4g", "9 0\\nt1;%ff",
	    "9 0\\n\\n\\n;",
	};
	size_t at = ear_count(pair->ear);
	char sql[8192];
	for (size_t i = 0; i < COUNT_OF(junk); i++) {
		snprintf(sql, sizeof sql, "SELECT pg_notify('exeunt_%.*s', E'%s')", STR_ARG(store_tag(pair->f->store)), junk[i]);
		fixture_sql(pair->f, sql);
	}
	snprintf(sql, sizeof sql, "SELECT pg_notify('exeunt_%.*s', '9 0' || chr(10) || 't1;' || repeat('x', %d))",
	    STR_ARG(store_tag(pair->f->store)), NEWS_TEXT_MAX + 1);
	fixture_sql(pair->f, sql);
	tell_end(pair->other.store, pair->ear);
	assert_int_equal(ear_count(pair->ear), at + 1);
}

/* ---- lost connections ---- */

/* Ends the connection that listens. Which one that is, its statement tells: only the fixture's store listens here. */
static void listener_kill(struct pair *pair)
{
	char sql[200];
	snprintf(sql, sizeof sql, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query='LISTEN \"exeunt_%.*s\"'",
	    STR_ARG(store_tag(pair->f->store)));
	assert_int_equal(other_number(pair->f, sql), 1);
}

static bool hears_again(void *self)
{
	const struct wish *wish = self;
	return ear_everything(wish->ear) >= wish->count;
}

static void what_came_while_it_was_away_is_made_good(void **state)
{
	struct pair *pair = *state;
	for (size_t kills = 1; kills <= 3; kills++) {
		struct telling telling = {.kind = NEWS_ROOM, .first = 1, .count = 1, .pos = 1};
		listener_kill(pair);
		assert_int_equal(tell(pair->other.store, &telling), RC_OK);
		struct wish wish = {pair->ear, kills + 1};
		other_wait(hears_again, &wish, "the connection that listens, again");
		size_t at = ear_count(pair->ear);
		/* Told by name if it was quick enough, else everything with the position in view. */
		int64_t seen = 0;
		lock_take(&pair->ear->mu);
		for (size_t i = 0; i < at; i++)
			if (pair->ear->heard[i].kind == NEWS_EVERYTHING)
				seen = pair->ear->heard[i].committed;
		lock_drop(&pair->ear->mu);
		assert_true(seen >= telling.pos);
		tell_id(pair->other.store, NEWS_SESSIONS, (int64_t)kills); /* and it hears as before */
		ear_wait(pair->ear, at + 1);
		assert_heard(pair->ear, ear_count(pair->ear) - 1, NEWS_SESSIONS, (int64_t)kills);
	}
}

/* Under load: each position was told by its name, or is covered by a later NEWS_EVERYTHING. */
static void nothing_is_missed_when_connections_are_killed_under_load(void **state)
{
	struct pair *pair = *state;
	static struct teller teller;
	memset(&teller, 0, sizeof teller);
	teller.store = pair->other.store;
	for (size_t kills = 1; kills <= 3; kills++) {
		assert_int_equal(thread_start(&teller.thread, "teller", teller_run, &teller), RC_OK);
		listener_kill(pair);
		thread_join(teller.thread);
		assert_int_equal(teller.rc, RC_OK);
		struct wish wish = {pair->ear, kills + 1};
		other_wait(hears_again, &wish, "the connection that listens, again");
		tell_end(pair->other.store, pair->ear);
		for (int i = 0; i < ROUND; i++) {
			size_t found = 0;
			for (size_t at = 0; at < pair->ear->count; at++) {
				const struct heard *heard = &pair->ear->heard[at];
				found += heard->kind == NEWS_ROOM && heard->id == teller.told[i];
				found += heard->kind == NEWS_EVERYTHING && heard->committed >= teller.told[i];
			}
			assert_true(found > 0);
		}
	}
}

/* A connection may be dead and not know it: then positions grow of which nobody tells. */
static void a_position_that_is_not_heard_of_is_noticed(void **state)
{
	struct pair *pair = *state;
	fixture_sql(pair->f, "UPDATE numbers SET pos=pos+5");
	int64_t pos = other_number(pair->f, "SELECT pos FROM numbers");
	assert_true(store_committed_pos(pair->f->store) < pos);
	struct wish wish = {pair->ear, 2};
	other_wait(hears_again, &wish, "everything");
	assert_true(store_committed_pos(pair->f->store) >= pos);
}

struct position {
	struct store *store;
	int64_t pos;
};

static bool is_reached(void *self)
{
	const struct position *position = self;
	return store_committed_pos(position->store) >= position->pos;
}

/* A commit that touches nobody else's business takes positions all the same, and nothing counts as lost for it. */
static void positions_without_news_are_heard_of(void **state)
{
	struct pair *pair = *state;
	struct telling telling = {.kind = NEWS_ROOM, .pos = 1};
	for (int i = 0; i < 3; i++)
		assert_int_equal(tell(pair->other.store, &telling), RC_OK);
	struct position position = {pair->f->store, telling.pos};
	other_wait(is_reached, &position, "the position");
	tell_end(pair->other.store, pair->ear);
	assert_int_equal(ear_everything(pair->ear), 1);
}

/* ---- the end ---- */

struct chatter {
	struct store *store;
	bool stop; /* atomic */
	enum rc rc;
	thread thread;
};

static void *chatter_run(void *arg)
{
	struct chatter *chatter = arg;
	struct telling telling = {.kind = NEWS_ROOM, .first = 1, .count = 50};
	while (!__atomic_load_n(&chatter->stop, __ATOMIC_ACQUIRE) && chatter->rc == RC_OK)
		chatter->rc = tell(chatter->store, &telling);
	return NULL;
}

static bool hears_some(void *self)
{
	return ear_count(self) > 100;
}

static void nothing_is_heard_after_the_end(void **state)
{
	struct pair *pair = *state;
	struct chatter chatter = {.store = pair->other.store};
	assert_int_equal(thread_start(&chatter.thread, "chatter", chatter_run, &chatter), RC_OK);
	for (int i = 0; i < 10; i++) {
		struct other_store third;
		other_open(pair->f, &third);
		struct ear *ear = ear_new(third.store);
		other_wait(hears_some, ear, "chatter");
		store_unlisten(third.store);
		lock_take(&ear->mu);
		ear->ended = true;
		size_t count = ear->count;
		lock_drop(&ear->mu);
		tell_id(pair->f->store, NEWS_USER, 1);
		other_close(&third);
		assert_false(ear->late);
		assert_int_equal(ear->count, count);
		lock_destroy(&ear->mu);
		free(ear);
	}
	__atomic_store_n(&chatter.stop, true, __ATOMIC_RELEASE);
	thread_join(chatter.thread);
	assert_int_equal(chatter.rc, RC_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(every_kind_is_heard_as_it_was_told),
	    TEST(what_a_process_tells_itself_is_not_heard),
	    TEST(each_commit_is_heard_once_and_in_order),
	    TEST(the_same_is_heard_once),
	    TEST(what_fails_is_not_told),
	    TEST(jobs_of_one_group_are_heard_in_order),
	    TEST(more_than_a_notification_holds_is_everything),
	    TEST(a_text_that_finds_no_room_is_everything),
	    TEST(every_text_is_heard_in_order),
	    TEST(a_text_may_be_any_bytes),
	    TEST(a_database_of_another_encoding_carries_texts),
	    TEST(what_nobody_tells_so_is_not_heard),
	    TEST(what_came_while_it_was_away_is_made_good),
	    TEST(nothing_is_missed_when_connections_are_killed_under_load),
	    TEST(a_position_that_is_not_heard_of_is_noticed),
	    TEST(positions_without_news_are_heard_of),
	    TEST(nothing_is_heard_after_the_end),
	};
	if (!fixture_is_on_postgres())
		return FIXTURE_SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
