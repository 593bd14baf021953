/* exeunt deactivation … */
#include "daemon/request.h"
#include "daemon/table.h"
#include "daemon/verbs.h"

static void add_job_row(void *self, json job)
{
	struct table *table = self;
	struct arena *arena = table->arena;
	const str cells[] = {
		json_get_text(job, STR("user_id")),
		cell_time(arena, json_get_integer(job, STR("accepted_ts"))),
		cell_bool(json_get_true(job, STR("erase"))),
		cell_integer(arena, json_get_integer(job, STR("total"))),
		cell_integer(arena, json_get_integer(job, STR("left"))),
		cell_integer(arena, json_get_integer(job, STR("retrying"))),
		cell_integer(arena, json_get_integer(job, STR("terminal"))),
		cell_time(arena, json_get_integer(job, STR("finished_ts"))),
	};
	table_add(table, cells);
}

int command_deactivation_list(struct command_call *call)
{
	static const char *const headings[] = {
		"USER", "ACCEPTED", "ERASE", "TOTAL", "LEFT", "RETRYING", "TERMINAL", "FINISHED"};
	struct fail fail = {0};
	struct table table;
	if (wants(call, OPTION_JSON))
		return command_done(
			call, print_list_json(call, "deactivation.list", "deactivations", "job", &fail), &fail);
	table_init(&table, call->arena, headings, COUNT_OF(headings));
	enum rc rc = request_list(call, "deactivation.list", "deactivations", "job", add_job_row, &table, &fail);
	if (rc == RC_OK)
		rc = table_print(&table);
	return command_done(call, rc, &fail);
}

static void print_line(const char *name, str value)
{
	printf("%-10s %.*s\n", name, STR_ARG(value));
}

static void print_count(const char *name, json job, str member)
{
	printf("%-10s %lld\n", name, (long long)json_get_integer(job, member));
}

static void print_job(struct arena *arena, json job)
{
	print_line("user", json_get_text(job, STR("user_id")));
	print_line("asked by", json_get_text(job, STR("actor")));
	print_line("erase", cell_bool(json_get_true(job, STR("erase"))));
	print_line("accepted", cell_time(arena, json_get_integer(job, STR("accepted_ts"))));
	print_line("finished", cell_time(arena, json_get_integer(job, STR("finished_ts"))));
	print_count("total", job, STR("total"));
	print_count("left", job, STR("left"));
	print_count("pending", job, STR("pending"));
	print_count("retrying", job, STR("retrying"));
	print_count("terminal", job, STR("terminal"));
}

static enum rc print_rooms(struct arena *arena, json job)
{
	static const char *const headings[] = {"ROOM", "STATE", "TRIES", "NEXT TRY", "REASON"};
	struct json_iter rooms = json_iter(json_get(job, STR("rooms")));
	int64_t omitted = json_get_integer(job, STR("rooms_omitted"));
	struct table table;
	json room;
	if (!rooms.left)
		return RC_OK;
	table_init(&table, arena, headings, COUNT_OF(headings));
	while (json_next(&rooms, NULL, &room)) {
		const str cells[] = {
			json_get_text(room, STR("room_id")),
			json_get_text(room, STR("state")),
			cell_integer(arena, json_get_integer(room, STR("attempts"))),
			cell_time(arena, json_get_integer(room, STR("next_try_ts"))),
			json_get_text(room, STR("reason")),
		};
		table_add(&table, cells);
	}
	putchar('\n');
	TRY(table_print(&table));
	if (omitted)
		printf("… and %lld others\n", (long long)omitted);
	return RC_OK;
}

int command_deactivation_show(struct command_call *call)
{
	struct fail fail = {0};
	struct buf request;
	json job;
	request_begin(&request, call->arena, "deactivation.show");
	put_text_member(&request, "name", call->argument);
	put_bool_member(&request, "rooms", wants(call, OPTION_ROOMS));
	enum rc rc = request_once(call, false, &request, &job, &fail);
	if (rc == RC_OK && wants(call, OPTION_JSON)) {
		print_json(call->arena, job);
	} else if (rc == RC_OK) {
		print_job(call->arena, job);
		rc = print_rooms(call->arena, job);
	}
	return command_done(call, rc, &fail);
}
