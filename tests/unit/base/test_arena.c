#include "base/test.h"

#include <stdalign.h>

static void gives_aligned_separate_memory(void **state)
{
	(void)state;
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, MEBIBYTE);
	char *blocks[200];
	for (size_t i = 0; i < COUNT_OF(blocks); i++) {
		blocks[i] = arena_alloc(&arena, i);
		assert_non_null(blocks[i]);
		assert_int_equal((uintptr_t)blocks[i] % alignof(max_align_t), 0);
		memset(blocks[i], (int)i, i);
	}
	for (size_t i = 0; i < COUNT_OF(blocks); i++)
		for (size_t at = 0; at < i; at++)
			assert_int_equal((unsigned char)blocks[i][at], i);
	assert_rc(arena_status(&arena), RC_OK);
}

static void zeroes_when_asked(void **state)
{
	(void)state;
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, MEBIBYTE);
	memset(arena_alloc(&arena, 1000), 0xff, 1000);
	arena_clear(&arena);
	unsigned char *zeroed = arena_array(&arena, unsigned char, 1000);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(zeroed[i], 0);
}

static void budget_is_exact_and_sticky(void **state)
{
	(void)state;
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, 100);
	assert_non_null(arena_alloc(&arena, 60));
	assert_non_null(arena_alloc(&arena, 40));
	assert_rc(arena_status(&arena), RC_OK);
	assert_null(arena_alloc(&arena, 1));
	assert_rc(arena_status(&arena), RC_BUDGET);
	assert_null(arena_alloc(&arena, 0));
	assert_int_equal(arena_dup(&arena, STR("x")).n, 0);
	assert_null(arena_cstr(&arena, STR("x")));
	assert_int_equal(arena_printf(&arena, "%d", 1).n, 0);
	arena_clear(&arena);
	assert_rc(arena_status(&arena), RC_OK);
	assert_non_null(arena_alloc(&arena, 100));
}

static void absurd_sizes_fail(void **state)
{
	(void)state;
	static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX / 2 + 1};
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct arena CLEANUP(arena_release) arena;
		arena_init(&arena, SIZE_MAX);
		assert_null(arena_alloc(&arena, sizes[i]));
		assert_rc(arena_status(&arena), RC_BUDGET);
	}
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, SIZE_MAX);
	assert_null(arena_alloc_zero(&arena, SIZE_MAX / 2, 3));
	assert_rc(arena_status(&arena), RC_BUDGET);
	arena_clear(&arena);
	void *old = arena_alloc(&arena, 8);
	assert_null(arena_grow(&arena, old, 8, SIZE_MAX));
	assert_rc(arena_status(&arena), RC_BUDGET);
}

static void grow_keeps_the_bytes(void **state)
{
	(void)state;
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, MEBIBYTE);
	unsigned char *p = NULL;
	size_t n = 0;
	for (size_t to = 1; to < 20000; to = to * 3 / 2 + 1) {
		p = arena_grow(&arena, p, n, to);
		assert_non_null(p);
		for (; n < to; n++)
			p[n] = (unsigned char)(n % 251);
		if (to % 2)
			arena_alloc(&arena, 1); /* no longer the newest */
	}
	for (size_t i = 0; i < n; i++)
		assert_int_equal(p[i], i % 251);
}

static void grow_counts_only_what_is_new(void **state)
{
	(void)state;
#ifndef EXEUNT_ARENA_MALLOC
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, 100);
	char *p = arena_alloc(&arena, 50);
	assert_ptr_equal(arena_grow(&arena, p, 50, 100), p);
	assert_int_equal(arena.used_bytes, 100);
	assert_null(arena_grow(&arena, p, 100, 101));
	assert_rc(arena_status(&arena), RC_BUDGET);
#endif
}

static void copies_text(void **state)
{
	(void)state;
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, MEBIBYTE);
	assert_str(arena_dup(&arena, STR("a\0b")), STR("a\0b"));
	assert_str(arena_dup(&arena, STR_EMPTY), STR_EMPTY);
	assert_string_equal(arena_cstr(&arena, STR("abc")), "abc");
	assert_string_equal(arena_cstr(&arena, STR_EMPTY), "");
	assert_str(arena_printf(&arena, "%s-%d", "x", 7), STR("x-7"));
	assert_str(arena_printf(&arena, "%s", ""), STR_EMPTY);
	str wide = arena_printf(&arena, "%5000d", 7);
	assert_int_equal(wide.n, 5000);
	assert_str(str_from(wide, 4998), STR(" 7"));
}

static void every_allocation_can_fail(void **state)
{
	(void)state;
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, MEBIBYTE);
	int64_t k = 0;
	for (;; k++) {
		arena_clear(&arena);
		arena_fail_after(k);
		arena_dup(&arena, STR("one"));
		arena_cstr(&arena, STR("two"));
		arena_printf(&arena, "three");
		void *p = arena_alloc_zero(&arena, 4, 4);
		arena_alloc(&arena, 1);
		arena_grow(&arena, p, p ? 16 : 0, 1000);
		arena_fail_after(-1);
		if (arena_status(&arena) == RC_OK)
			break;
		assert_rc(arena_status(&arena), RC_NOMEM);
	}
	assert_int_equal(k, 6);
}

static void release_can_be_repeated(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, 1000);
	arena_release(&arena);
	assert_non_null(arena_alloc(&arena, 1000));
	arena_release(&arena);
	arena_release(&arena);
	assert_int_equal(arena.budget_bytes, 1000);
	assert_null(arena.chunks);
}

static void clear_does_not_keep_a_giant(void **state)
{
	(void)state;
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, 64 * MEBIBYTE);
	assert_non_null(arena_alloc(&arena, 100));
	arena_clear(&arena);
#ifndef EXEUNT_ARENA_MALLOC
	assert_non_null(arena.chunks);
#endif
	assert_non_null(arena_alloc(&arena, 32 * MEBIBYTE));
	arena_clear(&arena);
	assert_null(arena.chunks);
	assert_non_null(arena_alloc(&arena, 100));
}

static void one_takes_what_another_holds(void **state)
{
	(void)state;
	struct arena CLEANUP(arena_release) kept, CLEANUP(arena_release) other;
	for (int filled = 0; filled < 2; filled++) {
		arena_init(&kept, 100);
		arena_init(&other, MEBIBYTE);
		arena_absorb(&kept, &other);
		if (filled)
			assert_non_null(arena_alloc(&kept, 10));
		char *blocks[10];
		for (size_t i = 0; i < COUNT_OF(blocks); i++)
			blocks[i] = memset(arena_alloc(&other, 5000), (int)i, 5000);
		arena_absorb(&kept, &other);
		assert_int_equal(other.used_bytes, 0);
		assert_non_null(arena_alloc(&other, 5000)); /* empty, and good for more */
		assert_non_null(arena_alloc(&kept, 80));
		arena_release(&other);
		for (size_t i = 0; i < COUNT_OF(blocks); i++)
			assert_int_equal((unsigned char)blocks[i][4999], i);
		assert_null(arena_alloc(&kept, 100)); /* its budget is its own */
		arena_release(&kept);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives_aligned_separate_memory),
	    cmocka_unit_test(zeroes_when_asked),
	    cmocka_unit_test(budget_is_exact_and_sticky),
	    cmocka_unit_test(absurd_sizes_fail),
	    cmocka_unit_test(one_takes_what_another_holds),
	    cmocka_unit_test(grow_keeps_the_bytes),
	    cmocka_unit_test(grow_counts_only_what_is_new),
	    cmocka_unit_test(copies_text),
	    cmocka_unit_test(every_allocation_can_fail),
	    cmocka_unit_test(release_can_be_repeated),
	    cmocka_unit_test(clear_does_not_keep_a_giant),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
