/*
 * CPU time of /sync on the calling thread, over a store in a temporary directory. Not a test.
 *
 *   sync_bench [MESSAGES]
 *
 * Each line is one kind of sync: the mean of its runs, and what the answer weighs.
 */
#include "core/sync_rig.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

enum { READERS = 50, ROOMS = 50, MEMBERS = 20, MANY_ROOMS = 1000, LARGE_MEMBERS = 2000, RUNS = 20 };

#define PUBLIC "{\"preset\":\"public_chat\"}"
#define LAZY "{\"room\":{\"state\":{\"lazy_load_members\":true}}}"

static int64_t cpu_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct sum {
	const char *what;
	int64_t ns, runs;
	size_t bytes; /* of the last answer */
};

static void sum_print(const struct sum *sum)
{
	printf("%-58s %9.1f µs %9zu bytes\n", sum->what, (double)sum->ns / 1000 / (double)sum->runs, sum->bytes);
}

static struct actor numbered_user(struct sync_rig *rig, const char *prefix, int number)
{
	str name = arena_printf(&rig->room->arena, "%s%d", prefix, number);
	return rig_user(rig->room, arena_cstr(&rig->room->arena, name));
}

/* One sync as the server does it, timed; the token is taken out of it afterwards. */
static void timed_sync(struct sync_rig *rig, struct client *client, struct sum *sum)
{
	struct filter filter;
	struct sync_request request = {.session = &client->session, .since = client->since};
	struct arena scratch CLEANUP(arena_release), answer CLEANUP(arena_release);
	struct buf out;
	if (client->filter) {
		assert_rc(filter_parse(&rig->room->arena, str_of(client->filter), &filter, NULL), RC_OK);
		request.filter = &filter;
	}
	int64_t begin = cpu_ns();
	arena_init(&scratch, 256 << 20);
	arena_init(&answer, 256 << 20);
	buf_init(&out, &answer, 256 << 20);
	assert_rc(sync_answer(rig->syncs, &scratch, &request, &out, &client->mark, NULL), RC_OK);
	sum->ns += cpu_ns() - begin;
	sum->runs++;
	sum->bytes = out.n;
	struct buf since;
	buf_init(&since, &rig->room->arena, 200);
	sync_since_put(&since, rig->syncs, (struct sync_position){client->mark.pos, client->mark.typing_serial});
	client->since = buf_str(&since);
}

static void wake_nobody(void *self)
{
	(void)self;
}

static void timed_watch(struct sync_rig *rig, const struct client *client, struct sum *sum)
{
	struct arena scratch CLEANUP(arena_release);
	struct watch *watch;
	int64_t begin = cpu_ns();
	arena_init(&scratch, 16 << 20);
	assert_rc(sync_watch(rig->syncs, &scratch, &client->session, &client->mark, wake_nobody, NULL, &watch), RC_OK);
	watch_free(watch);
	sum->ns += cpu_ns() - begin;
	sum->runs++;
}

static void say(struct sync_rig *rig, const struct actor *actor, str room_id)
{
	assert_rc(rig_send(rig->room, actor, room_id, "m.room.message", "", "{\"body\":\"hello\",\"msgtype\":\"m.text\"}",
	                   NULL), RC_OK);
}

static void readers_of_one_room(struct sync_rig *rig, int messages, const char *filter)
{
	struct sum news = {.what = filter ? "one message, lazy, 50 readers of a room" : "one message, 50 readers of a room"};
	struct sum empty = {.what = "  and the empty sync after it"}, watch = {.what = "  and its watch"};
	struct client readers[READERS];
	struct actor host = numbered_user(rig, filter ? "lhost" : "host", 0);
	str room_id = rig_room(rig->room, &host, PUBLIC);
	for (int i = 0; i < READERS; i++) {
		struct actor reader = numbered_user(rig, filter ? "lreader" : "reader", i);
		assert_rc(rig_join(rig->room, &reader, room_id), RC_OK);
		readers[i] = client_of(&reader);
		readers[i].filter = filter;
	}
	for (int i = 0; i < READERS; i++)
		client_sync(rig, &readers[i]);
	for (int m = 0; m < messages; m++) {
		say(rig, &host, room_id);
		for (int i = 0; i < READERS; i++) {
			timed_sync(rig, &readers[i], &news);
			timed_sync(rig, &readers[i], &empty);
			timed_watch(rig, &readers[i], &watch);
		}
	}
	sum_print(&news);
	sum_print(&empty);
	sum_print(&watch);
}

/* The syncing user joins last, so that every other's event was sent before. */
static void initial(struct sync_rig *rig)
{
	struct sum whole = {.what = "initial, 50 rooms of 20 members"}, lazy = {.what = "initial, the same, lazy"};
	struct actor members[MEMBERS];
	for (int i = 0; i < MEMBERS; i++)
		members[i] = numbered_user(rig, "member", i);
	for (int i = 0; i < ROOMS; i++) {
		str room_id = rig_room(rig->room, &members[0], PUBLIC);
		for (int j = 1; j < MEMBERS; j++)
			assert_rc(rig_join(rig->room, &members[j], room_id), RC_OK);
		for (int j = 0; j < 10; j++)
			say(rig, &members[j], room_id);
	}
	for (int i = 0; i < RUNS; i++) {
		struct client client = client_of(&members[MEMBERS - 1]);
		timed_sync(rig, &client, &whole);
		client = client_of(&members[MEMBERS - 1]);
		client.filter = LAZY;
		timed_sync(rig, &client, &lazy);
	}
	sum_print(&whole);
	sum_print(&lazy);
}

static void user_of_many_rooms(struct sync_rig *rig, int messages)
{
	struct sum news = {.what = "one message, a user of 1000 rooms"}, watch = {.what = "  and the watch"};
	struct actor host = numbered_user(rig, "busy", 0);
	str room_id = STR_EMPTY;
	for (int i = 0; i < MANY_ROOMS; i++)
		room_id = rig_room(rig->room, &host, PUBLIC);
	struct client client = client_of(&host);
	client_sync(rig, &client);
	for (int i = 0; i < messages; i++) {
		say(rig, &host, room_id);
		timed_sync(rig, &client, &news);
		timed_watch(rig, &client, &watch);
	}
	sum_print(&news);
	sum_print(&watch);
}

static void large_room(struct sync_rig *rig, int messages)
{
	struct sum first = {.what = "initial, a room of 2000 members, lazy"}, whole = {.what = "initial, the same, all members"};
	struct sum news = {.what = "one message, a room of 2000 members, lazy"}, join = {.what = "one join there, lazy"};
	struct actor host = numbered_user(rig, "large", 0);
	str room_id = rig_room(rig->room, &host, PUBLIC);
	for (int i = 0; i < LARGE_MEMBERS; i++) {
		struct actor member = numbered_user(rig, "crowd", i);
		assert_rc(rig_join(rig->room, &member, room_id), RC_OK);
	}
	struct client client = client_of(&host);
	timed_sync(rig, &client, &whole);
	client = client_of(&host);
	client.filter = LAZY;
	timed_sync(rig, &client, &first);
	for (int i = 0; i < messages; i++) {
		say(rig, &host, room_id);
		timed_sync(rig, &client, &news);
	}
	for (int i = 0; i < RUNS; i++) {
		struct actor late = numbered_user(rig, "late", i);
		assert_rc(rig_join(rig->room, &late, room_id), RC_OK);
		timed_sync(rig, &client, &join);
	}
	sum_print(&whole);
	sum_print(&first);
	sum_print(&news);
	sum_print(&join);
}

int main(int argc, char **argv)
{
	int messages = argc > 1 ? atoi(argv[1]) : 50;
	void *rig;
	if (messages < 1 || sync_rig_setup(&rig) != 0)
		return 1;
	readers_of_one_room(rig, messages, NULL);
	readers_of_one_room(rig, messages, LAZY);
	initial(rig);
	user_of_many_rooms(rig, messages);
	large_room(rig, messages);
	return sync_rig_teardown(&rig);
}
