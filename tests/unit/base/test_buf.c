#include "base/test.h"

#include "base/buf.h"

#include <stdlib.h>

struct fixture {
	struct arena arena;
	struct buf buf;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	if (!f)
		return -1;
	arena_init(&f->arena, MEBIBYTE);
	buf_init(&f->buf, &f->arena, 1000);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	arena_release(&f->arena);
	free(f);
	return 0;
}

static void puts_in_order(void **state)
{
	struct buf *buf = &((struct fixture *)*state)->buf;
	buf_put(buf, STR("ab"));
	buf_putc(buf, 'c');
	buf_put(buf, STR_EMPTY);
	buf_printf(buf, "%s%03d", "-", 7);
	assert_str(buf_str(buf), STR("abc-007"));
	str text;
	assert_rc(buf_finish(buf, &text), RC_OK);
	assert_str(text, STR("abc-007"));
}

static void writes_every_integer(void **state)
{
	struct buf *buf = &((struct fixture *)*state)->buf;
	static const int64_t values[] = {0, -1, 1, 9, 10, -10, INT64_MAX, INT64_MIN};
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		buf_put_i64(buf, values[i]);
		buf_putc(buf, ' ');
	}
	assert_str(buf_str(buf), STR("0 -1 1 9 10 -10 9223372036854775807 -9223372036854775808 "));
}

static void maximum_is_exact_and_sticky(void **state)
{
	struct buf *buf = &((struct fixture *)*state)->buf;
	for (int i = 0; i < 100; i++)
		buf_put(buf, STR("0123456789"));
	assert_rc(buf_status(buf), RC_OK);
	buf_putc(buf, 'x');
	assert_rc(buf_status(buf), RC_TOO_LARGE);
	buf_put(buf, STR_EMPTY);
	buf_printf(buf, "%s", "");
	buf_put_i64(buf, 1);
	assert_null(buf_reserve(buf, 0));
	assert_int_equal(buf->n, 1000);
	str text = STR("untouched");
	assert_rc(buf_finish(buf, &text), RC_TOO_LARGE);
	assert_str(text, STR("untouched"));
}

static void printf_may_fill_it_to_the_brim(void **state)
{
	struct buf *buf = &((struct fixture *)*state)->buf;
	buf_printf(buf, "%01000d", 5);
	assert_rc(buf_status(buf), RC_OK);
	assert_int_equal(buf->n, 1000);
	buf_printf(buf, "%d", 5);
	assert_rc(buf_status(buf), RC_TOO_LARGE);
	assert_int_equal(buf->n, 1000);
}

static void reserve_and_advance(void **state)
{
	struct buf *buf = &((struct fixture *)*state)->buf;
	assert_non_null(buf_reserve(buf, 0)); /* NULL is for failures only */
	char *p = buf_reserve(buf, 500);
	assert_non_null(p);
	memcpy(p, "hello", 5);
	buf_advance(buf, 5);
	assert_str(buf_str(buf), STR("hello"));
	assert_null(buf_reserve(buf, SIZE_MAX));
	assert_rc(buf_status(buf), RC_TOO_LARGE);
}

static void capacity_stays_within_the_maximum(void **state)
{
	struct fixture *f = *state;
	arena_init(&f->arena, 2000); /* doubling beyond 1000 would not fit */
	for (int i = 0; i < 1000; i++)
		buf_putc(&f->buf, 'x');
	assert_rc(buf_status(&f->buf), RC_OK);
}

static void arena_failure_becomes_its_own(void **state)
{
	struct fixture *f = *state;
	int64_t k = 0;
	for (;; k++) {
		arena_clear(&f->arena);
		buf_init(&f->buf, &f->arena, 100000);
		arena_fail_after(k);
		for (int i = 0; i < 10000; i++)
			buf_put_i64(&f->buf, i);
		buf_printf(&f->buf, "%d", 10000);
		arena_fail_after(-1);
		if (buf_status(&f->buf) == RC_OK)
			break;
		assert_rc(buf_status(&f->buf), RC_NOMEM);
	}
	assert_true(k > 0);
	arena_release(&f->arena);
	arena_init(&f->arena, 128);
	buf_init(&f->buf, &f->arena, 100000);
	for (int i = 0; i < 1000; i++)
		buf_putc(&f->buf, 'x');
	assert_rc(buf_status(&f->buf), RC_BUDGET);
	assert_true(f->buf.n <= 128);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(puts_in_order),
		WITH_FIXTURE(writes_every_integer),
		WITH_FIXTURE(maximum_is_exact_and_sticky),
		WITH_FIXTURE(printf_may_fill_it_to_the_brim),
		WITH_FIXTURE(reserve_and_advance),
		WITH_FIXTURE(capacity_stays_within_the_maximum),
		WITH_FIXTURE(arena_failure_becomes_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
