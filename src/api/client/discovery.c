/* What a client reads before and just after it logs in: Client-Server API, "API Versions", "Well-known URI", "Capabilities". */
#include "api/endpoints.h"

#include "matrix/room_version.h"

enum { DISCOVERY_MAX_BYTES = 8192 };

enum rc client_health(struct api_request *rq)
{
	return api_answer(rq, 200, STR("{\"status\":\"ok\"}"));
}

/*
 * v1.11 asks for authenticated media, which this server does not have yet: clients would call what is not there.
 * org.matrix.msc3759 makes the absence of the marker mean something.
 */
enum rc client_versions(struct api_request *rq)
{
	static const char *const versions[] = {
	    "v1.1",
	    "v1.2",
	    "v1.3",
	    "v1.4",
	    "v1.5",
	    "v1.6",
	    "v1.7",
	    "v1.8",
	    "v1.9",
	    "v1.10",
	};
	struct buf body;
	buf_init(&body, rq->arena, DISCOVERY_MAX_BYTES);
	buf_put(&body, STR("{\"versions\":["));
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		json_put_comma(&body);
		json_put_text(&body, str_of(versions[i]));
	}
	buf_printf(&body,
	    "],\"unstable_features\":{\"org.matrix.msc3759\":%s,\"org.matrix.msc4140\":true,"
	    "\"org.matrix.msc4222\":true,\"org.matrix.simplified_msc3575\":true}}",
	    rq->ctx->marker_advertised ? "true" : "false");
	return api_answer_buf(rq, &body);
}

enum rc client_well_known(struct api_request *rq)
{
	struct buf body;
	if (rq->ctx->public_base_url.n == 0)
		return fail_set(
		    &rq->fail, RC_NOT_FOUND, "This server does not say where its clients shall go");
	buf_init(&body, rq->arena, DISCOVERY_MAX_BYTES);
	buf_put(&body, STR("{\"m.homeserver\":{\"base_url\":"));
	json_put_text(&body, rq->ctx->public_base_url);
	buf_put(&body, STR("}}"));
	return api_answer_buf(rq, &body);
}

static void put_member(struct buf *body, const char *name, str value)
{
	if (value.n == 0)
		return;
	json_put_key(body, str_of(name));
	json_put_text(body, value);
}

enum rc client_well_known_support(struct api_request *rq)
{
	const struct support *support = &rq->ctx->support;
	struct buf body;
	if (support->matrix_id.n == 0 && support->email_address.n == 0 && support->page.n == 0)
		return fail_set(
		    &rq->fail, RC_NOT_FOUND, "This server does not say whom to ask for help");
	buf_init(&body, rq->arena, DISCOVERY_MAX_BYTES);
	buf_putc(&body, '{');
	if (support->matrix_id.n > 0 || support->email_address.n > 0) {
		buf_put(&body, STR("\"contacts\":[{\"role\":\"m.role.admin\""));
		put_member(&body, "matrix_id", support->matrix_id);
		put_member(&body, "email_address", support->email_address);
		buf_put(&body, STR("}]"));
	}
	put_member(&body, "support_page", support->page);
	buf_putc(&body, '}');
	return api_answer_buf(rq, &body);
}

static void put_enabled(struct buf *body, const char *name, bool enabled)
{
	json_put_key(body, str_of(name));
	buf_printf(body, "{\"enabled\":%s}", enabled ? "true" : "false");
}

enum rc client_capabilities(struct api_request *rq)
{
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	struct buf body;
	buf_init(&body, rq->arena, DISCOVERY_MAX_BYTES);
	buf_put(&body, STR("{\"capabilities\":{\"m.room_versions\":{\"default\":"));
	json_put_text(&body, rq->ctx->default_room_version);
	buf_put(&body, STR(",\"available\":{"));
	for (size_t i = 0; i < count; i++) {
		json_put_key(&body, versions[i].name);
		json_put_text(&body, versions[i].stable ? STR("stable") : STR("unstable"));
	}
	buf_put(&body, STR("}}"));
	put_enabled(&body, "m.change_password", true);
	put_enabled(&body, "m.profile_fields", true);
	put_enabled(&body, "m.set_displayname", true);
	put_enabled(&body, "m.set_avatar_url", true);
	put_enabled(&body, "m.3pid_changes", false);
	put_enabled(&body, "m.get_login_token", true);
	put_enabled(&body, "m.forget_forced_upon_leave", false);
	json_put_key(&body, STR("org.matrix.msc4140.delayed_events"));
	delayed_limits_put(rq->ctx->delayed, &body);
	if (rq->session.admin) {
		json_put_key(&body, STR("m.account_moderation"));
		buf_put(&body, STR("{\"suspend\":true,\"lock\":true}"));
	}
	buf_put(&body, STR("}}"));
	return api_answer_buf(rq, &body);
}
