/* Receipts and read markers: Client-Server API, "Receipts", "Read and unread markers". */
#include "api/endpoints.h"
#include "matrix/ids.h"

static const char *const types[READ_MARKS_MAX] = {"m.fully_read", "m.read", "m.read.private"};

static bool is_type(str type)
{
	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (str_eq(type, str_of(types[i])))
			return true;
	return false;
}

enum rc client_receipt(struct api_request *rq)
{
	struct read_mark mark = {
	    .type = rq->path_params[1], .event_id = rq->path_params[2], .field = "eventId"};
	const struct field fields[] = {
	    {"thread_id", FIELD_TEXT, false, 1, ID_MAX_BYTES,
		offsetof(struct read_mark, thread_id)},
	};
	TRY(api_read_body(rq, fields, COUNT_OF(fields), &mark));
	if (!is_type(mark.type))
		return fail_set(&rq->fail, RC_INVALID_PARAM,
		    "receiptType: m.read, m.read.private and m.fully_read are known");
	TRY(sync_set_read_marks(
	    rq->ctx->syncs, rq->arena, &rq->session, rq->path_params[0], &mark, 1, &rq->fail));
	return api_answer_empty_object(rq);
}

enum rc client_read_markers(struct api_request *rq)
{
	str event_ids[READ_MARKS_MAX] = {0};
	struct read_mark marks[READ_MARKS_MAX];
	struct field fields[READ_MARKS_MAX];
	size_t count = 0;
	for (size_t i = 0; i < READ_MARKS_MAX; i++)
		fields[i] =
		    (struct field){types[i], FIELD_TEXT, false, 1, ID_MAX_BYTES, i * sizeof(str)};
	TRY(api_read_body(rq, fields, READ_MARKS_MAX, event_ids));
	for (size_t i = 0; i < READ_MARKS_MAX; i++)
		if (event_ids[i].n)
			marks[count++] = (struct read_mark){
			    .type = str_of(types[i]), .event_id = event_ids[i], .field = types[i]};
	TRY(sync_set_read_marks(
	    rq->ctx->syncs, rq->arena, &rq->session, rq->path_params[0], marks, count, &rq->fail));
	return api_answer_empty_object(rq);
}
