#include "base/test.h"

#include "base/fault.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void refuses_malformed_specs(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", ":", "name", "name:", ":1", "name:0", "name:-1", "name:x", "name:1:", "name:1:die",
		"name:1:fail:", "name:99999999999", "name: 1",
		"a-name-that-is-much-longer-than-any-fault-point-could-ever-reasonably-be:1",
	};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_rc_of(fault_arm(str_of(bad[i])), RC_INVALID_PARAM, bad[i]);
		assert_false(fault_armed);
	}
}

static void fails_once_at_the_kth_time(void **state)
{
	(void)state;
	assert_rc(fault_arm(STR("store.write:3:fail")), RC_OK);
	assert_false(fault_hit("store.write"));
	assert_false(fault_hit("store.other"));
	assert_false(fault_hit("store.writ"));
	assert_false(fault_hit("store.write"));
	assert_true(fault_hit("store.write"));
	assert_false(fault_hit("store.write"));
	assert_rc(fault_arm(STR("*:2:fail")), RC_OK);
	assert_false(fault_hit("one"));
	assert_true(fault_hit("another"));
	assert_false(fault_hit("one"));
	fault_disarm();
	assert_false(fault_armed);
}

static void macros_are_quiet_unless_armed(void **state)
{
	(void)state;
	fault_disarm();
	FAULT("a.point");
	assert_false(FAULT_FAILS("a.point"));
	assert_rc(fault_arm(STR("a.point:1:fail")), RC_OK);
#ifdef EXEUNT_FAULT_POINTS
	assert_true(FAULT_FAILS("a.point"));
#endif
	assert_false(FAULT_FAILS("a.point"));
	fault_disarm();
}

/* A child reaches the points "a", "b", "a" in turn, and exits with 0 when it survives: its wait status, and how far it came. */
static int run_armed(str spec, char *ret_reached)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		static const char *const points[] = {"a", "b", "a"};
		if (fault_arm(spec) != RC_OK)
			_exit(9);
		for (size_t i = 0; i < COUNT_OF(points); i++) {
			if (fault_hit(points[i]) || write(ends[1], "x", 1) != 1)
				_exit(8);
		}
		_exit(0);
	}
	assert_true(child > 0);
	close(ends[1]);
	size_t n = 0;
	while (n < 3 && read(ends[0], ret_reached + n, 1) == 1)
		n++;
	ret_reached[n] = '\0';
	close(ends[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void kills_at_the_kth_time(void **state)
{
	(void)state;
	static const struct {
		const char *spec, *reached;
		bool dies;
	} rows[] = {
		{"a:1", "", true}, {"a:2", "xx", true}, {"a:3", "xxx", false}, {"b:1", "x", true},
		{"*:1", "", true}, {"*:2", "x", true},  {"*:3", "xx", true},   {"*:4", "xxx", false},
		{"c:1", "xxx", false},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char reached[4];
		int status = run_armed(str_of(rows[i].spec), reached);
		assert_string_equal(reached, rows[i].reached);
		assert_int_equal(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, rows[i].dies);
		assert_int_equal(WIFEXITED(status) && WEXITSTATUS(status) == 0, !rows[i].dies);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_malformed_specs),
		cmocka_unit_test(fails_once_at_the_kth_time),
		cmocka_unit_test(macros_are_quiet_unless_armed),
		cmocka_unit_test(kills_at_the_kth_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
