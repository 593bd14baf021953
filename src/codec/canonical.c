#include "codec/canonical.h"

#include "codec/json_int.h"

enum {
	KEYS_ON_STACK = 32, /* more members than these take their array from the arena */
};

struct writer {
	struct buf *buf;
	struct fail *fail;
	bool lenient;
	str key; /* of the innermost member that is being written; a NULL pointer outside of objects */
};

static enum rc put_value(struct writer *w, json v, unsigned depth);

static enum rc refuse(const struct writer *w, const char *reason)
{
	if (!w->key.p)
		return fail_set(w->fail, RC_BAD_JSON, "The value %s", reason);
	return fail_set(w->fail, RC_BAD_JSON, "The value of \"%.*s\" %s", STR_ARG(json_key_shown(w->key)),
	                reason);
}

static enum rc put_number(struct writer *w, json v)
{
	int64_t value;
	if (w->lenient)
		return json_put_any_number(w->buf, v) ? RC_OK : refuse(w, "is a number beyond all bounds");
	if (json_type(v) == YYJSON_TYPE_RAW)
		return refuse(w, "is a number beyond all bounds");
	if (json_subtype(v) == YYJSON_SUBTYPE_REAL)
		return refuse(w, "must be an integer between -(2^53-1) and 2^53-1, not a float");
	if (!json_integer(v, &value))
		return refuse(w, "is beyond the integers from -(2^53-1) to 2^53-1");
	buf_put_i64(w->buf, value);
	return RC_OK;
}

static enum rc put_array(struct writer *w, json array, unsigned depth)
{
	json v = array + 1;
	buf_putc(w->buf, '[');
	for (size_t i = 0; i < json_length(array); i++, v = json_after(v)) {
		if (i > 0)
			buf_putc(w->buf, ',');
		TRY(put_value(w, v, depth));
	}
	buf_putc(w->buf, ']');
	return RC_OK;
}

static bool is_among(str key, const str *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(key, names[i]))
			return true;
	return false;
}

/* Collects the keys that are not left out, sorted; returns how many. */
static size_t collect_keys(json object, const str *left_out, size_t count, json *keys)
{
	bool ascending = true;
	size_t n = 0;
	json key = object + 1;
	for (size_t i = json_length(object); i > 0; i--, key = json_after(key + 1)) {
		if (is_among(json_bytes(key), left_out, count))
			continue;
		if (n > 0 && ascending)
			ascending = str_cmp(json_bytes(keys[n - 1]), json_bytes(key)) < 0;
		keys[n++] = key;
	}
	if (!ascending)
		json_keys_sort(keys, n);
	return n;
}

static enum rc put_object(struct writer *w, json object, unsigned depth, const str *left_out, size_t count)
{
	json few[KEYS_ON_STACK];
	json *keys = few;
	if (json_length(object) > COUNT_OF(few)) {
		keys = arena_alloc(w->buf->arena, json_length(object) * sizeof *keys);
		if (!keys)
			return arena_status(w->buf->arena);
	}
	size_t n = collect_keys(object, left_out, count, keys);
	buf_putc(w->buf, '{');
	for (size_t i = 0; i < n; i++) {
		w->key = json_bytes(keys[i]);
		json_put_key(w->buf, w->key);
		TRY(put_value(w, keys[i] + 1, depth));
	}
	buf_putc(w->buf, '}');
	return RC_OK;
}

static enum rc put_value(struct writer *w, json v, unsigned depth)
{
	TRY(buf_status(w->buf));
	if (!json_is_container(v)) {
		if (json_type(v) == YYJSON_TYPE_NUM || json_type(v) == YYJSON_TYPE_RAW)
			return put_number(w, v);
		json_put(w->buf, v);
		return RC_OK;
	}
	if (depth == JSON_DEPTH_MAX)
		return refuse(w, "is nested too deeply");
	if (json_type(v) == YYJSON_TYPE_OBJ)
		return put_object(w, v, depth + 1, NULL, 0);
	return put_array(w, v, depth + 1);
}

static enum rc put_whole(struct writer *w, json v)
{
	if (!v)
		return refuse(w, "is missing");
	TRY(put_value(w, v, 0));
	return buf_status(w->buf);
}

static enum rc put_without(struct writer *w, json object, const str *left_out, size_t count)
{
	if (!json_is_object(object))
		return refuse(w, "must be an object");
	TRY(buf_status(w->buf));
	TRY(put_object(w, object, 1, left_out, count));
	return buf_status(w->buf);
}

enum rc canonical_put(struct buf *buf, json v, struct fail *fail)
{
	struct writer w = {.buf = buf, .fail = fail};
	return put_whole(&w, v);
}

enum rc canonical_put_lenient(struct buf *buf, json v, struct fail *fail)
{
	struct writer w = {.buf = buf, .fail = fail, .lenient = true};
	return put_whole(&w, v);
}

enum rc canonical_put_without(struct buf *buf, json object, const str *left_out, size_t count,
                              struct fail *fail)
{
	struct writer w = {.buf = buf, .fail = fail};
	return put_without(&w, object, left_out, count);
}

enum rc canonical_put_lenient_without(struct buf *buf, json object, const str *left_out, size_t count,
                                      struct fail *fail)
{
	struct writer w = {.buf = buf, .fail = fail, .lenient = true};
	return put_without(&w, object, left_out, count);
}
