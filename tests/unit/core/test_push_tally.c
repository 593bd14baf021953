/* What is unread, as a list: adding, reading, redacting, its bounds, and its text for the store. */
#include "base/test.h"
#include "core/push/tally_int.h"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 64 * MEBIBYTE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static struct tally empty(void)
{
	struct tally tally;
	assert_rc(tally_init(&arena, &tally), RC_OK);
	return tally;
}

static void add(struct tally *tally, int64_t pos, const char *root, bool highlight)
{
	assert_rc(tally_add(tally, &arena, pos, str_of(root), highlight), RC_OK);
}

static struct push_unread counted(const struct tally *tally, int64_t to)
{
	struct push_unread unread;
	assert_rc(tally_count(&arena, tally, to, &unread), RC_OK);
	return unread;
}

static void counts_are(const struct tally *tally, int64_t notifications, int64_t highlights, int64_t main, size_t threads)
{
	struct push_unread unread = counted(tally, INT64_MAX);
	assert_int_equal(unread.all.notifications, notifications);
	assert_int_equal(unread.all.highlights, highlights);
	assert_int_equal(unread.main.notifications, main);
	assert_int_equal(unread.thread_count, threads);
}

/* 1 main, 2 $a, 3 main!, 4 $b!, 5 $a!, 6 main */
static struct tally some(void)
{
	struct tally tally = empty();
	add(&tally, 1, "", false);
	add(&tally, 2, "$a", false);
	add(&tally, 3, "", true);
	add(&tally, 4, "$b", true);
	add(&tally, 5, "$a", true);
	add(&tally, 6, "", false);
	return tally;
}

static void counts(void **state)
{
	(void)state;
	struct tally tally = some();
	counts_are(&tally, 6, 3, 3, 2);
	struct push_unread unread = counted(&tally, 4);
	assert_int_equal(unread.all.notifications, 4);
	assert_int_equal(unread.main.highlights, 1);
	assert_str(unread.threads[0].root, STR("$a"));
	assert_int_equal(unread.threads[0].counts.notifications, 1);
	assert_int_equal(unread.threads[1].counts.highlights, 1);
	unread = counted(&tally, 3);
	assert_int_equal(unread.thread_count, 1);
	tally = empty();
	counts_are(&tally, 0, 0, 0, 0);
}

static void receipts(void **state)
{
	(void)state;
	static const struct {
		struct read_upto receipt;
		int64_t left, main;
		size_t threads;
	} rows[] = {
		{{STR_INIT(""), 0}, 6, 3, 2},      {{STR_INIT(""), 3}, 3, 1, 2},      {{STR_INIT(""), 6}, 0, 0, 0},
		{{STR_INIT("main"), 3}, 4, 1, 2},  {{STR_INIT("main"), 9}, 3, 0, 2},  {{STR_INIT("$a"), 2}, 5, 3, 2},
		{{STR_INIT("$a"), 9}, 4, 3, 1},    {{STR_INIT("$c"), 9}, 6, 3, 2},    {{STR_INIT("$b"), 3}, 6, 3, 2},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tally tally = some();
		tally_read(&tally, &rows[i].receipt, 1);
		assert_rc(tally_pack(&arena, &tally), RC_OK);
		counts_are(&tally, rows[i].left, counted(&tally, 9).all.highlights, rows[i].main, rows[i].threads);
		assert_int_equal(tally.thread_count, rows[i].threads + 1);
	}
	struct tally tally = some();
	const struct read_upto both[] = {{STR("$a"), 9}, {STR_EMPTY, 1}};
	tally_read(&tally, both, 2);
	counts_are(&tally, 3, 2, 2, 1);
}

static void redactions(void **state)
{
	(void)state;
	struct tally tally = some();
	tally_remove(&tally, 4);
	tally_remove(&tally, 7);
	counts_are(&tally, 5, 2, 3, 1);
	tally_remove(&tally, 6);
	tally_remove(&tally, 1);
	counts_are(&tally, 3, 2, 1, 1);
	tally_clear(&tally);
	counts_are(&tally, 0, 0, 0, 0);
	add(&tally, 9, "$z", false);
	counts_are(&tally, 1, 0, 0, 1);
}

/* The oldest that is no highlight goes first. */
static void full(void **state)
{
	(void)state;
	struct tally tally = empty();
	for (int i = 1; i <= PUSH_UNREAD_MAX; i++)
		add(&tally, i, "", i == 1 || i == 3);
	for (int i = 1; i <= 10; i++)
		add(&tally, PUSH_UNREAD_MAX + i, "", true);
	counts_are(&tally, PUSH_UNREAD_MAX, 12, PUSH_UNREAD_MAX, 0);
	assert_int_equal(tally.items[0].pos, 1);
	assert_int_equal(tally.items[1].pos, 3);
	assert_int_equal(tally.items[2].pos, 13);
	for (int i = 1; i <= PUSH_UNREAD_MAX; i++)
		add(&tally, 2 * PUSH_UNREAD_MAX + i, "", true);
	counts_are(&tally, PUSH_UNREAD_MAX, PUSH_UNREAD_MAX, PUSH_UNREAD_MAX, 0);
	assert_int_equal(tally.items[0].pos, 2 * PUSH_UNREAD_MAX + 1);
}

static void every_event_a_thread(void **state)
{
	(void)state;
	struct tally tally = empty();
	for (int i = 1; i <= 3 * PUSH_UNREAD_MAX; i++) {
		str root = arena_printf(&arena, "$%d", i);
		assert_rc(tally_add(&tally, &arena, i, root, false), RC_OK);
	}
	counts_are(&tally, PUSH_UNREAD_MAX, 0, 0, PUSH_UNREAD_MAX);
	assert_str(counted(&tally, INT64_MAX).threads[0].root, arena_printf(&arena, "$%d", 2 * PUSH_UNREAD_MAX + 1));
}

static void as_text(void **state)
{
	(void)state;
	struct tally tally = some(), again;
	str text, text_again;
	tally.moved_pos = 77;
	assert_rc(tally_text(&arena, &tally, &text), RC_OK);
	assert_rc(tally_parse(&arena, text, &again), RC_OK);
	assert_true(tally_is_same(&tally, &again));
	assert_rc(tally_text(&arena, &again, &text_again), RC_OK);
	assert_str(text_again, text);
	assert_int_equal(again.moved_pos, 77);
	counts_are(&again, 6, 3, 3, 2);
	tally = empty();
	assert_rc(tally_text(&arena, &tally, &text), RC_OK);
	assert_rc(tally_parse(&arena, text, &again), RC_OK);
	assert_int_equal(again.count, 0);
}

static void damaged_text(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"", "{", "[]", "{}", "{\"moved\":\"1\"}", "{\"moved\":0,\"items\":[1]}", "{\"moved\":0,\"items\":[1,2]}",
		"{\"moved\":0,\"items\":[1,-1]}", "{\"moved\":0,\"items\":[2,0,1,0]}", "{\"moved\":0,\"items\":[1,0,1,0]}",
		"{\"moved\":0,\"items\":[\"1\",0]}", "{\"moved\":0,\"items\":[1,0],\"threads\":[7]}", "{\"moved\":0,\"items\":[0,0]}",
	};
	struct tally tally;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_rc_of(tally_parse(&arena, str_of(texts[i]), &tally), RC_CORRUPT, texts[i]);
	struct buf many;
	buf_init(&many, &arena, MEBIBYTE);
	buf_put(&many, STR("{\"moved\":0,\"items\":["));
	for (int i = 1; i <= PUSH_UNREAD_MAX + 1; i++)
		buf_printf(&many, "%s%d,0", i > 1 ? "," : "", i);
	buf_put(&many, STR("]}"));
	assert_rc(tally_parse(&arena, buf_str(&many), &tally), RC_CORRUPT);
}

static void same(void **state)
{
	(void)state;
	struct tally a = some(), b = some();
	assert_true(tally_is_same(&a, &b));
	tally_remove(&b, 6);
	assert_false(tally_is_same(&a, &b));
	add(&b, 6, "", true);
	assert_false(tally_is_same(&a, &b));
	struct tally copy;
	assert_rc(tally_copy(&arena, &a, &copy), RC_OK);
	add(&copy, 7, "$c", false);
	counts_are(&a, 6, 3, 3, 2);
	counts_are(&copy, 7, 3, 3, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts), cmocka_unit_test(receipts), cmocka_unit_test(redactions), cmocka_unit_test(full),
		cmocka_unit_test(every_event_a_thread), cmocka_unit_test(as_text), cmocka_unit_test(damaged_text),
		cmocka_unit_test(same),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
