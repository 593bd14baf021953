/*
 * exeunt check: the settings were read and judged when it starts; it looks through the data and
 * says what is wrong.
 */
#include "daemon/check_rooms.h"

enum { RESULT_MAX_BYTES = 16 << 20 };

static int print_example(struct command_call *call)
{
	struct fail fail = {0};
	str text;
	enum rc rc = settings_example(call->arena, &text);
	if (rc == RC_OK)
		fwrite(text.p, 1, text.n, stdout);
	return command_done(call, rc, &fail);
}

static void print_findings(json result)
{
	struct json_iter findings = json_iter(json_get(result, STR("findings")));
	int64_t count = json_get_integer(result, STR("count")), printed = 0;
	str text;
	json finding;
	while (json_next(&findings, NULL, &finding)) {
		if (json_text(finding, &text))
			printf("found: %.*s\n", STR_ARG(text));
		printed++;
	}
	if (count > printed)
		printf("found: %lld others\n", (long long)(count - printed));
	if (!count)
		puts("The data is in order.");
}

static int nothing_to_check(struct command_call *call, bool as_json)
{
	struct fail fail = {0};
	str directory = call->options->settings.server_data;
	if (as_json)
		puts("{\"findings\":[],\"count\":0}");
	else
		printf("There is no data yet in %.*s.\n", STR_ARG(directory));
	return command_done(call, RC_OK, &fail);
}

/* {"findings":[…],"count":0, and with --rooms "rooms":{…}} */
static enum rc print_result_json(struct command_call *call, json result, int64_t *count, struct fail *fail)
{
	struct buf out;
	buf_init(&out, call->arena, RESULT_MAX_BYTES);
	json_put(&out, result);
	TRY(buf_status(&out));
	printf("%.*s", (int)(out.n - 1), out.p); /* the brace stays open */
	if (wants(call, OPTION_ROOMS)) {
		int64_t in_rooms = 0;
		putchar(',');
		TRY(check_rooms(call, true, &in_rooms, fail));
		*count += in_rooms;
	}
	puts("}");
	return RC_OK;
}

static enum rc print_result(struct command_call *call, json result, int64_t *count, struct fail *fail)
{
	int64_t in_rooms = 0;
	print_findings(result);
	if (wants(call, OPTION_ROOMS))
		TRY(check_rooms(call, false, &in_rooms, fail));
	*count += in_rooms;
	return RC_OK;
}

int command_check(struct command_call *call)
{
	bool as_json = wants(call, OPTION_JSON);
	struct fail fail = {0};
	struct buf request;
	json result;
	int64_t count = 0;
	if (wants(call, OPTION_EXAMPLE))
		return print_example(call);
	if (!as_json)
		puts("The configuration is in order.");
	if (!desk_has_data(&call->options->settings))
		return nothing_to_check(call, as_json);
	fflush(stdout);
	request_begin(&request, call->arena, "check");
	enum rc rc = request_once(call, false, &request, &result, &fail);
	if (rc == RC_OK) {
		count = json_get_integer(result, STR("count"));
		rc = as_json ? print_result_json(call, result, &count, &fail) : print_result(call, result, &count, &fail);
	}
	int status = command_done(call, rc, &fail);
	return status == EXIT_DONE && count ? EXIT_FAILED : status;
}
