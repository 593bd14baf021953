/* exeunt user … */
#include "daemon/password_prompt.h"
#include "daemon/request.h"
#include "daemon/table.h"
#include "daemon/verbs.h"

#include <poll.h>
#include <unistd.h>

enum { PROGRESS_PAUSE_MS = 100 };

static enum rc get_password(struct command_call *call, str *ret_password, struct fail *fail)
{
	if (wants(call, OPTION_PASSWORD_FILE))
		return password_from_file(call->arena, call->options->password_path, ret_password, fail);
	return password_from_terminal(call->arena, call->argument, ret_password, fail);
}

/*
 * Asks for the password before the desk is opened, so that nothing is locked while a person types.
 */
static enum rc request_with_password(struct command_call *call, const char *verb, bool may_create,
                                     json *ret_result, struct fail *fail)
{
	struct buf request;
	str password;
	TRY(get_password(call, &password, fail));
	request_begin(&request, call->arena, verb);
	put_text_member(&request, "name", call->argument);
	put_text_member(&request, "password", password);
	if (wants(call, OPTION_ADMIN))
		put_bool_member(&request, "admin", true);
	return request_once(call, may_create, &request, ret_result, fail);
}

int command_user_add(struct command_call *call)
{
	struct fail fail = {0};
	json result;
	enum rc rc = request_with_password(call, "user.add", true, &result, &fail);
	if (rc == RC_OK && wants(call, OPTION_JSON))
		print_json(call->arena, result);
	else if (rc == RC_OK)
		printf("%.*s\n", STR_ARG(json_get_text(result, STR("user_id"))));
	return command_done(call, rc, &fail);
}

int command_user_reset_password(struct command_call *call)
{
	struct fail fail = {0};
	json result;
	enum rc rc = request_with_password(call, "user.reset_password", false, &result, &fail);
	if (rc == RC_OK && wants(call, OPTION_JSON))
		print_json(call->arena, result);
	else if (rc == RC_OK)
		printf("%.*s has a new password; all its sessions have ended.\n",
		       STR_ARG(json_get_text(result, STR("user_id"))));
	return command_done(call, rc, &fail);
}

static int set_admin(struct command_call *call, bool admin, const char *words)
{
	struct fail fail = {0};
	struct buf request;
	json result;
	request_begin(&request, call->arena, "user.set_admin");
	put_text_member(&request, "name", call->argument);
	put_bool_member(&request, "admin", admin);
	enum rc rc = request_once(call, false, &request, &result, &fail);
	if (rc == RC_OK && wants(call, OPTION_JSON))
		print_json(call->arena, result);
	else if (rc == RC_OK)
		printf("%.*s %s\n", STR_ARG(json_get_text(result, STR("user_id"))), words);
	return command_done(call, rc, &fail);
}

int command_user_promote(struct command_call *call)
{
	return set_admin(call, true, "is a server administrator now.");
}

int command_user_demote(struct command_call *call)
{
	return set_admin(call, false, "is no server administrator any more.");
}

static void add_user_row(void *self, json user)
{
	struct table *table = self;
	bool deactivated = json_get_true(user, STR("deactivated"));
	const str cells[] = {
		json_get_text(user, STR("user_id")),
		cell_bool(json_get_true(user, STR("admin"))),
		cell_time(table->arena, json_get_integer(user, STR("created_ts"))),
		deactivated ? STR("deactivated") : STR("active"),
	};
	table_add(table, cells);
}

int command_user_list(struct command_call *call)
{
	static const char *const headings[] = {"USER", "ADMIN", "CREATED", "STATE"};
	struct fail fail = {0};
	struct table table;
	if (wants(call, OPTION_JSON))
		return command_done(call, print_list_json(call, "user.list", "users", "user_id", &fail), &fail);
	table_init(&table, call->arena, headings, COUNT_OF(headings));
	enum rc rc = request_list(call, "user.list", "users", "user_id", add_user_row, &table, &fail);
	if (rc == RC_OK)
		rc = table_print(&table);
	return command_done(call, rc, &fail);
}

/* How far the deactivation of the account is. */
static enum rc ask_progress(struct desk *desk, struct arena *arena, str name, json *ret_result, struct fail *fail)
{
	struct buf request;
	request_begin(&request, arena, "deactivation.show");
	put_text_member(&request, "name", name);
	return request_ask(desk, arena, &request, ret_result, fail);
}

/* Nothing goes on by itself any more: all is left, or what is not waits for another try. */
static bool at_rest(json job)
{
	return json_get_integer(job, STR("finished_ts")) ||
	       json_get_integer(job, STR("pending")) == json_get_integer(job, STR("retrying"));
}

static void show_progress(json job, const char *end)
{
	int64_t total = json_get_integer(job, STR("total"));
	int64_t pending = json_get_integer(job, STR("pending"));
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\rleaving rooms: %lld of %lld%s", (long long)(total - pending), (long long)total, end);
}

/* Without a server the rooms are left here; killed in the middle, the next server goes on. */
static enum rc run_to_end(struct command_call *call, struct desk *desk, str user_id, json *ret_job,
                          struct fail *fail)
{
	struct arena CLEANUP(arena_release) arena;
	json job;
	arena_init(&arena, (size_t)REQUEST_MAX_BYTES * 8);
	TRY(deactivations_start(desk->house.deactivations));
	for (;;) {
		arena_clear(&arena);
		TRY(ask_progress(desk, &arena, user_id, &job, fail));
		if (at_rest(job))
			break;
		show_progress(job, "");
		poll(NULL, 0, PROGRESS_PAUSE_MS);
	}
	show_progress(job, "\n");
	return ask_progress(desk, call->arena, user_id, ret_job, fail);
}

static enum rc deactivate_at(struct command_call *call, struct desk *desk, json *ret_job, struct fail *fail)
{
	struct buf request;
	request_begin(&request, call->arena, "user.deactivate");
	put_text_member(&request, "name", call->argument);
	put_bool_member(&request, "erase", wants(call, OPTION_ERASE));
	TRY(request_ask(desk, call->arena, &request, ret_job, fail));
	if (desk->beside_server)
		return RC_OK;
	return run_to_end(call, desk, json_get_text(*ret_job, STR("user_id")), ret_job, fail);
}

static void say_deactivated(json job, bool beside_server)
{
	str user_id = json_get_text(job, STR("user_id"));
	int64_t pending = json_get_integer(job, STR("pending"));
	printf("%.*s is deactivated; %lld rooms to leave, %lld left.\n", STR_ARG(user_id),
	       (long long)json_get_integer(job, STR("total")), (long long)json_get_integer(job, STR("left")));
	if (pending && beside_server)
		printf("The server leaves the others now: exeunt deactivation show %.*s\n", STR_ARG(user_id));
	else if (pending)
		printf("%lld could not be left yet; the server tries them again when it runs.\n", (long long)pending);
}

int command_user_deactivate(struct command_call *call)
{
	struct fail fail = {0};
	struct desk desk;
	json job;
	enum rc rc = desk_open(call->arena, &call->options->settings, false, &desk, &fail);
	if (rc != RC_OK)
		return command_done(call, rc, &fail);
	rc = deactivate_at(call, &desk, &job, &fail);
	bool beside_server = desk.beside_server;
	desk_close(&desk);
	if (rc == RC_OK && wants(call, OPTION_JSON))
		print_json(call->arena, job);
	else if (rc == RC_OK)
		say_deactivated(job, beside_server);
	return command_done(call, rc, &fail);
}
