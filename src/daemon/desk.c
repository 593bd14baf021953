#include "daemon/desk.h"

#include "daemon/control.h"
#include "daemon/control_int.h"

#include <poll.h>
#include <unistd.h>

enum {
	CHANGE_WAIT_MS = 8000,  /* a server that stops answers what is in flight first */
	CHANGE_PAUSE_MS = 50,
};

bool desk_has_data(const struct settings *settings)
{
	char path[4200];
	if (settings->database_postgres.n)
		return true; /* opening it tells */
	str directory = settings->database_sqlite.n ? settings->database_sqlite : settings->server_data;
	snprintf(path, sizeof path, "%.*s/exeunt.db", STR_ARG(directory));
	return access(path, F_OK) == 0;
}

static enum rc rc_by_name(str name)
{
	for (int i = RC_OK + 1; i < RC_COUNT; i++)
		if (str_eq(str_of(rc_name((enum rc)i)), name))
			return (enum rc)i;
	return RC_UNKNOWN;
}

static enum rc read_answer(json answer, json *ret_result, struct fail *fail)
{
	if (json_is_true(json_get(answer, STR("ok")))) {
		*ret_result = json_get(answer, STR("result"));
		return RC_OK;
	}
	return fail_set(fail, rc_by_name(json_get_text(answer, STR("code"))), "%.*s",
	                STR_ARG(json_get_text(answer, STR("error"))));
}

static enum rc try_open(struct arena *arena, struct desk *desk, struct fail *fail)
{
	json answer;
	str directory = desk->settings->server_data;
	enum rc rc = control_ask(arena, directory, STR("{\"verb\":\"server\"}"), &answer, fail);
	desk->beside_server = rc == RC_OK;
	if (rc != RC_NOT_FOUND)
		return rc == RC_CANCELLED ? RC_EXISTS : rc; /* it was stopping */
	rc = house_open(&desk->house, desk->settings, fail);
	if (rc != RC_OK)
		house_close(&desk->house);
	return rc;
}

enum rc desk_open(struct arena *arena, const struct settings *settings, bool may_create, struct desk *ret_desk,
                  struct fail *fail)
{
	*ret_desk = (struct desk){.settings = settings};
	if (!may_create && !desk_has_data(settings))
		return fail_set(fail, RC_NOT_FOUND,
		                "there is no data in %.*s: run 'exeunt serve' first, or name the directory with --data",
		                STR_ARG(str_first(settings->server_data, 100)));
	int64_t end_ms = clock_mono_ms(&clock_system) + CHANGE_WAIT_MS;
	for (;;) {
		enum rc rc = try_open(arena, ret_desk, fail);
		if (rc != RC_EXISTS)
			return rc;
		if (clock_mono_ms(&clock_system) >= end_ms)
			return fail_set(fail, RC_BUSY,
			                "another exeunt has the data directory %.*s open but does not answer",
			                STR_ARG(str_first(settings->server_data, 100)));
		poll(NULL, 0, CHANGE_PAUSE_MS);
	}
}

void desk_close(struct desk *desk)
{
	if (!desk->beside_server)
		house_close(&desk->house);
}

enum rc desk_ask(struct desk *desk, struct arena *arena, str request, json *ret_result, struct fail *fail)
{
	json answer;
	str line;
	if (desk->beside_server) {
		enum rc rc = control_ask(arena, desk->settings->server_data, request, &answer, fail);
		if (rc == RC_NOT_FOUND)
			return fail_set(fail, RC_STOPPING, "the server has stopped meanwhile");
		TRY(rc);
	} else {
		TRY(control_answer(&desk->house, arena, request, &line));
		TRY(json_parse(arena, line, &answer, fail));
	}
	return read_answer(answer, ret_result, fail);
}
