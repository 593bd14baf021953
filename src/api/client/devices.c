/* Devices: Client-Server API, "Device Management". */
#include "api/client/uia.h"
#include "api/endpoints.h"

enum {
	DEVICES_ANSWER_MAX_BYTES = 16 << 20,
	DEVICES_DELETED_MAX = 1000,
	DEVICE_NAME_MAX_BYTES = 255,
};

enum rc client_devices(struct api_request *rq)
{
	struct buf body;
	buf_init(&body, rq->arena, DEVICES_ANSWER_MAX_BYTES);
	buf_putc(&body, '{');
	TRY(keys_devices(rq->ctx->keys, rq->arena, &rq->session, &body));
	buf_putc(&body, '}');
	return api_answer_buf(rq, &body);
}

enum rc client_device(struct api_request *rq)
{
	struct buf body;
	buf_init(&body, rq->arena, DEVICES_ANSWER_MAX_BYTES);
	TRY(keys_device(
	    rq->ctx->keys, rq->arena, &rq->session, rq->path_params[0], &body, &rq->fail));
	return api_answer_buf(rq, &body);
}

enum rc client_update_device(struct api_request *rq)
{
	struct {
		str display_name;
	} in = {0};
	static const struct field fields[] = {
	    {"display_name", FIELD_TEXT, false, 0, DEVICE_NAME_MAX_BYTES,
		offsetof(__typeof__(in), display_name)},
	};
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &in));
	TRY(keys_device_rename(
	    rq->ctx->keys, &rq->session, rq->path_params[0], in.display_name, &rq->fail));
	return api_answer_empty_object(rq);
}

static enum rc devices_delete(
    struct api_request *rq, str subject, const str *device_ids, size_t count)
{
	struct uia_request uia = {.purpose = UIA_DEVICE_DELETE,
	    .body = rq->body,
	    .subject = subject,
	    .session = &rq->session};
	bool may_go_on;
	TRY(client_uia(rq, &uia, &may_go_on));
	if (!may_go_on)
		return RC_OK;
	TRY(keys_devices_delete(rq->ctx->keys, &rq->session, device_ids, count, &rq->fail));
	accounts_drop_sessions(rq->ctx->accounts, rq->session.user);
	return api_answer_empty_object(rq);
}

enum rc client_delete_device(struct api_request *rq)
{
	return devices_delete(rq, rq->path_params[0], &rq->path_params[0], 1);
}

enum rc client_delete_devices(struct api_request *rq)
{
	struct {
		json devices;
	} in = {0};
	static const struct field fields[] = {
	    {"devices", FIELD_ARRAY, true, 0, 0, offsetof(__typeof__(in), devices)},
	};
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &in));
	struct json_iter iter = json_iter(in.devices);
	size_t count = 0;
	json value;
	if (json_count(in.devices) > DEVICES_DELETED_MAX)
		return fail_set(&rq->fail, RC_INVALID_PARAM, "devices may have at most %d entries",
		    DEVICES_DELETED_MAX);
	str *device_ids = arena_array(rq->arena, str, json_count(in.devices));
	TRY(arena_status(rq->arena));
	while (json_next(&iter, NULL, &value))
		if (!json_text(value, &device_ids[count++]))
			return fail_set(
			    &rq->fail, RC_BAD_JSON, "devices must be an array of strings");
	return devices_delete(rq, STR_EMPTY, device_ids, count);
}
