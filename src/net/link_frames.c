#include "net/link_frames.h"

#include <endian.h>
#include <string.h>

enum { STATUS_MAX = 999 };

/* The fields of each kind, in their order. */
struct field {
	size_t offset; /* in struct link_frame; a str */
	size_t max_bytes;
};

#define FIELD(member, max_bytes)                                                                   \
	{                                                                                          \
		offsetof(struct link_frame, u.member), max_bytes                                   \
	}

static const struct field hello_fields[] = {
    FIELD(hello.secret, LINK_SECRET_MAX_BYTES),
};
static const struct field request_fields[] = {
    FIELD(request.method, LINK_METHOD_MAX_BYTES),
    FIELD(request.path, LINK_HEAD_MAX_BYTES),
    FIELD(request.query, LINK_HEAD_MAX_BYTES),
    FIELD(request.authorization, LINK_HEAD_MAX_BYTES),
    FIELD(request.content_type, LINK_HEAD_MAX_BYTES),
    FIELD(request.client_address, LINK_ADDRESS_MAX_BYTES),
    FIELD(request.body, LINK_BODY_MAX_BYTES),
};
static const struct field answer_fields[] = {
    FIELD(answer.retry_after, LINK_RETRY_AFTER_MAX_BYTES),
    FIELD(answer.body, LINK_BODY_MAX_BYTES),
};

static bool fields_of(unsigned kind, const struct field **ret_fields, size_t *ret_count)
{
	switch (kind) {
	case LINK_HELLO:
		*ret_fields = hello_fields;
		*ret_count = COUNT_OF(hello_fields);
		return true;
	case LINK_REQUEST:
		*ret_fields = request_fields;
		*ret_count = COUNT_OF(request_fields);
		return true;
	case LINK_ANSWER:
		*ret_fields = answer_fields;
		*ret_count = COUNT_OF(answer_fields);
		return true;
	default:
		return false;
	}
}

/* Bytes of numbers between the kind and the fields. */
static size_t numbers_bytes(unsigned kind)
{
	return kind == LINK_HELLO ? 1 : kind == LINK_REQUEST ? 8 : 8 + 2;
}

/* ---- writing ---- */

static void number_put(struct buf *out, uint64_t value, size_t bytes)
{
	uint64_t big = htobe64(value);
	buf_put(out, str_bytes((const char *)&big + sizeof big - bytes, bytes));
}

static str *text_of(struct link_frame *frame, const struct field *field)
{
	return (str *)(void *)((char *)frame + field->offset);
}

static void numbers_put(struct buf *out, const struct link_frame *frame)
{
	if (frame->kind == LINK_HELLO)
		number_put(out, frame->u.hello.version, 1);
	else
		number_put(out, frame->id, 8);
	if (frame->kind == LINK_ANSWER)
		number_put(out, (uint64_t)frame->u.answer.status, 2);
}

enum rc link_frame_put(struct buf *out, const struct link_frame *frame)
{
	struct link_frame copy = *frame;
	const struct field *fields = NULL;
	size_t count = 0, bytes = 1 + numbers_bytes(frame->kind);
	if (!fields_of(frame->kind, &fields, &count))
		return RC_INVALID_PARAM;
	for (size_t i = 0; i < count; i++) {
		str text = *text_of(&copy, &fields[i]);
		if (text.n > fields[i].max_bytes)
			return RC_TOO_LARGE;
		bytes += LINK_LENGTH_BYTES + text.n;
	}
	number_put(out, bytes, LINK_LENGTH_BYTES);
	number_put(out, frame->kind, 1);
	numbers_put(out, frame);
	for (size_t i = 0; i < count; i++) {
		str text = *text_of(&copy, &fields[i]);
		number_put(out, text.n, LINK_LENGTH_BYTES);
		buf_put(out, text);
	}
	return buf_status(out);
}

/* ---- reading ---- */

static bool number_take(str *cursor, size_t bytes, uint64_t *ret_value)
{
	uint64_t big = 0;
	if (cursor->n < bytes)
		return false;
	memcpy((char *)&big + sizeof big - bytes, cursor->p, bytes);
	*cursor = str_from(*cursor, bytes);
	*ret_value = be64toh(big);
	return true;
}

static bool text_take(str *cursor, size_t max_bytes, str *ret_text)
{
	uint64_t n;
	if (!number_take(cursor, LINK_LENGTH_BYTES, &n) || n > max_bytes || n > cursor->n)
		return false;
	*ret_text = str_first(*cursor, n);
	*cursor = str_from(*cursor, n);
	return true;
}

static bool numbers_take(str *cursor, struct link_frame *frame)
{
	uint64_t version = 0, status = 0;
	if (frame->kind == LINK_HELLO) {
		if (!number_take(cursor, 1, &version))
			return false;
		frame->u.hello.version = (unsigned)version;
		return true;
	}
	if (!number_take(cursor, 8, &frame->id))
		return false;
	if (frame->kind != LINK_ANSWER)
		return true;
	if (!number_take(cursor, 2, &status) || status > STATUS_MAX)
		return false;
	frame->u.answer.status = (int)status;
	return true;
}

/* `inside` is all of the frame behind its length. */
static bool frame_read(str inside, struct link_frame *ret_frame)
{
	struct link_frame frame = {0};
	const struct field *fields = NULL;
	size_t count = 0;
	uint64_t kind;
	if (!number_take(&inside, 1, &kind) || !fields_of((unsigned)kind, &fields, &count))
		return false;
	frame.kind = (enum link_kind)kind;
	if (!numbers_take(&inside, &frame))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!text_take(&inside, fields[i].max_bytes, text_of(&frame, &fields[i])))
			return false;
	if (inside.n > 0)
		return false;
	*ret_frame = frame;
	return true;
}

enum link_verdict link_frame_take(
    str *cursor, size_t max_bytes, struct link_frame *ret_frame, size_t *ret_needed_bytes)
{
	str rest = *cursor;
	uint64_t n;
	if (!number_take(&rest, LINK_LENGTH_BYTES, &n)) {
		*ret_needed_bytes = LINK_LENGTH_BYTES;
		return LINK_PART;
	}
	if (n > max_bytes || LINK_LENGTH_BYTES + n > max_bytes)
		return LINK_BROKEN;
	if (rest.n < n) {
		*ret_needed_bytes = LINK_LENGTH_BYTES + n;
		return LINK_PART;
	}
	if (!frame_read(str_first(rest, n), ret_frame))
		return LINK_BROKEN;
	*cursor = str_from(rest, n);
	return LINK_WHOLE;
}
