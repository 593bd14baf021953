/* Dehydrated devices: MSC3814. */
#include "api/endpoints.h"

#include "core/keys/dehydrated.h"
#include "matrix/ids.h"

enum {
	DEHYDRATED_ANSWER_MAX_BYTES = 2 * DEHYDRATED_DATA_MAX_BYTES,
	EVENTS_ANSWER_MAX_BYTES = 64 << 20,
};

/* PUT …/dehydrated_device */
enum rc client_put_dehydrated_device(struct api_request *rq)
{
	struct dehydration in = {.body = rq->body};
	json device_keys;
	struct buf out;
	const struct field fields[] = {
	    {"device_id", FIELD_TEXT, true, 1, DEVICE_ID_MAX_BYTES,
		offsetof(struct dehydration, device_id)},
	    {"device_data", FIELD_OBJECT, true, 0, 0, offsetof(struct dehydration, data)},
	    {"initial_device_display_name", FIELD_TEXT, false, 0, DEHYDRATED_NAME_MAX_BYTES,
		offsetof(struct dehydration, display_name)},
	};
	const struct field keys[] = {{"device_keys", FIELD_OBJECT, true, 0, 0, 0}};
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &in));
	TRY(api_read_body(rq, keys, COUNT_OF(keys), &device_keys));
	TRY(dehydrated_device_put(rq->ctx->keys, rq->arena, &rq->session, &in, &rq->fail));
	buf_init(&out, rq->arena, DEHYDRATED_ANSWER_MAX_BYTES);
	buf_put(&out, STR("{\"device_id\":"));
	json_put_text(&out, in.device_id);
	buf_putc(&out, '}');
	return api_answer_buf(rq, &out);
}

/* GET …/dehydrated_device */
enum rc client_dehydrated_device(struct api_request *rq)
{
	struct buf out;
	buf_init(&out, rq->arena, DEHYDRATED_ANSWER_MAX_BYTES);
	TRY(dehydrated_device_answer(rq->ctx->keys, rq->arena, &rq->session, &out, &rq->fail));
	return api_answer_buf(rq, &out);
}

/* DELETE …/dehydrated_device */
enum rc client_delete_dehydrated_device(struct api_request *rq)
{
	struct buf out;
	buf_init(&out, rq->arena, DEHYDRATED_ANSWER_MAX_BYTES);
	TRY(dehydrated_device_delete(rq->ctx->keys, rq->arena, &rq->session, &out, &rq->fail));
	return api_answer_buf(rq, &out);
}

/* POST …/dehydrated_device/{deviceId}/events */
enum rc client_dehydrated_events(struct api_request *rq)
{
	struct dehydrated_events_wish wish = {.device_id = rq->path_params[0]};
	struct buf out;
	int64_t limit;
	const struct field fields[] = {
	    {"next_batch", FIELD_TEXT, false, 0, 0,
		offsetof(struct dehydrated_events_wish, next_batch)},
	};
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &wish));
	TRY(api_query_integer(rq, STR("limit"), 1, INT64_MAX, TO_DEVICE_LIMIT, &limit));
	wish.limit = limit > TO_DEVICE_LIMIT ? TO_DEVICE_LIMIT : (size_t)limit;
	buf_init(&out, rq->arena, EVENTS_ANSWER_MAX_BYTES);
	TRY(dehydrated_events_answer(
	    rq->ctx->keys, rq->arena, &rq->session, &wish, &out, &rq->fail));
	return api_answer_buf(rq, &out);
}
