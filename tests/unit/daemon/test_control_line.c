#include "base/test.h"

#include "base/clock.h"
#include "daemon/control_int.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena arena;
static int ours, theirs;

static int setup(void **state)
{
	(void)state;
	int pair[2];
	arena_init(&arena, MEBIBYTE);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	ours = pair[0];
	theirs = pair[1];
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(ours);
	if (theirs >= 0)
		close(theirs);
	arena_release(&arena);
	return 0;
}

static int64_t in_ms(int64_t ms)
{
	return clock_mono_ms(&clock_system) + ms;
}

static enum rc read_line(size_t max, int64_t wait_ms, str *ret_line)
{
	return control_read_line(ours, -1, &arena, max, in_ms(wait_ms), ret_line);
}

static void put(str text)
{
	assert_rc(control_write_all(theirs, -1, text, in_ms(1000)), RC_OK);
}

static void a_line_comes_in_pieces(void **state)
{
	(void)state;
	str line;
	put(STR("{\"a\""));
	put(STR(":1}"));
	put(STR("\nrest"));
	assert_rc(read_line(100, 1000, &line), RC_OK);
	assert_str(line, STR("{\"a\":1}"));
}

static void a_line_has_a_limit(void **state)
{
	(void)state;
	str line;
	put(STR("12345\n"));
	assert_rc(read_line(4, 1000, &line), RC_TOO_LARGE);
	put(STR("12345\n"));
	assert_rc(read_line(5, 1000, &line), RC_OK);
}

/* Without a newline the limit holds as well: nobody fills our memory. */
static void a_line_that_never_ends_is_cut_off(void **state)
{
	(void)state;
	str line;
	static char text[40000];
	memset(text, 'x', sizeof text);
	put(str_bytes(text, sizeof text));
	assert_rc(read_line(20000, 1000, &line), RC_TOO_LARGE);
}

static void silence_ends_at_the_deadline(void **state)
{
	(void)state;
	str line;
	put(STR("half"));
	assert_rc(read_line(100, 20, &line), RC_TIMEOUT);
}

static void a_peer_that_goes_is_told_from_one_that_waits(void **state)
{
	(void)state;
	str line;
	put(STR("half"));
	close(theirs);
	theirs = -1;
	assert_rc(read_line(100, 1000, &line), RC_CANCELLED);
	assert_rc(control_write_all(ours, -1, STR("x"), in_ms(1000)), RC_CANCELLED);
}

static void a_stop_interrupts_the_wait(void **state)
{
	(void)state;
	int stop[2];
	str line;
	assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
	assert_int_equal(write(stop[1], "x", 1), 1);
	assert_rc(control_read_line(ours, stop[0], &arena, 100, in_ms(5000), &line), RC_STOPPING);
	close(stop[0]);
	close(stop[1]);
}

static void a_peer_that_takes_nothing_does_not_hold_us(void **state)
{
	(void)state;
	static char text[8 << 20];
	memset(text, 'x', sizeof text);
	assert_rc(control_write_all(ours, -1, str_bytes(text, sizeof text), in_ms(30)), RC_TIMEOUT);
}

static void a_long_directory_is_reached_through_a_descriptor(void **state)
{
	(void)state;
	struct control_path path;
	char deep[200] = "/tmp/exeunt-control-XXXXXX";
	assert_rc(control_path_make(STR("/short"), &path, NULL), RC_OK);
	assert_string_equal(path.address.sun_path, "/short/control.sock");
	assert_int_equal(path.directory_fd, -1);
	assert_non_null(mkdtemp(deep));
	size_t root = strlen(deep);
	snprintf(deep + root, sizeof deep - root, "/%0120d", 7);
	assert_int_equal(mkdir(deep, 0700), 0);
	assert_rc(control_path_make(str_of(deep), &path, NULL), RC_OK);
	assert_true(path.directory_fd >= 0);
	assert_true(str_starts(str_of(path.address.sun_path), STR("/proc/self/fd/")));
	control_path_release(&path);
	rmdir(deep);
	assert_rc(control_path_make(str_of(deep), &path, NULL), RC_NOT_FOUND);
	deep[root] = '\0';
	rmdir(deep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_line_comes_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(a_line_has_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(a_line_that_never_ends_is_cut_off, setup, teardown),
		cmocka_unit_test_setup_teardown(silence_ends_at_the_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(a_peer_that_goes_is_told_from_one_that_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stop_interrupts_the_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(a_peer_that_takes_nothing_does_not_hold_us, setup, teardown),
		cmocka_unit_test_setup_teardown(a_long_directory_is_reached_through_a_descriptor, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
