#include "base/test.h"

#include "base/assert.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int released;

static void note_release(int **p)
{
	released += *p != NULL;
}

static int *hand_out(int *owned)
{
	int *CLEANUP(note_release) held = owned;
	return TAKE(held);
}

static void cleanup_runs_unless_taken(void **state)
{
	(void)state;
	int owned = 1;
	released = 0;
	assert_ptr_equal(hand_out(&owned), &owned);
	assert_int_equal(released, 0);
	{
		int *CLEANUP(note_release) held = &owned;
		(void)held;
	}
	assert_int_equal(released, 1);
}

static enum rc try_then(enum rc first, int *reached)
{
	TRY(first);
	*reached = 1;
	return RC_OK;
}

static void try_returns_early(void **state)
{
	(void)state;
	int reached = 0;
	assert_rc(try_then(RC_BUSY, &reached), RC_BUSY);
	assert_int_equal(reached, 0);
	assert_rc(try_then(RC_OK, &reached), RC_OK);
	assert_int_equal(reached, 1);
}

/* Runs ASSERT in a child: its wait status, and what it wrote to its standard error. */
static int assert_in_child(bool expression, char *ret_text, size_t size)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], 2);
		ASSERT(expression);
		_exit(0);
	}
	assert_true(child > 0);
	close(ends[1]);
	ssize_t n = read(ends[0], ret_text, size - 1);
	assert_true(n >= 0);
	ret_text[n] = '\0';
	close(ends[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void a_failed_assertion_names_itself_and_aborts(void **state)
{
	(void)state;
	char text[1024];
	int status = assert_in_child(false, text, sizeof text);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(strstr(text, "expression"));
	assert_non_null(strstr(text, "test_assert.c"));
	status = assert_in_child(true, text, sizeof text);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cleanup_runs_unless_taken),
		cmocka_unit_test(try_returns_early),
		cmocka_unit_test(a_failed_assertion_names_itself_and_aborts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
