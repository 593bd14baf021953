/*
 * A merge of two forks in a large room, through the store: what resolving its state costs. Not a test.
 *
 *   merge_bench MEMBERS EVENTS [FILE]
 *
 * A room of MEMBERS joined members is forked; on each fork come EVENTS events (topics, names, bans, power levels, display
 * names), then one event that cites both tips. Printed are the times of the forks' events and of the merge, which resolves
 * twice: the state before it, and the room's with a third extremity. With FILE the
 * events and the two states are written there, for resolve_synapse.py, which times Synapse on the same input.
 */
#include "pdu_rig.h"

#include <stdlib.h>
#include <time.h>

#define VERSION "11"

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

struct bench {
	struct room_rig *rig;
	str room_id;
	int64_t ts_ms;
};

/* The budget of the rig's arena is for tests: what a bench does not keep is given back. */
static str given(struct bench *b, struct pdu_wish wish, str prev)
{
	static char id[256];
	struct arena kept = b->rig->arena;
	arena_init(&b->rig->arena, (size_t)64 << 20);
	wish.ts_ms = b->ts_ms++;
	if (prev.n) {
		wish.prev[0] = prev;
		wish.prev_count = 1;
	}
	struct pdu pdu = pdu_make(b->rig, b->room_id, &wish);
	struct receipt receipt = pdu_receive(b->rig, b->room_id, pdu.text);
	if (receipt.verdict != RECEIPT_ACCEPTED)
		fail_msg("%s: %.*s", wish.type, STR_ARG(receipt.reason));
	memcpy(id, pdu.event_id.p, pdu.event_id.n);
	str kept_id = {id, pdu.event_id.n};
	arena_release(&b->rig->arena);
	b->rig->arena = kept;
	return kept_id;
}

static void room_fill(struct bench *b, int members)
{
	struct actor alice = rig_user(b->rig, "alice");
	b->room_id = rig_room(b->rig, &alice, "{\"preset\":\"public_chat\",\"room_version\":\"" VERSION "\"}");
	str sent;
	assert_rc(rig_state(b->rig, &alice, b->room_id, "m.room.power_levels", STR_EMPTY,
	                    "{\"users\":{\"@alice:localhost\":100,\"@m0:remote.example\":100,\"@m1:remote.example\":100}}",
	                    &sent), RC_OK);
	for (int i = 0; i < members; i++) {
		char user[64];
		snprintf(user, sizeof user, "@m%d:remote.example", i);
		struct pdu_wish join = {.sender = user, .type = "m.room.member", .state_key = user,
			.content = "{\"membership\":\"join\"}"};
		given(b, join, STR_EMPTY);
	}
}

/* The events of one fork; its tip stays in `tip`. */
static void fork_make(struct bench *b, int fork, int events, char tip[256], size_t *tip_bytes)
{
	char admin[64], content[256], key[64];
	snprintf(admin, sizeof admin, "@m%d:remote.example", fork);
	for (int i = 0; i < events; i++) {
		struct pdu_wish wish = {.sender = admin, .state_key = "", .content = content};
		int who = 100 + fork * 5000 + i;
		switch (i % 5) {
		case 0:
			wish.type = "m.room.topic";
			snprintf(content, sizeof content, "{\"topic\":\"%d of %d\"}", i, fork);
			break;
		case 1:
			wish.type = "m.room.name";
			snprintf(content, sizeof content, "{\"name\":\"%d of %d\"}", i, fork);
			break;
		case 2:
			wish.type = "m.room.member";
			snprintf(key, sizeof key, "@m%d:remote.example", who);
			wish.state_key = key;
			snprintf(content, sizeof content, "{\"membership\":\"ban\"}");
			break;
		case 3:
			wish.type = "m.room.power_levels";
			snprintf(content, sizeof content,
			         "{\"events_default\":0,\"users\":{\"@alice:localhost\":100,\"@m0:remote.example\":100,"
			         "\"@m1:remote.example\":100,\"@m%d:remote.example\":%d}}", who, i % 50);
			break;
		default:
			wish.type = "m.room.member";
			snprintf(key, sizeof key, "@m%d:remote.example", 20 + i);
			wish.state_key = wish.sender = key;
			snprintf(content, sizeof content, "{\"displayname\":\"%d\",\"membership\":\"join\"}", fork);
			break;
		}
		str id = given(b, wish, (str){tip, *tip_bytes});
		memcpy(tip, id.p, id.n);
		*tip_bytes = id.n;
	}
}

static enum rc id_write(void *self, const struct state_entry *entry)
{
	void **to = self;
	struct event_row row;
	struct arena scratch CLEANUP(arena_release);
	arena_init(&scratch, 1 << 20);
	TRY(event_get(to[0], &scratch, entry->event, &row));
	fprintf(to[1], " \"%.*s\"", STR_ARG(row.event_id));
	return RC_OK;
}

static void dump(struct bench *b, const char *path, const char tips[2][256], const size_t *tip_bytes)
{
	FILE *file = fopen(path, "w");
	struct room_row room = rig_row(b->rig, b->room_id);
	struct txn_ro *txn CLEANUP(txn_ro_end) = fixture_read(b->rig->store);
	struct arena page CLEANUP(arena_release);
	bool more = true;
	assert_non_null(file);
	arena_init(&page, (size_t)64 << 20);
	for (int64_t pos = 0; more;) {
		struct event_row *rows;
		size_t count;
		arena_clear(&page);
		assert_rc(events_between(txn, &page, room.room, pos, room.last_pos, false, 500, &rows, &count, &more), RC_OK);
		for (size_t i = 0; i < count; i++)
			fprintf(file, "%.*s\n", STR_ARG(rows[i].canonical));
		pos = count ? rows[count - 1].pos : pos;
	}
	for (int i = 0; i < 2; i++) {
		struct event_row row = pdu_row(b->rig, (str){tips[i], tip_bytes[i]});
		void *to[2] = {txn, file};
		fprintf(file, "state");
		assert_rc(snapshot_each(txn, row.snapshot, 0, id_write, to), RC_OK);
		fprintf(file, "\n");
	}
	fclose(file);
}

int main(int argc, char **argv)
{
	void *state;
	if (argc < 3 || room_rig_setup(&state) != 0) {
		fprintf(stderr, "usage: merge_bench MEMBERS EVENTS [FILE]\n");
		return 2;
	}
	struct bench b = {.rig = state, .ts_ms = 1700000000000};
	int events = atoi(argv[2]);
	char tips[2][256];
	size_t tip_bytes[2];
	double start = now_ms();
	room_fill(&b, atoi(argv[1]));
	double filled = now_ms();
	str base = rig_row(b.rig, b.room_id).head_event_id;
	for (int i = 0; i < 2; i++) {
		memcpy(tips[i], base.p, base.n);
		tip_bytes[i] = base.n;
		fork_make(&b, i, events, tips[i], &tip_bytes[i]);
	}
	double forked = now_ms();
	/* A third extremity: else the state of the merge would be the room's, which is resolved already. */
	struct pdu_wish aside = {.sender = "@m0:remote.example", .type = "m.room.message", .content = "{\"body\":\"aside\"}"};
	given(&b, aside, base);
	struct pdu_wish merge = {.sender = "@m0:remote.example", .type = "m.room.message", .content = "{}", .ts_ms = b.ts_ms,
		.prev = {{tips[0], tip_bytes[0]}, {tips[1], tip_bytes[1]}}, .prev_count = 2};
	struct pdu pdu = pdu_make(b.rig, b.room_id, &merge);
	double begun = now_ms();
	struct receipt receipt = pdu_receive(b.rig, b.room_id, pdu.text);
	double merged = now_ms();
	printf("members\t%s\nevents on each fork\t%d\njoin, ms\t%.3f\nevent on a fork, ms\t%.3f\nmerge, ms\t%.2f\nverdict\t%d\n",
	       argv[1], events, (filled - start) / atoi(argv[1]), (forked - filled) / (2 * events), merged - begun,
	       (int)receipt.verdict);
	if (argc > 3)
		dump(&b, argv[3], (const char(*)[256])tips, tip_bytes);
	return room_rig_teardown(&state);
}
