#include "daemon/control.h"

#include "daemon/verbs.h"

enum rc verb_text(struct verb_call *call, const char *name, str *ret_text)
{
	str text = json_get_text(call->request, str_of(name));
	if (!text.n)
		return fail_set(call->fail, RC_MISSING_PARAM, "%s is missing", name);
	*ret_text = text;
	return RC_OK;
}

bool verb_flag(const struct verb_call *call, const char *name)
{
	return json_is_true(json_get(call->request, str_of(name)));
}

void put_text_member(struct buf *out, const char *name, str value)
{
	json_put_key(out, str_of(name));
	json_put_text(out, value);
}

void put_integer_member(struct buf *out, const char *name, int64_t value)
{
	json_put_key(out, str_of(name));
	buf_put_i64(out, value);
}

void put_bool_member(struct buf *out, const char *name, bool value)
{
	json_put_key(out, str_of(name));
	buf_put(out, value ? STR("true") : STR("false"));
}

enum rc verb_server(struct verb_call *call)
{
	put_text_member(call->out, "version", STR(EXEUNT_VERSION));
	put_text_member(call->out, "server_name", call->house->settings->server_name);
	return RC_OK;
}

static const struct {
	str name;
	verb_fn *run;
} verbs[] = {
	{STR_INIT("server"), verb_server},
	{STR_INIT("user.add"), verb_user_add},
	{STR_INIT("user.list"), verb_user_list},
	{STR_INIT("user.reset_password"), verb_user_reset_password},
	{STR_INIT("user.set_admin"), verb_user_set_admin},
	{STR_INIT("user.deactivate"), verb_user_deactivate},
	{STR_INIT("deactivation.list"), verb_deactivation_list},
	{STR_INIT("deactivation.show"), verb_deactivation_show},
	{STR_INIT("check"), verb_check},
	{STR_INIT("check.rooms"), verb_check_rooms},
};

enum rc control_run(
    struct house *house, struct arena *arena, json request, struct buf *out, struct fail *fail)
{
	struct verb_call call = {house, arena, request, out, fail};
	str name = STR_EMPTY;
	if (!json_is_object(request))
		return fail_set(fail, RC_BAD_JSON, "the request must be an object");
	TRY(verb_text(&call, "verb", &name));
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		if (!str_eq(verbs[i].name, name))
			continue;
		buf_putc(out, '{');
		TRY(verbs[i].run(&call));
		buf_putc(out, '}');
		return buf_status(out);
	}
	return fail_set(
	    fail, RC_UNRECOGNIZED, "there is no verb '%.*s'", STR_ARG(str_first(name, 40)));
}
