#include "daemon/control.h"

typedef enum rc verb_fn(struct house *house, struct arena *arena, json request, struct buf *out, struct fail *fail);

static enum rc verb_version(struct house *house, struct arena *arena, json request, struct buf *out, struct fail *fail)
{
	(void)arena;
	(void)request;
	(void)fail;
	json_put_key(out, STR("version"));
	json_put_text(out, STR(EXEUNT_VERSION));
	json_put_key(out, STR("server_name"));
	json_put_text(out, house->settings->server_name);
	return RC_OK;
}

static const struct {
	str name;
	verb_fn *run;
} verbs[] = {
	{STR_INIT("version"), verb_version},
};

enum rc control_run(struct house *house, struct arena *arena, json request, struct buf *out, struct fail *fail)
{
	str name = json_get_text(request, STR("verb"));
	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		if (str_eq(verbs[i].name, name))
			return verbs[i].run(house, arena, request, out, fail);
	return fail_set(fail, RC_UNRECOGNIZED, "there is no verb '%.*s'", STR_ARG(str_first(name, 40)));
}
