/*
 * exeunt check: the settings were read and judged when it starts; it looks through the data and
 * says what is wrong.
 */
#include "daemon/request.h"

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

int command_check(struct command_call *call)
{
	const struct settings *settings = &call->options->settings;
	bool as_json = wants(call, OPTION_JSON);
	struct fail fail = {0};
	struct buf request;
	json result;
	if (wants(call, OPTION_EXAMPLE))
		return print_example(call);
	if (!as_json)
		puts("The configuration is in order.");
	if (!desk_has_data(settings)) {
		if (as_json)
			puts("{\"findings\":[],\"count\":0}");
		else
			printf("There is no data yet in %.*s.\n", STR_ARG(settings->server_data));
		return command_done(call, RC_OK, &fail);
	}
	fflush(stdout);
	request_begin(&request, call->arena, "check");
	enum rc rc = request_once(call, false, &request, &result, &fail);
	if (rc == RC_OK && as_json)
		print_json(call->arena, result);
	else if (rc == RC_OK)
		print_findings(result);
	int status = command_done(call, rc, &fail);
	return status == EXIT_DONE && json_get_integer(result, STR("count")) ? EXIT_FAILED : status;
}
