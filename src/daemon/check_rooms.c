#include "daemon/check_rooms.h"

#include "daemon/control_int.h"
#include "daemon/verbs.h"

#include <unistd.h>

struct rooms_walk {
	bool as_json, shows_progress;
	int64_t room, stage, after;            /* where the next slice begins */
	int64_t rooms, events, unchecked, count, listed;
};

static void print_finding(struct rooms_walk *walk, struct arena *arena, json finding)
{
	if (walk->as_json) {
		struct buf out;
		buf_init(&out, arena, CONTROL_ANSWER_MAX_BYTES);
		json_put(&out, finding);
		printf("%s%.*s", walk->listed ? "," : "", STR_ARG(buf_str(&out)));
	} else {
		str room_id = json_get_text(finding, STR("room_id")), text = json_get_text(finding, STR("finding"));
		printf("found: room %.*s: %.*s\n", STR_ARG(room_id), STR_ARG(text));
	}
	walk->listed++;
}

static void show_progress(const struct rooms_walk *walk, bool over)
{
	if (walk->shows_progress)
		fprintf(stderr, over ? "\r\033[K" : "\r%lld rooms, %lld events\033[K", (long long)walk->rooms,
		        (long long)walk->events);
}

/* One slice. `*ret_more`: others follow. */
static enum rc walk_slice(struct desk *desk, struct rooms_walk *walk, bool *ret_more, struct fail *fail)
{
	struct arena CLEANUP(arena_release) arena;
	struct buf request;
	json result, finding;
	arena_init(&arena, CONTROL_ARENA_BYTES);
	request_begin(&request, &arena, "check.rooms");
	put_integer_member(&request, "room", walk->room);
	put_integer_member(&request, "stage", walk->stage);
	put_integer_member(&request, "after", walk->after);
	TRY(request_ask(desk, &arena, &request, &result, fail));
	struct json_iter findings = json_iter(json_get(result, STR("findings")));
	if (findings.left)
		show_progress(walk, true);
	while (json_next(&findings, NULL, &finding))
		print_finding(walk, &arena, finding);
	walk->rooms += json_get_integer(result, STR("rooms"));
	walk->events += json_get_integer(result, STR("events"));
	walk->unchecked += json_get_integer(result, STR("signatures_unchecked"));
	walk->count += json_get_integer(result, STR("count"));
	walk->room = json_get_integer(result, STR("room"));
	walk->stage = json_get_integer(result, STR("stage"));
	walk->after = json_get_integer(result, STR("after"));
	*ret_more = json_get_true(result, STR("more"));
	return RC_OK;
}

static void print_totals(const struct rooms_walk *walk)
{
	if (walk->as_json) {
		printf("],\"count\":%lld,\"rooms\":%lld,\"events\":%lld,\"signatures_unchecked\":%lld}",
		       (long long)walk->count, (long long)walk->rooms, (long long)walk->events, (long long)walk->unchecked);
		return;
	}
	if (walk->count > walk->listed)
		printf("found: %lld others\n", (long long)(walk->count - walk->listed));
	printf("Looked at %lld events in %lld rooms.\n", (long long)walk->events, (long long)walk->rooms);
	if (walk->unchecked)
		printf("%lld signatures are by keys that are not known here.\n", (long long)walk->unchecked);
	if (!walk->count)
		puts("The rooms are in order.");
}

enum rc check_rooms(struct command_call *call, bool as_json, int64_t *ret_count, struct fail *fail)
{
	struct rooms_walk walk = {.as_json = as_json, .shows_progress = !as_json && isatty(STDERR_FILENO)};
	struct desk desk;
	bool more = true;
	TRY(desk_open(call->arena, &call->options->settings, false, &desk, fail));
	if (as_json)
		printf("\"rooms\":{\"findings\":[");
	enum rc rc = RC_OK;
	while (rc == RC_OK && more) {
		rc = walk_slice(&desk, &walk, &more, fail);
		show_progress(&walk, !more || rc != RC_OK);
	}
	desk_close(&desk);
	if (rc == RC_OK)
		print_totals(&walk);
	*ret_count = walk.count;
	return rc;
}
